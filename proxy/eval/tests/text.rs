//! JSON and YAML give the same values, and every part has a place.

use burgee_eval::text::{Format, parse};
use serde_json::{Value as Json, json};

#[track_caller]
fn check(format: Format, text: &str, expected: &Json) {
    match parse(text, format) {
        Ok(parsed) => assert_eq!(&parsed.value, expected, "{text}"),
        Err(error) => panic!("{text}: {error}"),
    }
}

/// Refused at this line and column, with a message that has these words.
#[track_caller]
fn refuse(format: Format, text: &str, line: u32, column: u32, words: &str) {
    let error = parse(text, format).expect_err(text);
    assert!(error.message.contains(words), "{text}: {}", error.message);
    assert_eq!(
        (error.location.line, error.location.column),
        (line, column),
        "{text}: {error}"
    );
}

#[track_caller]
fn place(format: Format, text: &str, pointer: &str, line: u32, column: u32) {
    let location = parse(text, format)
        .expect("it parses")
        .locations
        .find(pointer);
    assert_eq!(
        (location.line, location.column),
        (line, column),
        "{pointer}"
    );
}

#[test]
fn formats_have_extensions() {
    assert_eq!(Format::from_extension("json"), Some(Format::Json));
    assert_eq!(Format::from_extension("YAML"), Some(Format::Yaml));
    assert_eq!(Format::from_extension("yml"), Some(Format::Yaml));
    assert_eq!(Format::from_extension("toml"), None);
}

#[test]
fn json_is_strict() {
    check(
        Format::Json,
        r#"{"a":[1,1.0,-0.0,1e3,18446744073709551615,"\ud83d\ude00é",null,true]}"#,
        &json!({"a":[1,1.0,-0.0,1e3,18_446_744_073_709_551_615_u64,"😀é",null,true]}),
    );
    refuse(Format::Json, "", 1, 1, "not JSON");
    refuse(Format::Json, "{\"a\":1,}", 1, 8, "trailing comma");
    refuse(Format::Json, "// no\n{}", 1, 1, "not JSON");
    refuse(Format::Json, "{'a':1}", 1, 2, "not JSON");
    refuse(Format::Json, "{\"a\":01}", 1, 7, "invalid number");
    refuse(Format::Json, "[NaN]", 1, 2, "not JSON");
    refuse(Format::Json, "{} {}", 1, 4, "trailing characters");
    refuse(Format::Json, "[1e999]", 1, 6, "number out of range");
    refuse(
        Format::Json,
        "{\n \"é\": 1,\n \"b\": 2, \"é\": 3\n}",
        3,
        10,
        "a second time",
    );
    refuse(
        Format::Json,
        "{\"a\":{\"b\":1,\"\\u0062\":2}}",
        1,
        13,
        "a second time",
    );
}

#[test]
fn json_has_places() {
    let text = "{\n  \"flags\": { \"é/~\": [10, {\"x\": 1}] },\n  \"b\": 2\n}";
    place(Format::Json, text, "", 1, 1);
    place(Format::Json, text, "/flags", 2, 3);
    place(Format::Json, text, "/flags/é~1~0", 2, 14);
    place(Format::Json, text, "/flags/é~1~0/1", 2, 26);
    place(Format::Json, text, "/flags/é~1~0/1/x", 2, 27);
    place(Format::Json, text, "/b", 3, 3);
    // The nearest ancestor has what is not there.
    place(Format::Json, text, "/flags/nope/deeper", 2, 3);
}

