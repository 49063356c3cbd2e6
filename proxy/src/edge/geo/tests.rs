use super::*;

/// A field of a record, for [`database`].
enum Field<'a> {
    Text(&'a str),
    Number(u32),
    Short(u16),
    Long(u64),
    Map(&'a [(&'a str, Field<'a>)]),
    List(&'a [Field<'a>]),
}

/// The encoding of <https://maxmind.github.io/MaxMind-DB/>, for values shorter than 29 bytes.
fn encode(field: &Field<'_>, out: &mut Vec<u8>) {
    let head = |kind: u8, length: usize| (kind << 5) | u8::try_from(length).unwrap();
    match field {
        Field::Text(text) => {
            out.push(head(2, text.len()));
            out.extend(text.bytes());
        }
        Field::Number(number) => {
            out.push(head(6, 4));
            out.extend(number.to_be_bytes());
        }
        Field::Short(number) => {
            out.push(head(5, 2));
            out.extend(number.to_be_bytes());
        }
        Field::Long(number) => {
            out.extend([head(0, 8), 2]);
            out.extend(number.to_be_bytes());
        }
        Field::Map(entries) => {
            out.push(head(7, entries.len()));
            for (key, value) in *entries {
                encode(&Field::Text(key), out);
                encode(value, out);
            }
        }
        Field::List(items) => {
            out.extend([head(0, items.len()), 4]);
            items.iter().for_each(|item| encode(item, out));
        }
    }
}

/// A database that has `record` for every IPv4 address below 128.0.0.0, and nothing above.
fn database(record: &Field<'_>) -> Vec<u8> {
    // One node of two 24-bit pointers: 17 is the first byte of data (1 node + 16), 1 is "nothing".
    let mut bytes = vec![0, 0, 17, 0, 0, 1];
    bytes.extend([0; 16]);
    encode(record, &mut bytes);
    bytes.extend(b"\xab\xcd\xefMaxMind.com");
    let metadata = [
        ("node_count", Field::Number(1)),
        ("record_size", Field::Short(24)),
        ("ip_version", Field::Short(4)),
        ("database_type", Field::Text("Test")),
        ("languages", Field::List(&[])),
        ("binary_format_major_version", Field::Short(2)),
        ("binary_format_minor_version", Field::Short(0)),
        ("build_epoch", Field::Long(1)),
        ("description", Field::Map(&[])),
    ];
    encode(&Field::Map(&metadata), &mut bytes);
    bytes
}

fn country(code: &str) -> Vec<u8> {
    database(&Field::Map(&[(
        "country",
        Field::Map(&[("iso_code", Field::Text(code))]),
    )]))
}

fn path(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

#[test]
fn values_are_found_by_their_paths() {
    let record = Field::Map(&[
        ("country", Field::Map(&[("iso_code", Field::Text("DE"))])),
        ("asn", Field::Number(3320)),
        (
            "subdivisions",
            Field::List(&[Field::Map(&[("iso_code", Field::Text("BE"))])]),
        ),
    ]);
    let database = Reader::from_source(database(&record)).unwrap();
    let known: IpAddr = "9.9.9.9".parse().unwrap();
    assert_eq!(
        look_up(&database, known, &path("country.iso_code")),
        Some(Scalar::Text("DE"))
    );
    assert_eq!(
        look_up(&database, known, &path("asn")),
        Some(Scalar::Number(3320.0))
    );
    assert_eq!(
        look_up(&database, known, &path("subdivisions.0.iso_code")),
        Some(Scalar::Text("BE"))
    );
    assert_eq!(
        look_up(&database, known, &path("subdivisions.1.iso_code")),
        None
    );
    assert_eq!(look_up(&database, known, &path("city")), None);
    assert_eq!(
        look_up(&database, known, &path("country")),
        None,
        "an object is no attribute"
    );
    for unknown in ["200.0.0.1", "2001:db8::1"] {
        assert_eq!(
            look_up(&database, unknown.parse().unwrap(), &path("asn")),
            None
        );
    }
}

fn lookup(file: &GeoFile) -> String {
    match look_up(
        &file.load(),
        "9.9.9.9".parse().unwrap(),
        &path("country.iso_code"),
    ) {
        Some(Scalar::Text(code)) => code.to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_changed_file_is_read_again_and_a_broken_one_keeps_the_old() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("geo.mmdb");
    let settings = Mmdb {
        path: path.clone(),
        fields: std::collections::BTreeMap::default(),
    };
    assert!(matches!(
        GeoFile::open(&settings),
        Err(GeoError::Read { .. })
    ));
    fs::write(&path, b"not a database").unwrap();
    assert!(matches!(
        GeoFile::open(&settings),
        Err(GeoError::Format { .. })
    ));

    fs::write(&path, country("DE")).unwrap();
    let file = GeoFile::open(&settings).unwrap();
    assert_eq!(lookup(&file), "DE");

    let whole = country("FRANCE");
    fs::write(&path, &whole[..whole.len() / 3]).unwrap();
    file.refresh();
    assert_eq!(lookup(&file), "DE");

    fs::write(&path, &whole).unwrap();
    file.refresh();
    assert_eq!(lookup(&file), "FRANCE");

    fs::remove_file(&path).unwrap();
    file.refresh();
    assert_eq!(lookup(&file), "FRANCE");
}
