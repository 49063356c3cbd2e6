use serde_json::json;

use super::*;
use crate::operator::compare::contains;
use crate::operator::{Members, Operand};

/// The rule of a flag `f`, compiled.
fn compile(rule: &Json) -> Expr {
    let mut problems = Problems::default();
    let mut place = Pointer::default();
    place.push_raw("/flags/f/targeting");
    let builder = Builder {
        attributes: &mut Attributes::default(),
        evaluators: &Map::new(),
        evaluators_known: true,
        flag_key: "f",
        bucketing: Bucketing::V3,
        problems: &mut problems,
        room: &mut Room::of_a_set(),
    };
    let rule = builder.build(place, rule).expect("it is within its bounds");
    rule.root
}

/// What stands in the branch of a condition that is not constant.
fn branch(of: &Json) -> Expr {
    let rule = compile(&json!({ "if": [{ "var": "x" }, of, "no"] }));
    let Op::If(arguments) = rule.op else {
        panic!("{rule:?}")
    };
    arguments.into_vec().remove(1)
}

#[test]
fn constant_sub_expressions_are_folded() {
    for (of, expected) in [
        (json!({ "==": [1, "1"] }), json!(true)),
        (json!({ "!": [false] }), json!(true)),
        (json!({ "<": [1, 2, 3] }), json!(true)),
        (json!({ "in": ["a", "cat"] }), json!(true)),
        (json!({ "cat": ["on", "-", 1] }), json!("on-1")),
        (json!({ "substr": ["variant-on", -2] }), json!("on")),
        (json!({ "merge": [[1], 2] }), json!([1.0, 2.0])),
        (json!({ "+": [1, 2, 3] }), json!(6.0)),
        (json!({ "sem_ver": ["v2.1", ">=", "2.0.0"] }), json!(true)),
        (json!({ "starts_with": ["abc", "a"] }), json!(true)),
        (json!({ "var": "$flagd.flagKey" }), json!("f")),
        (
            json!({ "if": [false, "a", { "==": [1, 1] }, "b", "c"] }),
            json!("b"),
        ),
        (
            json!({ "and": [true, { "or": [false, "last"] }] }),
            json!("last"),
        ),
        (
            json!({ "cat": [{ "if": [{ "!": [0] }, "o", "x"] }, "n"] }),
            json!("on"),
        ),
    ] {
        let folded = branch(&of);
        let Op::Literal(folded) = &folded.op else {
            panic!("{of} is {folded:?}")
        };
        assert_eq!(*folded, expected, "{of}");
    }
}

#[test]
fn what_is_not_constant_or_fails_is_not_folded() {
    for of in [
        json!({ "==": [{ "var": "y" }, 1] }),
        json!({ "and": [true, { "var": "y" }] }),
        json!({ "fractional": [["a", 1], ["b", 1]] }),
        json!({ ">": [{ "var": "$flagd.timestamp" }, 1] }),
        json!({ "/": [1, 0] }),
    ] {
        let expr = branch(&of);
        assert!(!matches!(expr.op, Op::Literal(_)), "{of} is {expr:?}");
    }
    // An explanation has a step to show.
    let whole = compile(&json!({ "if": [true, "on", "off"] }));
    assert!(matches!(whole.op, Op::If(_)), "{whole:?}");
}

#[test]
fn long_constant_lists_are_searched_by_order() {
    let list = |length: u32, item: &dyn Fn(u32) -> Json| {
        let items: Vec<Json> = (0..length).map(item).collect();
        compile(&json!({ "in": [{ "var": "x" }, items] })).op
    };
    let strings = list(1000, &|number| json!(format!("{number}")));
    assert!(matches!(strings, Op::AttributeIn { .. }), "{strings:?}");
    let numbers = list(1000, &|number| json!(number));
    assert!(matches!(numbers, Op::InMembers { .. }), "{numbers:?}");
    let few = list(3, &|number| json!(number));
    assert!(matches!(few, Op::In { .. }), "{few:?}");
}

#[test]
fn a_long_list_has_the_members_of_the_list() {
    let items = json!([
        null, true, 3, -0.0, 2.5, "3", "", [1], {}, { "a": [1, 2] }, 9_007_199_254_740_993_u64,
        1e300, 1_152_921_504_606_846_976_f64, "longer than eight bytes", -7
    ]);
    let arena = Bump::new();
    let context = Context::new(&Attributes::default());
    let scope = Scope::new(&context, "", 0, &arena);
    let list = items.as_array().expect("it is one");
    assert!(Members::pays(list));
    let members = Members::new(list.clone());
    let asked = json!([
        null, true, false, 0, 1, -0.0, 3, 3.0, 2.5, "3", "", "4", [1], [2], [], {}, { "a": [1, 2] },
        { "a": [1] }, 9_007_199_254_740_993_u64, 9_007_199_254_740_995_u64, 1e300, 1e299,
        1_152_921_504_606_846_976_u64, 1_152_921_504_606_846_977_u64, -7, "longer than eight bytes"
    ]);
    let asked = asked
        .as_array()
        .expect("it is one")
        .iter()
        .map(Operand::from);
    for needle in asked.chain([Operand::Number(f64::NAN)]) {
        let one_by_one = contains(Operand::from(&items), needle, &scope);
        assert_eq!(members.contain(needle, &scope), one_by_one, "{needle:?}");
    }
}
