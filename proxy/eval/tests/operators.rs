//! What the operators of JSONLogic give, row by row: every answer is that of `openfeature-flagd-core`
//! 2.0.0 (Python).

use std::sync::Arc;

use burgee_eval::{Compiler, Context, ErrorCode, Moment, Snapshot, evaluate, explain};
use serde_json::{Value as Json, json};

/// What the rules below read.
const CONTEXT: &str = r#"
{
  "n": 5,
  "neg": -7,
  "half": 0.5,
  "s": "5",
  "twelve": "12",
  "text": "größe 😀!",
  "empty": "",
  "list": [1, 2, 3],
  "mixed": [1, "2", true, null, [4]],
  "big": 9007199254740993,
  "items": [{"qty": 2, "price": 10, "tags": ["a"]}, {"qty": 1, "price": 2.5, "tags": ["b", "c"]}],
  "words": ["beta", "alpha"],
  "obj": {"a": {"b": [10, {"c": "deep"}]}},
  "nothing": null,
  "yes": true,
  "users": [{"targetingKey": "u1"}, {"targetingKey": ""}, {"targetingKey": 5}, {}],
  "flagged": [{"targetingKey": "u1", "$flagd": {"flagKey": "f"}}, {"targetingKey": "u2", "$flagd": {"flagKey": 7}}, {"targetingKey": "u2", "$flagd": {}}],
  "units": ["u1", "u2", 3, 4.5, true, {"x": [1]}],
  "unflagged": [{"targetingKey": "u2", "$flagd": 5}],
  "targetingKey": "u1"
}
"#;

/// The variant that a rule gives, or the error.
fn decide(rule: &Json) -> Result<String, Option<ErrorCode>> {
    let flag = json!({ "state": "ENABLED", "variants": { "on": 1, "off": 2 }, "targeting": rule });
    let mut compiler = Compiler::new();
    let set = compiler.compile("operators", &json!({ "flags": { "f": flag } }));
    let set = set.expect("a rule spoils at most its flag");
    let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
    let flag = snapshot.find("f").expect("it is there");
    let context: Json = serde_json::from_str(CONTEXT).expect("it is JSON");
    let context = Context::from_json(snapshot.attributes(), &context);
    let decision = evaluate(&snapshot, flag, &context, Moment::current(1_700_000_000));
    let explained = explain(&snapshot, flag, &context, Moment::current(1_700_000_000)).decision;
    assert_eq!(explained.variant, decision.variant, "{rule} explained");
    assert_eq!(explained.error, decision.error, "{rule} explained");
    let variant = decision.variant_name().map(str::to_owned);
    variant.ok_or(decision.error)
}

fn rows(rows: &str) -> impl Iterator<Item = &str> {
    rows.lines().map(str::trim).filter(|row| !row.is_empty())
}

/// Checks what each rule gives: by content and, for the type, as text.
fn gives(table: &str) {
    let json = |text: &str| -> Json { serde_json::from_str(text).expect("it is JSON") };
    for row in rows(table) {
        let (rule, expected) = row.split_once(" => ").expect("a rule and what it gives");
        let (rule, expected) = (json(rule), json(expected));
        let by_content = json!({ "===": [rule, expected] });
        let by_text = json!({ "===": [{ "cat": [rule] }, { "cat": [expected] }] });
        for same in [by_content, by_text] {
            let answer = decide(&json!({ "if": [same, "on", "off"] }));
            assert_eq!(answer.as_deref(), Ok("on"), "{same}");
        }
    }
}

/// Checks that each rule is an error: GENERAL, as where the official evaluator raises an exception.
fn fails(table: &str) {
    for row in rows(table) {
        let rule = serde_json::from_str(row).expect("it is JSON");
        let error = decide(&rule);
        assert_eq!(error, Err(Some(ErrorCode::General)), "{row}");
    }
}

