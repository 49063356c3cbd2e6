//! A pin that is written into a text changes nothing else.

use burgee_eval::fix::{Unfixable, pin_bucketing};
use burgee_eval::lint::{self, World};
use burgee_eval::text::{Format, parse};

/// What is written is `text` with `«` and `»` around what was inserted.
#[track_caller]
fn fixes(format: Format, marked: &str) {
    let begin = marked.find('«').expect("a mark");
    let end = marked.find('»').expect("a mark");
    let inserted = &marked[begin + '«'.len_utf8()..end];
    let (before, after) = (&marked[..begin], &marked[end + '»'.len_utf8()..]);
    let text = [before, after].concat();
    let fixed = match pin_bucketing(&text, format) {
        Ok(fixed) => fixed,
        Err(error) => panic!("{error}\n{text}"),
    };
    assert_eq!(fixed.text, [before, inserted, after].concat());
    let line = fixed.text.lines().nth(fixed.line as usize - 1);
    assert!(line.is_some_and(|line| line.contains("v3")), "{fixed:?}");
    // Once is enough.
    let again = pin_bucketing(&fixed.text, format);
    assert_eq!(again, Err(Unfixable::Pinned));
}

#[track_caller]
fn refuses(format: Format, text: &str, expected: Unfixable) {
    assert_eq!(pin_bucketing(text, format), Err(expected), "{text}");
}

#[test]
fn json() {
    for marked in [
        // Without metadata.
        "{«\n  \"metadata\": { \"bucketing\": \"v3\" },»\n  \"flags\": {}\n}\n",
        "{«\n\t\"metadata\": { \"bucketing\": \"v3\" },»\n\t\"flags\": {}\n}",
        "{«\r\n    \"metadata\": { \"bucketing\": \"v3\" },»\r\n    \"flags\": {}\r\n}\r\n",
        "{«\"metadata\":{\"bucketing\":\"v3\"},»\"flags\":{}}",
        "{« \"metadata\": { \"bucketing\": \"v3\" },» \"flags\": {} }",
        "{«\"metadata\": { \"bucketing\": \"v3\" }, »\"flags\": {}}",
        "{\n  \"$schema\": \"https://x/y,z\",\n  «\"metadata\": { \"bucketing\": \"v3\" },\n  »\"flags\": {}\n}\n",
        "{«\n  \"metadata\": { \"bucketing\": \"v3\" },»\n  \"flags\": {},\n  \"$schema\": \"x\"\n}\n",
        // With metadata.
        "{\n  \"metadata\": {«\n    \"bucketing\": \"v3\",»\n    \"flagSetId\": \"x\"\n  },\n  \"flags\": {}\n}\n",
        "{\"flags\":{},\"metadata\":{«\"bucketing\":\"v3\",»\"a\":1}}",
        "{ \"flags\": {}, \"metadata\": {« \"bucketing\": \"v3\" »} }",
        "{ \"flags\": {}, \"metadata\": {« \"bucketing\": \"v3\"»\n} }",
        "{ \"flags\": { \"metadata\": { \"metadata\": {} } }, \"metadata\": {« \"bucketing\": \"v3\",» \"ünï\": \"☃}{\" } }",
    ] {
        fixes(Format::Json, marked);
    }
}

