//! JSON and YAML give the same values, and every part has a place.

use burgee_eval::text::{Format, parse};
use serde_json::{Value as Json, json};

#[track_caller]
fn check(format: Format, text: &str, expected: &Json) {
    match parse(text, format) {
        Ok(parsed) => assert_eq!(&parsed.value, expected, "{text}"),
        Err(errors) => panic!("{text}: {errors:?}"),
    }
}

/// Refused at this line and column, with a message that has these words.
#[track_caller]
fn refuse(format: Format, text: &str, line: u32, column: u32, words: &str) {
    refuse_all(format, text, &[(line, column, words)]);
}

/// Refused with exactly these errors, in this order.
#[track_caller]
fn refuse_all(format: Format, text: &str, expected: &[(u32, u32, &str)]) {
    let errors = parse(text, format).expect_err(text);
    assert_eq!(errors.len(), expected.len(), "{text}: {errors:?}");
    for (error, (line, column, words)) in errors.iter().zip(expected) {
        assert!(!error.help.is_empty(), "{text}: {error}");
        assert!(error.to_string().contains(words), "{text}: {error}");
        let location = (error.location.line, error.location.column);
        assert_eq!(location, (*line, *column), "{text}: {error}");
    }
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
    for (text, column) in [
        ("// no\n{}", 1),
        ("{\"a\": 1 // no\n}", 9),
        ("{ # no\n}", 3),
        ("[1, /* no */ 2]", 5),
    ] {
        refuse(Format::Json, text, 1, column, "remove the comment");
    }
    for (text, column) in [("{\"a\": 1 \"//\": 2}", 9), ("[1 2]", 4)] {
        refuse(Format::Json, text, 1, column, "add the comma");
    }
    refuse(Format::Json, "{'a':1}", 1, 2, "not JSON");
    refuse(Format::Json, "{\"a\":01}", 1, 7, "invalid number");
    refuse(Format::Json, "[NaN]", 1, 2, "not JSON");
    refuse(Format::Json, "{} {}", 1, 4, "trailing characters");
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

/// Found by the fuzz target `document`.
#[test]
fn minus_zero_is_the_integer_unless_it_is_written_as_a_float() {
    for format in [Format::Json, Format::Yaml] {
        let text = r#"{"a": [-0, {"b": -0}], "c": -0.0, "d": "-0"}"#;
        check(
            format,
            text,
            &json!({ "a": [0, { "b": 0 }], "c": -0.0, "d": "-0" }),
        );
        check(format, "-0", &json!(0));
    }
}

/// Of 0004: no number here, whatever Python and JavaScript take it for.
#[test]
fn numbers_beyond_a_double_are_refused_where_they_begin() {
    let digits = |count: usize| "9".repeat(count);
    let (most, more) = (digits(308), digits(309));
    for format in [Format::Json, Format::Yaml] {
        for number in ["1e308", "-1.7e308", &*most, "1e-400"] {
            let text = format!("[0, {number}]");
            let value = parse(&text, format).expect("a number").value;
            assert!(value[1].is_number(), "{number}");
        }
        for (text, line, column, number) in [
            ("[1e999]", 1, 2, "1e999"),
            ("[\"é\", -1e400, 2]", 1, 7, "-1e400"),
            ("{\"a\": 1,\n \"b\": 1.5E+400}", 2, 7, "1.5E+400"),
            ("1e400", 1, 1, "1e400"),
            (&*format!("{{\"a\": {more}}}"), 1, 7, &more[..100]),
        ] {
            refuse(format, text, line, column, number);
            let says = "is beyond the range of a double, which ends at about 1.8e308: write a smaller number, or quote it";
            refuse(format, text, line, column, says);
        }
    }
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
fn every_error_of_a_text_comes_at_once() {
    let again = "a second time";
    for format in [Format::Json, Format::Yaml] {
        refuse_all(
            format,
            "{\"state\": 1, \"state\": 2, \"state\": 3,\n \"variants\": {\"t\": 1, \"t\": 2},\n \"variants\": {\"u\": 1, \"u\": [{\"x\": 1, \"x\": 2}]}}",
            &[
                (1, 14, again),
                (1, 26, again),
                (2, 23, again),
                (3, 2, again),
                (3, 23, again),
                (3, 38, again),
            ],
        );
    }
    refuse_all(
        Format::Yaml,
        "{state: E, state: D, variants: {t: 1, t: 2}}",
        &[(1, 12, again), (1, 39, again)],
    );
    refuse_all(
        Format::Yaml,
        "a: .nan\nb: [1e999, -.inf]\n? [c]\n: {x: .inf}\nd: !thing {e: !!int f}\ng: &g [*g]\n<<: 1\n*g : 2\na: 3\n",
        &[
            (1, 4, "finite"),
            (2, 5, "1e999 is beyond the range of a double"),
            (2, 12, "finite"),
            (3, 3, "keys are plain text"),
            (4, 7, "finite"),
            (5, 4, "tag"),
            (5, 15, "tag"),
            (6, 8, "inside the value"),
            (7, 1, "merge keys"),
            (8, 1, "keys are plain text"),
            (9, 1, again),
        ],
    );
    // What the text was refused for before it could not be read any further is not lost.
    refuse_all(
        Format::Yaml,
        "a: 1\na: 2\nb: [.nan, 3\nc: }\n",
        &[(2, 1, again), (3, 5, "finite"), (4, 2, "not YAML")],
    );
}

#[test]
fn a_text_that_cannot_be_read_says_what_to_do() {
    let tabs = "replace the tab by spaces";
    refuse(Format::Yaml, "a:\n\tb: 1", 2, 2, tabs);
    refuse(Format::Yaml, "flags:\n  a:\n\t  b: 1", 3, 4, tabs);
    // Where the parser takes the line with the tab for more of the value.
    refuse(Format::Yaml, "a:\n  b: 1\n\tc: 2", 2, 6, tabs);
    refuse(Format::Yaml, "a: |\n\tx", 1, 4, tabs);
    let indent = "indent this line";
    refuse(Format::Yaml, "a:\n   b: 1\n  c: 2", 3, 3, indent);
    refuse(Format::Yaml, "a:\n  b: 1\n c: 2", 3, 2, indent);
    refuse(Format::Yaml, "a: 1\n  b: 2", 2, 4, indent);
    refuse(Format::Yaml, "a: [1,\n2]", 2, 1, indent);
    refuse(Format::Yaml, "- 1\nb: 2", 2, 1, "begin it with `-`");
    refuse(Format::Yaml, "  a: 1\nb: 2", 2, 1, "in the same column");
    refuse(Format::Yaml, "a: [1", 2, 1, "close the bracket");
    refuse(Format::Yaml, "a: {b: 1", 2, 1, "close the bracket");
    refuse(Format::Yaml, "a: \"x", 1, 4, "close the quote");
    refuse(Format::Yaml, "a: }", 1, 4, "remove the bracket");
    refuse(Format::Yaml, "a: @x", 1, 4, "quote a value");
    refuse(Format::Yaml, "a: *nope", 1, 4, "define the anchor");
    refuse(Format::Json, "{\"a\":1,}", 1, 8, "remove the comma");
    refuse(Format::Json, "[1,]", 1, 4, "remove the comma");
    refuse(Format::Json, "[1", 1, 2, "close the list with `]`");
    refuse(Format::Json, "{\"a\":1", 1, 6, "close the object with `}`");
    refuse(Format::Json, "{\"a\":", 1, 5, "the value that is missing");
    refuse(Format::Json, "\"x", 1, 2, "close the string");
    refuse(Format::Json, "{\"a\":1 \"b\":2}", 1, 8, "add the comma");
    refuse(Format::Json, "{a:1}", 1, 2, "in double quotes");
    refuse(Format::Json, "// x\n{}", 1, 1, "no comments");
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
fn delivery_has_places() {
    let yaml = "delivery:\n  a/b:\n    bucketing: v2\n    header: x\n";
    place(Format::Yaml, yaml, "/delivery/a~1b/header", 4, 5);
    let json = "{\"delivery\": {\n \"a/b\": {\"bucketing\": \"v2\",\n  \"header\": \"x\"}}}";
    place(Format::Json, json, "/delivery/a~1b/header", 3, 3);
    // Without the setting, its entry; without the entry, the beginning of the document.
    place(Format::Yaml, yaml, "/delivery/a~1b/nope", 2, 3);
    place(Format::Yaml, "flags: {}", "/delivery/c/header", 1, 1);
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

/// What is marked where something is wrong with a part: from the key to the end of a value that is no
/// collection, or to the end of the key.
#[test]
fn parts_have_a_width_where_they_end_on_their_line() {
    let json = r#"{ "a": "ünï", "b": [1, {"c": 2}, [
 3]], "d": {} , "e":
 true }"#;
    let yaml = "a: \"ünï\"   # note\nk: plain text   # note\nb:\n- 10\n- c: x y\n- { d: [e, f] }\n- [\n g]\ng: |\n  text\n? h\n: i\nj: &k 12\n";
    for (text, format, places) in [
        (
            json,
            Format::Json,
            &[
                ("/a", r#""a": "ünï""#),
                ("/b", r#""b""#),
                ("/b/0", "1"),
                ("/b/1", r#"{"c": 2}"#),
                ("/b/1/c", r#""c": 2"#),
                ("/b/2", ""),
                ("/b/2/0", "3"),
                ("/d", r#""d""#),
                ("/e", r#""e""#),
                ("/nowhere", ""),
            ][..],
        ),
        (
            yaml,
            Format::Yaml,
            &[
                ("/a", "a: \"ünï\""),
                ("/k", "k: plain text"),
                ("/b", "b"),
                ("/b/0", "10"),
                ("/b/1/c", "c: x y"),
                ("/b/2", "{ d: [e, f] }"),
                ("/b/2/d", "d"),
                ("/b/2/d/1", "f"),
                ("/b/3", ""),
                ("/b/3/0", "g"),
                ("/g", "g"),
                ("/h", "h"),
                ("/j", "j: &k 12"),
            ],
        ),
    ] {
        let parsed = parse(text, format).expect("it can be read");
        for (pointer, expected) in places {
            let span = parsed.locations.span(pointer);
            let line = text.lines().nth(span.start.line as usize - 1);
            let after = line.unwrap_or_default().chars();
            let after = after.skip(span.start.column as usize - 1);
            let marked: String = after.take(span.width as usize).collect();
            assert_eq!(marked, *expected, "{pointer}");
        }
    }
}