/// `+ - * / % min max`.
#[test]
fn arithmetic() {
    gives(
        r#"
        {"+": [1, 2, 3]} => 6
        {"+": ["1", "2"]} => 3.0
        {"+": []} => 0
        {"+": "3.5"} => 3.5
        {"+": [true, true]} => 2
        {"+": [null, {"var": "nothing"}, {"var": "missing"}]} => 0
        {"+": [[7]]} => 7
        {"+": [[true]]} => 1
        {"+": [[]]} => 0
        {"+": [0.1, 0.2]} => 0.30000000000000004
        {"+": [{"var": "n"}, {"var": "s"}]} => 10.0
        {"*": [2, 3, 4]} => 24
        {"*": []} => 1
        {"*": ["2", true]} => 2.0
        {"-": [5, 3]} => 2
        {"-": [5]} => -5
        {"-": [5, null]} => -5
        {"-": []} => 0
        {"-": [true]} => -1
        {"-": ["3"]} => -3.0
        {"-": [10, 3, 2]} => 7
        {"-": [null, 4]} => -4
        {"/": [7, 2]} => 3.5
        {"/": ["9", "3"]} => 3.0
        {"/": [-1, 3]} => -0.3333333333333333
        {"%": [7, 3]} => 1
        {"%": [-7, 3]} => 2
        {"%": [7, -3]} => -2
        {"%": [{"var": "neg"}, 3]} => 2
        {"%": [5.5, 2]} => 1.5
        {"%": [-0.5, 2]} => 1.5
        {"%": ["7", "4"]} => 3.0
        {"min": [3, 1, 2]} => 1
        {"max": [3, "10", 2]} => 10.0
        {"min": [null, 5]} => 0
        {"max": [true, false]} => true
        {"min": [1, true]} => 1
        {"min": [true, 1]} => true
        {"max": [[4]]} => 4
        {"cat": [{"min": ["x", 1]}]} => "nan"
        {"min": [1, "x"]} => 1
        {"max": {"var": "n"}} => 5
        {"+": [9007199254740992, 1]} => 9007199254740993
        {"+": [{"var": "big"}, {"var": "big"}]} => 18014398509481986
        {"*": [4294967296, 2147483647]} => 9223372032559808512
        {"-": [9223372036854775807, -1]} => 9223372036854775808
        {"%": [{"var": "big"}, 10]} => 3
        {"-": [{"var": "big"}]} => -9007199254740993
        {"/": [{"var": "big"}, 9007199254740993]} => 1.0
        "#,
    );
}

/// A number that is read from a text is a double, and so is everything that is computed of it, as in
/// Python: its integers are exact only among themselves.
#[test]
fn arithmetic_with_numeric_texts() {
    gives(
        r#"
        {"%": [{"var": "big"}, 12]} => 9
        {"%": [{"var": "big"}, "12"]} => 8.0
        {"%": [{"var": "big"}, {"var": "twelve"}]} => 8.0
        {"%": ["12", {"var": "big"}]} => 12.0
        {"%": [{"var": "big"}, ["12"]]} => 8.0
        {"%": [{"var": "big"}, [["2"]]]} => 0.0
        {"!": {"%": [{"var": "big"}, "2"]}} => true
        {"!": {"%": [{"var": "big"}, 2]}} => false
        {"/": [{"var": "big"}, 3]} => 3002399751580331.0
        {"/": [{"var": "big"}, "3"]} => 3002399751580330.5
        {"-": [{"var": "big"}, "1"]} => 9007199254740991.0
        {"-": ["0"]} => -0.0
        {"cat": [{"-": ["0"]}]} => "-0"
        {"cat": [{"*": ["-5", 0]}]} => "-0"
        {"+": [{"var": "big"}, "1", 1]} => 9007199254740992.0
        {"+": ["1", {"var": "big"}]} => 9007199254740992.0
        {"+": [{"var": "big"}, 1, "1"]} => 9007199254740996.0
        {"*": [{"var": "big"}, "3"]} => 27021597764222976.0
        {"max": ["9007199254740993", {"var": "big"}]} => 9007199254740993
        {"==": [{"var": "big"}, "9007199254740993"]} => false
        {"<": ["9007199254740993", {"var": "big"}]} => true
        "#,
    );
}

#[test]
fn arithmetic_fails() {
    fails(
        r#"
        {"/": [1, 0]}
        {"/": [1]}
        {"/": [1, null]}
        {"/": [0.5, "0"]}
        {"%": [1, 0]}
        {"%": [5, []]}
        {"%": []}
        {"/": [1, {"-": [0.5, 0.5]}]}
        "#,
    );
}