#[test]
fn yaml() {
    for marked in [
        // Without metadata.
        "«metadata: { bucketing: v3 }\n»flags: {}\n",
        "«metadata: { bucketing: v3 }\n»flags: {}",
        "# Ours.\n\n«metadata: { bucketing: v3 }\n»flags: # all\n  a: {}\n# end",
        "---\n«metadata: { bucketing: v3 }\n»flags: {}\n...\n",
        "%YAML 1.2\n--- # x\n«metadata: { bucketing: v3 }\n»flags: {}\n",
        "\u{feff}«metadata: { bucketing: v3 }\n»flags: {}\n",
        "\u{feff}# ünï ☃\r\n«metadata: { bucketing: v3 }\r\n»flags:\r\n  a: {}\r\n",
        "  «metadata: { bucketing: v3 }\n  »flags: {}\n  $evaluators: {}\n",
        "$schema: x\n\n«metadata: { bucketing: v3 }\n»flags: {}\n",
        "$schema: |\n  metadata:\n    bucketing: v2\n«metadata: { bucketing: v3 }\n»flags: {}\n",
        "&root\n«metadata: { bucketing: v3 }\n»flags: {}\n",
        "? x\n: 1\n«metadata: { bucketing: v3 }\n»flags: {}\n",
        "{« metadata: { bucketing: v3 },» flags: {} }\n",
        "{«metadata: { bucketing: v3 }, »flags: {}}\n",
        "--- {« metadata: { bucketing: v3 },» flags: {} }\n",
        "{«\n  metadata: { bucketing: v3 },»\n  flags: {}\n}\n",
        "{« metadata: { bucketing: v3 },» # all\n  flags: {}\n}\n",
        "{«\"metadata\": { \"bucketing\": \"v3\" }, »\"flags\": {}}\n",
        "&root {« metadata: { bucketing: v3 },» flags: {} }\n",
        // With metadata in lines.
        "metadata:\n«  bucketing: v3\n»  flagSetId: x\nflags: {}\n",
        "metadata: # whose\n«  bucketing: v3\n»  # The name.\n  flagSetId: x # here\n\nflags: {}\n",
        "flags: {}\nmetadata:\n«    bucketing: v3\n»    a: |+\n      text\n\n",
        "flags: {}\r\nmetadata:\r\n«  bucketing: v3\r\n»  a: b\r\n",
        "metadata: &m\n«  bucketing: v3\n»  a: b\nflags: {}\n",
        "metadata:\n  &m\n  «bucketing: v3\n  »a: b\nflags: {}\n",
        "metadata: !!map\n«  bucketing: v3\n»  a: b\nflags: {}\n",
        "\"metadata\":\n«  bucketing: v3\n»  \"a\": b\nflags: {}\n",
        // With metadata in braces.
        "metadata: {« bucketing: v3,» flagSetId: x }\nflags: {}\n",
        "metadata: {«bucketing: v3, »flagSetId: x}\nflags: {}\n",
        "metadata: {« bucketing: v3 »}\nflags: {}\n",
        "metadata: {« bucketing: v3» }\nflags: {}\n",
        "metadata: {« bucketing: v3»\n  # nothing yet {}\n  }\nflags: {}\n",
        "metadata: &m {« bucketing: v3,» a: b } # }\nflags: {}\n",
        "metadata: {«\n  bucketing: v3,»\n  a: \"}{\",\n  }\nflags: {}\n",
        "{ flags: {}, metadata: {« bucketing: v3,» a: b } }\n",
        // Things of the same name elsewhere.
        "flags:\n  metadata:\n    metadata: { a: b }\nx: [{ metadata: {} }]\nmetadata:\n«  bucketing: v3\n»  a: b\n",
        "flags: { metadata: { bucketing: v2 } }\nmetadata: {« bucketing: v3,» a: b }\n",
    ] {
        fixes(Format::Yaml, marked);
    }
}

#[test]
fn what_cannot_be_mended_is_left_alone() {
    for (format, text, expected) in [
        (Format::Json, "{", Unfixable::Unreadable),
        (Format::Json, "[]", Unfixable::Unreadable),
        (Format::Json, "{} // x", Unfixable::Unreadable),
        (Format::Json, "{\"metadata\": null}", Unfixable::NoPlace),
        (
            Format::Json,
            "{\"metadata\": {\"bucketing\": \"v2\"}}",
            Unfixable::Pinned,
        ),
        (Format::Yaml, "a: [", Unfixable::Unreadable),
        (Format::Yaml, "", Unfixable::Unreadable),
        (Format::Yaml, "metadata:\nflags: {}\n", Unfixable::NoPlace),
        (
            Format::Yaml,
            "metadata: { bucketing: 3 }\n",
            Unfixable::Pinned,
        ),
        // The pin would stand in two places.
        (
            Format::Yaml,
            "metadata: &m { a: b }\nflags: { x: { metadata: *m } }\n",
            Unfixable::NoPlace,
        ),
        (
            Format::Yaml,
            "x: &m { a: b }\nmetadata: *m\nflags: {}\n",
            Unfixable::NoPlace,
        ),
        (Format::Yaml, "? metadata\n: a: b\n", Unfixable::NoPlace),
    ] {
        refuses(format, text, expected);
    }
}

/// The samples, with their pin taken out.
#[test]
fn the_samples_are_mended() {
    let samples = [
        include_str!("../../../config/flags/checkout.yaml"),
        include_str!("../../../config/flags/storefront.yaml"),
    ];
    for text in samples {
        let pinned = parse(text, Format::Yaml).expect("it is YAML").value;
        let problems = lint::document(&pinned, &World::default());
        assert!(problems.is_empty(), "{problems:?}");
        let unpinned = text.replace(", bucketing: v3", "");
        assert_ne!(text, unpinned);
        let fixed = pin_bucketing(&unpinned, Format::Yaml).expect("it can be mended");
        let read = parse(&fixed.text, Format::Yaml).expect("it is YAML").value;
        assert_eq!(read, pinned);
    }
}
