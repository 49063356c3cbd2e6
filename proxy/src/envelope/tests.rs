use super::*;

fn record() -> Record {
    Record {
        environment: "test".into(),
        log: "BURGEE_FLAGS".into(),
        subject: "burgee.flags.checkout".into(),
        revision: 1,
        previous: None,
        who: "ann@desk".into(),
        why: "first".into(),
        when: "2026-11-23T10:00:00Z".parse().unwrap(),
        change: Change::Put(Document::FlagSet(FlagSetText {
            format: Format::Yaml,
            text: "flags: {}\n".into(),
        })),
    }
}

fn check(bytes: &[u8]) -> Result<Verified, Rejection> {
    verify(
        &Bytes::copy_from_slice(bytes),
        "test",
        &Log::flags(),
        "burgee.flags.checkout",
    )
}

#[test]
fn what_is_sealed_verifies_and_says_the_same() {
    let sealed = seal(record()).unwrap();
    let verified = check(sealed.envelope()).unwrap();
    assert_eq!(verified.record(), &record());
    assert_eq!(verified.digest(), sealed.digest());
}

/// The format is a promise to every other reader, so its bytes are pinned.
#[test]
fn the_payload_is_as_documented() {
    let sealed = seal(record()).unwrap();
    let outer: serde_json::Value = serde_json::from_slice(sealed.envelope()).unwrap();
    let payload = BASE64.decode(outer["payload"].as_str().unwrap()).unwrap();
    assert_eq!(
        String::from_utf8(payload).unwrap(),
        r#"{"environment":"test","log":"BURGEE_FLAGS","subject":"burgee.flags.checkout","revision":1,"previous":null,"who":"ann@desk","why":"first","when":"2026-11-23T10:00:00Z","operation":"put","document":{"format":"yaml","text":"flags: {}\n"}}"#
    );
}

#[test]
fn other_encodings_of_the_same_payload_are_refused() {
    let sealed = seal(record()).unwrap();
    let text = std::str::from_utf8(sealed.envelope()).unwrap();
    assert_eq!(
        check(text.replace("\":", "\": ").as_bytes()).unwrap_err(),
        Rejection::NotCanonical
    );
    assert_eq!(
        check(format!("{text}\n").as_bytes()).unwrap_err(),
        Rejection::NotCanonical
    );
    assert!(matches!(
        check(
            text.replace("\"signatures\":[]", "\"signatures\":[],\"x\":1")
                .as_bytes()
        ),
        Err(Rejection::Malformed(_))
    ));
    let unpadded = text.replace("=\"", "\"");
    assert!(unpadded == text || check(unpadded.as_bytes()).is_err());
}

#[test]
fn signatures_that_nobody_checked_are_refused() {
    let sealed = seal(record()).unwrap();
    let text = std::str::from_utf8(sealed.envelope()).unwrap();
    let signed = text.replace(
        "\"signatures\":[]",
        r#""signatures":[{"keyid":"k","sig":"AA=="}]"#,
    );
    assert_eq!(check(signed.as_bytes()).unwrap_err(), Rejection::Signatures);
}

#[test]
fn a_record_counts_only_where_it_belongs() {
    let sealed = seal(record()).unwrap();
    let at = |environment: &str, subject: &str| {
        verify(sealed.envelope(), environment, &Log::flags(), subject).unwrap_err()
    };
    assert_eq!(at("prod", "burgee.flags.checkout").reason(), "environment");
    assert_eq!(at("test", "burgee.flags.other").reason(), "subject");
    let eu = Log::overrides("eu").unwrap();
    let in_eu = verify(sealed.envelope(), "test", &eu, "burgee.flags.checkout").unwrap_err();
    assert_eq!(
        in_eu.to_string(),
        "it is a record of the log \"BURGEE_FLAGS\", and what is read here is BURGEE_OVERRIDES_EU"
    );
}

#[test]
fn every_flipped_bit_outside_the_text_is_noticed_or_harmless() {
    let sealed = seal(record()).unwrap();
    for at in 0..sealed.envelope().len() {
        for bit in 0..8 {
            let mut bytes = sealed.envelope().to_vec();
            bytes[at] ^= 1 << bit;
            if let Ok(other) = check(&bytes) {
                assert_ne!(
                    other.digest(),
                    sealed.digest(),
                    "byte {at} bit {bit} changed nothing"
                );
            }
        }
    }
}

#[test]
fn revisions_and_previous_agree() {
    let wrong = [(0, None), (2, None), (1, Some(Digest([7; 32])))];
    for (revision, previous) in wrong {
        assert_eq!(
            seal(Record {
                revision,
                previous,
                ..record()
            })
            .unwrap_err()
            .reason(),
            "record"
        );
    }
}

fn sealed_text(text: String) -> Result<Verified, Rejection> {
    let set = FlagSetText {
        format: Format::Yaml,
        text,
    };
    // Everything else as long as it may be, and of what takes most room.
    seal(Record {
        who: "\"".repeat(MAX_WHO_BYTES),
        why: "\\".repeat(MAX_WHY_BYTES),
        change: Change::Put(Document::FlagSet(set)),
        ..record()
    })
}

#[test]
fn a_document_at_its_bound_has_a_record_and_one_beyond_has_none() {
    let says = |text: String| match sealed_text(text) {
        Err(Rejection::Record(message)) => message,
        other => panic!("{other:?}"),
    };
    sealed_text("#".repeat(MAX_DOCUMENT_BYTES)).unwrap();
    let long = says("#".repeat(MAX_DOCUMENT_BYTES + 1));
    assert!(long.contains("it has 524289 bytes"), "{long}");

    // Two of the bytes are the string's own quotation marks.
    let tabs = (MAX_DOCUMENT_JSON_BYTES - 2) / 2;
    sealed_text("\t".repeat(tabs)).unwrap();
    let long = says("\t".repeat(tabs) + "#");
    assert!(long.contains("it has 720001 bytes"), "{long}");
}

/// What was recorded before that bound was asked for stays in force.
#[test]
fn a_reader_takes_what_its_envelope_has_room_for() {
    let sealed = seal(record()).unwrap();
    let outer: serde_json::Value = serde_json::from_slice(sealed.envelope()).unwrap();
    let payload = BASE64.decode(outer["payload"].as_str().unwrap()).unwrap();
    let payload = String::from_utf8(payload).unwrap();
    let tabs = "\\t".repeat(MAX_DOCUMENT_JSON_BYTES / 2);
    let longer = payload.replace("flags: {}\\n", &tabs);
    assert!(longer.len() > MAX_DOCUMENT_JSON_BYTES);
    check(&encode(longer.as_bytes())).unwrap();
}

#[test]
fn an_envelope_at_its_bound_is_parsed_and_one_beyond_is_not() {
    let reason = |bytes| check(&vec![b'{'; bytes]).unwrap_err().reason();
    assert_eq!(reason(MAX_ENVELOPE_BYTES), "malformed");
    assert_eq!(reason(MAX_ENVELOPE_BYTES + 1), "too_large");
}