/// The text of everything.
#[test]
fn cat() {
    gives(
        r#"
        {"cat": ["a", "b"]} => "ab"
        {"cat": []} => ""
        {"cat": "x"} => "x"
        {"cat": [1, 2.5, true, false, null]} => "12.5TrueFalsenull"
        {"cat": [[1, ["x", null]], "-"]} => "1,x,null-"
        {"cat": [{"var": "obj"}]} => "[object Object]"
        {"cat": [1e+21, 1e-07, 0.1, 123456789012345.6]} => "1e+211e-070.1123456789012346"
        {"cat": [{"+": [0.1, 0.2]}]} => "0.3"
        {"cat": [{"min": []}, {"*": [1e+308, -10]}]} => "nan-inf"
        {"cat": [{"var": "big"}]} => "9007199254740993"
        {"cat": [{"/": [6, 2]}]} => "3"
        {"cat": [{"-": [0]}, {"*": [0, -1]}, {"/": [0, -1]}]} => "00-0"
        {"cat": [{"var": "text"}, {"var": "missing"}]} => "größe 😀!null"
        "#,
    );
}

/// In characters, not in bytes or UTF-16 units.
#[test]
fn substr() {
    gives(
        r#"
        {"substr": ["jsonlogic", 4]} => "logic"
        {"substr": ["jsonlogic", -5]} => "logic"
        {"substr": ["jsonlogic", 1, 3]} => "son"
        {"substr": ["jsonlogic", 4, -2]} => "log"
        {"substr": ["jsonlogic", -5, -2]} => "log"
        {"substr": ["abc", 5]} => ""
        {"substr": ["abc", -5, 2]} => "ab"
        {"substr": ["abc", 1, 0]} => ""
        {"substr": ["abc", 1, -5]} => ""
        {"substr": ["abc", 1, 99]} => "bc"
        {"substr": ["abc", "1"]} => "bc"
        {"substr": ["abc", "x"]} => "abc"
        {"substr": ["abc", 0, "x"]} => ""
        {"substr": ["abc", 1.9]} => "bc"
        {"substr": ["abc", -0.5]} => ""
        {"substr": ["abc", -1.5]} => "c"
        {"substr": ["abc", true]} => "bc"
        {"substr": ["abc", null, null]} => "abc"
        {"substr": ["abc"]} => "abc"
        {"substr": []} => "null"
        {"substr": [12345, 1, 3]} => "234"
        {"substr": [true, 1]} => "rue"
        {"substr": [[1, 2], 1]} => ",2"
        {"substr": [{"var": "text"}, 2, 4]} => "öße "
        {"substr": [{"var": "text"}, -2]} => "😀!"
        {"substr": ["abc", "-infinity", 2]} => "ab"
        {"substr": ["", -0.5]} => ""
        "#,
    );
}

#[test]
fn substr_fails() {
    fails(
        r#"
        {"substr": ["abc", "infinity"]}
        {"substr": ["abc", 0, "infinity"]}
        {"substr": ["abc", 0, "-infinity"]}
        {"substr": ["abc", {"*": [1e+308, 10]}]}
        "#,
    );
}

/// Arrays come apart, once.
#[test]
fn merge() {
    gives(
        r#"
        {"merge": [[1, 2], [3]]} => [1, 2, 3]
        {"merge": [1, [2, [3]], null]} => [1, 2, [3], null]
        {"merge": []} => []
        {"merge": {"var": "list"}} => [1, 2, 3]
        {"merge": [{"var": "list"}, {"var": "missing"}, "x"]} => [1, 2, 3, null, "x"]
        "#,
    );
}

/// What `var` would not find.
#[test]
fn missing() {
    gives(
        r#"
        {"missing": ["n", "zz"]} => ["zz"]
        {"missing": ["n", "s"]} => []
        {"missing": []} => []
        {"missing": "zz"} => ["zz"]
        {"missing": "n"} => []
        {"missing": ["empty", "nothing"]} => ["empty", "nothing"]
        {"missing": [["zz", "n", "yy"], "ignored"]} => ["zz", "yy"]
        {"missing": ["obj.a.b.1.c", "obj.a.b.7"]} => ["obj.a.b.7"]
        {"missing": {"merge": ["n", {"if": [true, ["zz"], []]}]}} => ["zz"]
        {"missing": [{"var": "words"}]} => ["beta", "alpha"]
        {"missing": [5, true]} => [5, true]
        {"missing": ["$flagd.flagKey", "targetingKey"]} => []
        {"missing_some": [1, ["n", "zz"]]} => []
        {"missing_some": [2, ["n", "zz", "yy"]]} => ["zz", "yy"]
        {"missing_some": ["1", ["zz"]]} => ["zz"]
        {"missing_some": [0, ["zz"]]} => []
        {"missing_some": ["x", ["zz"]]} => ["zz"]
        {"missing_some": [1, "zz"]} => []
        {"missing_some": [1, {"var": "words"}]} => ["beta", "alpha"]
        {"missing_some": []} => []
        "#,
    );
}