#[test]
fn yaml_is_the_core_schema() {
    check(
        Format::Yaml,
        "a: [on, off, yes, no, true, True, FALSE, null, ~, '', 'true', \"1\", 1, -1, +1, 0o17, 0xff, 1.5, .5, 1., 1e3, 007, 1_000, 2026-01-01, 1.2.3, .]",
        &json!({"a":["on","off","yes","no",true,true,false,null,null,"","true","1",1,-1,1,15,255,1.5,0.5,1.0,1e3,7,"1_000","2026-01-01","1.2.3","."]}),
    );
    check(
        Format::Yaml,
        "a:\nb: |\n  x\n  y\nc: >\n  x\n  y\n",
        &json!({"a":null,"b":"x\ny\n","c":"x y\n"}),
    );
    check(
        Format::Yaml,
        "1: a\ntrue: b\nnull: c\n1.50: d",
        &json!({"1":"a","true":"b","null":"c","1.50":"d"}),
    );
    check(
        Format::Yaml,
        "a: !!str 5\nb: !!int 5\nc: !!float 5\nd: !!map {}\ne: !!seq []",
        &json!({"a":"5","b":5,"c":5,"d":{},"e":[]}),
    );
    check(
        Format::Yaml,
        "a: 18446744073709551615\nb: -9223372036854775808\nc: 18446744073709551616",
        &json!({"a":18_446_744_073_709_551_615_u64,"b":i64::MIN,"c":18_446_744_073_709_551_616.0}),
    );
    check(Format::Yaml, "---\na: 1\n...\n", &json!({"a":1}));
    check(Format::Yaml, "# only a comment", &Json::Null);
    check(
        Format::Yaml,
        r#"{"json": ["is", {"yaml": 1}]}"#,
        &json!({"json":["is",{"yaml":1}]}),
    );
}

#[test]
fn yaml_refuses_what_is_ambiguous() {
    refuse(Format::Yaml, "a: 1\nb: 2\na: 3", 3, 1, "a second time");
    refuse(Format::Yaml, "1: a\n'1': b", 2, 1, "a second time");
    refuse(Format::Yaml, "a: 1\n---\nb: 2", 2, 1, "a second document");
    refuse(Format::Yaml, "a: .inf", 1, 4, "finite");
    refuse(Format::Yaml, "a: -.Inf", 1, 4, "finite");
    refuse(Format::Yaml, "a: .nan", 1, 4, "finite");
    refuse(Format::Yaml, "a: 1e999", 1, 4, "too large");
    refuse(Format::Yaml, "? [a]\n: 1", 1, 3, "keys are plain text");
    refuse(Format::Yaml, "? {a: b}\n: 1", 1, 3, "keys are plain text");
    refuse(
        Format::Yaml,
        "a: &x {b: 1}\nc:\n  <<: *x",
        3,
        3,
        "merge keys",
    );
    refuse(Format::Yaml, "a: !thing 1", 1, 4, "tag");
    refuse(Format::Yaml, "a: !!int x", 1, 4, "tag");
    refuse(Format::Yaml, "a: !!binary aGk=", 1, 4, "tag");
    refuse(Format::Yaml, "a: [1", 2, 1, "not YAML");
    refuse(Format::Yaml, "a: &x [*x]", 1, 8, "inside the value");
}

#[test]
fn yaml_aliases_are_copies() {
    check(
        Format::Yaml,
        "a: &x {b: [1]}\nc: *x\nd: &k key\n*k : 2",
        &json!({"a":{"b":[1]},"c":{"b":[1]},"d":"key","key":2}),
    );
    // Inside of an alias, the place is the alias's.
    place(Format::Yaml, "a: &x {b: [1]}\nc: *x", "/c/b/0", 2, 1);
}

#[test]
fn yaml_has_places() {
    let text = "flags:\n  é: {b: [1,\n    {c: 2}]}\n  x:\n    - y\n    - z: 1\n";
    place(Format::Yaml, text, "", 1, 1);
    place(Format::Yaml, text, "/flags/é", 2, 3);
    place(Format::Yaml, text, "/flags/é/b", 2, 7);
    place(Format::Yaml, text, "/flags/é/b/0", 2, 11);
    place(Format::Yaml, text, "/flags/é/b/1/c", 3, 6);
    place(Format::Yaml, text, "/flags/x/1", 6, 7);
    place(Format::Yaml, text, "/flags/x/1/z", 6, 7);
}