/// `var` sees the item and nothing else.
#[test]
fn map() {
    gives(
        r#"
        {"map": [{"var": "list"}, {"*": [{"var": ""}, 2]}]} => [2, 4, 6]
        {"map": [{"var": "items"}, {"var": "qty"}]} => [2, 1]
        {"map": [{"var": "items"}, {"var": "tags.0"}]} => ["a", "b"]
        {"map": [{"var": "items"}, {"var": "tags.length"}]} => [1, 2]
        {"map": [{"var": "list"}, 7]} => [7, 7, 7]
        {"map": [{"var": "list"}]} => [null, null, null]
        {"map": []} => []
        {"map": ["abc", {"var": ""}]} => []
        {"map": [{"var": "missing"}, 1]} => []
        {"map": [{"var": "words"}, {"var": 0}]} => ["b", "a"]
        {"map": [{"var": "words"}, {"var": [9, "none"]}]} => ["none", "none"]
        {"map": [[[1, 2], [3]], {"var": "1"}]} => [2, null]
        {"map": [[[1, null], [3]], {"var": [1, "none"]}]} => [null, "none"]
        {"map": [{"var": "mixed"}, {"var": ["", "none"]}]} => [1, "2", true, null, [4]]
        {"map": [[1], {"var": "n"}]} => [null]
        {"map": [[1], {"var": "$flagd.flagKey"}]} => [null]
        {"map": [[1], {"var": "targetingKey"}]} => [null]
        {"map": [[{"var": ""}], {"var": "targetingKey"}]} => ["u1"]
        {"map": [[{"var": "$flagd"}], {"var": "flagKey"}]} => ["f"]
        {"map": [[[1, 2], [3]], {"map": [{"var": ""}, {"+": [{"var": ""}, 10]}]}]} => [[11, 12], [13]]
        {"map": [{"var": "items"}, {"missing": ["qty", "zz"]}]} => [["zz"], ["zz"]]
        {"map": [{"var": "items"}, {"missing_some": [1, ["qty", "zz"]]}]} => [[], []]
        {"map": [{"var": "list"}, {"var": {"cat": [""]}}]} => [1, 2, 3]
        {"map": [[["a", "b"]], {"var": {"+": [0, 1]}}]} => ["b"]
        "#,
    );
}

#[test]
fn filter_keeps_items() {
    gives(
        r#"
        {"filter": [{"var": "list"}, {">": [{"var": ""}, 1]}]} => [2, 3]
        {"filter": [{"var": "mixed"}, {"var": ""}]} => [1, "2", true, [4]]
        {"filter": [{"var": "list"}]} => []
        {"filter": ["abc", true]} => []
        {"filter": [{"var": "words"}, {"in": ["ph", {"var": ""}]}]} => ["alpha"]
        {"filter": [[0, 1, "", [], "0", null], {"var": ""}]} => [1, "0"]
        "#,
    );
}

/// `var` sees `accumulator` and `current` and nothing else; the start is never evaluated.
#[test]
fn reduce() {
    gives(
        r#"
        {"reduce": [{"var": "list"}, {"+": [{"var": "accumulator"}, {"var": "current"}]}, 0]} => 6
        {"reduce": [{"var": "items"}, {"+": [{"var": "accumulator"}, {"*": [{"var": "current.qty"}, {"var": "current.price"}]}]}, 0]} => 22.5
        {"reduce": [{"var": "words"}, {"cat": [{"var": "accumulator"}, {"var": "current"}]}, ">"]} => ">betaalpha"
        {"reduce": [{"var": "list"}, {"var": "accumulator"}]} => null
        {"reduce": [{"var": "list"}]} => null
        {"reduce": []} => null
        {"reduce": ["abc", 1, 9]} => 9
        {"reduce": [[], 1, 9]} => 9
        {"reduce": [{"var": "list"}, {"var": "zz"}, 0]} => null
        {"reduce": [[1], {"var": "n"}, 0]} => null
        {"cat": [{"reduce": [[1], {"+": [{"var": "accumulator"}, 1]}, {"var": "n"}]}]} => "nan"
        {"reduce": [[1, 2], {"var": ["current.x", "none"]}, 0]} => "none"
        {"reduce": [[5], {"cat": [{"var": ""}]}, 0]} => "[object Object]"
        {"reduce": [[[1, 2], [3]], {"+": [{"var": "accumulator"}, {"reduce": [{"var": "current"}, {"+": [{"var": "accumulator"}, {"var": "current"}]}, 100]}]}, 0]} => 206
        {"reduce": [[1, 2], {"merge": [{"var": "accumulator"}, {"map": [[1], {"var": "accumulator"}]}]}, []]} => [null, null]
        {"reduce": [[1, 2], {"==": [{"var": ""}, {"var": ""}]}, 0]} => true
        {"reduce": [[1, 2], {"missing": ["current", "accumulator", "x"]}, null]} => ["x"]
        "#,
    );
}

#[test]
fn quantifiers() {
    gives(
        r#"
        {"all": [{"var": "list"}, {">": [{"var": ""}, 0]}]} => true
        {"all": [{"var": "list"}, {">": [{"var": ""}, 1]}]} => false
        {"all": [[], true]} => false
        {"all": [{"var": "list"}]} => false
        {"all": ["abc", true]} => false
        {"none": [{"var": "list"}, {">": [{"var": ""}, 5]}]} => true
        {"none": [{"var": "list"}, {">": [{"var": ""}, 2]}]} => false
        {"none": [[], true]} => true
        {"none": [{"var": "list"}]} => true
        {"none": ["abc", true]} => true
        {"some": [{"var": "list"}, {">": [{"var": ""}, 2]}]} => true
        {"some": [{"var": "list"}, {">": [{"var": ""}, 5]}]} => false
        {"some": [[], true]} => false
        {"some": [{"var": "list"}]} => false
        {"some": ["abc", true]} => false
        {"some": [[1, 0], {"/": [1, {"var": ""}]}]} => true
        {"some": [{"var": "items"}, {"in": ["c", {"var": "tags"}]}]} => true
        "#,
    );
}

#[test]
fn loops_fail() {
    fails(
        r#"
        {"map": [{"var": "unflagged"}, {"fractional": [["a", 1]]}]}
        {"all": [[1, 0], {"/": [1, {"var": ""}]}]}
        {"map": [[1], {"fractional": [["a", 1]]}]}
        {"map": [["ab"], {"var": {"*": [1e+308, 10]}}]}
        "#,
    );
}

#[test]
fn log() {
    gives(
        r#"
        {"log": "x"} => "x"
        {"log": [1, 2]} => 1
        {"log": []} => null
        {"log": [[1]]} => [1]
        "#,
    );
}

/// The short form looks for its keys in the item; `NaN` and infinity have a hash.
#[test]
fn fractional() {
    gives(
        r#"
        {"map": [{"var": "users"}, {"fractional": [["a", 1], ["b", 1]]}]} => ["a", null, null, null]
        {"map": [{"var": "flagged"}, {"fractional": [["a", 1], ["b", 1]]}]} => ["a", "b", "a"]
        {"map": [{"var": "units"}, {"fractional": [{"var": ""}, ["a", 1], ["b", 1], ["c", 1]]}]} => ["b", "c", "b", "b", "a", "c"]
        {"map": [[{"var": ""}], {"fractional": [["a", 1], ["b", 1]]}]} => ["a"]
        {"reduce": [[1], {"fractional": [["a", 1], ["b", 1]]}, 0]} => null
        {"fractional": [{"min": []}, ["a", 1], ["b", 1]]} => "b"
        {"fractional": [{"*": [1e+308, 10]}, ["a", 1], ["b", 1], ["c", 1]]} => "c"
        {"fractional": [{"cat": ["u", 1]}, ["a", {"+": [1, 2]}], ["b", {"-": [5]}], ["c", 4]]} => "c"
        {"fractional": [{"map": [[1], ["a", 5]]}, ["b", 5]]} => "b"
        {"fractional": [{"var": "words"}, ["b", 5]]} => null
        "#,
    );
}

/// Computed versions.
#[test]
fn sem_ver() {
    gives(
        r#"
        {"sem_ver": [{"cat": ["1.", {"+": [1, 1]}]}, "=", "1.2.0"]} => true
        {"sem_ver": [{"/": [6, 2]}, "=", "3.0.0"]} => true
        {"sem_ver": [{"+": [0.1, 0.2]}, "<", "1.0.0"]} => true
        {"sem_ver": [{"min": []}, "=", "1.0.0"]} => null
        "#,
    );
}
