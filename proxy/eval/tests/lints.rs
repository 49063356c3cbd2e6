//! Lints: what each of them finds, and what it leaves alone.

#[path = "lints/set.rs"]
mod set;

use burgee_eval::lint::{self, World};
use burgee_eval::text::{Format, parse};
use burgee_eval::{Compiler, Severity};
use serde_json::{Value, json};

use set::{NOTHING, lint, set, shown};

#[test]
fn rules() {
    let cases = parse(include_str!("lints/rules.yaml"), Format::Yaml).expect("it is YAML");
    let none = json!({});
    let mut fired = std::collections::BTreeSet::new();
    for (group, cases) in cases.value.as_object().expect("groups") {
        for case in cases.as_array().expect("cases") {
            let evaluators = case.get("evaluators").unwrap_or(&none);
            let found = lint(&set(&case["rule"], evaluators));
            let found = found.iter();
            let found: Vec<_> = found
                .map(|finding| finding.replace("/flags/a/targeting", ""))
                .collect();
            let finds = case.get("finds").and_then(Value::as_array);
            let finds = finds.into_iter().flatten().filter_map(Value::as_str);
            assert_eq!(found, finds.collect::<Vec<_>>(), "{group}: {case}");
            fired.extend(found);
        }
    }
    assert!(fired.len() > 30, "the cases were there: {fired:?}");
}

#[test]
fn booleans_name_variants_too() {
    let mut document = set(&json!({ "==": [{ "var": "x" }, 1] }), &json!({}));
    document["flags"]["a"]["variants"] = json!({ "true": 1, "false": 2 });
    document["flags"]["a"]["defaultVariant"] = json!("true");
    assert_eq!(lint(&document), NOTHING);
    for names in [
        json!({ "if": [{ "var": "x" }, true, "false"] }),
        json!({ "sem_ver": [{ "var": "x" }, "=", "1.0.0"] }),
        // They leave a boolean what it is.
        json!({ "max": [{ "var": "x" }, { "var": "y" }] }),
        json!({ "min": [true] }),
    ] {
        document["flags"]["a"]["targeting"] = names;
        assert_eq!(lint(&document), NOTHING, "{document}");
    }
    document["flags"]["a"]["targeting"] = json!({ "+": [{ "var": "x" }, 1] });
    let expected = ["unknown-variant /flags/a/targeting"];
    assert_eq!(lint(&document), expected);
}

#[test]
fn a_result_that_flags_share_is_reported_once() {
    let evaluators = json!({ "share": { "fractional": [["on", 1], ["canary", 1]] } });
    let mut document = set(&json!({ "$ref": "share" }), &evaluators);
    let flag = document["flags"]["a"].clone();
    for key in ["b", "c", "d"] {
        document["flags"][key] = flag.clone();
    }
    document["flags"]["e"] = flag;
    document["flags"]["e"]["variants"]["canary"] = json!(true);
    let found = lint::document(&document, &World::default());
    let expected = ["unknown-variant /$evaluators/share/fractional/1/0"];
    assert_eq!(shown(&found), expected);
    assert_eq!(found[0].flag.as_deref(), Some("a"));
    let message = "there is no variant \"canary\", nor for 3 other flags that get here";
    assert_eq!(found[0].message, message);
    assert_eq!(found[0].severity, Severity::Mistake);
    // What is wrong with the evaluator itself is nobody's in particular.
    document["$evaluators"]["share"] = json!({ "if": [false, "on", "off"] });
    let found = lint::document(&document, &World::default());
    assert_eq!(shown(&found), ["unreachable-rule /$evaluators/share/if/1"]);
    assert_eq!(found[0].flag, None);
}

#[test]
fn a_near_variant_is_suggested() {
    let rule = json!({ "if": [{ "var": "x" }, "onn", "off"] });
    let found = lint::document(&set(&rule, &json!({})), &World::default());
    assert_eq!(found[0].message, "there is no variant \"onn\"");
    assert_eq!(found[0].help.as_deref(), Some("did you mean \"on\"?"));
}

#[test]
fn a_constant_bucketing_value_splits_nobody() {
    let said = |value: Value| {
        let rule = json!({ "fractional": [value, ["on", 1], ["off", 1]] });
        let document = set(&rule, &json!({}));
        let found = lint::document(&document, &World::default());
        let messages = found.iter().map(|problem| problem.message.clone());
        messages.collect::<Vec<_>>()
    };
    let nobody = "the bucketing value is null: nobody gets a variant";
    assert_eq!(said(json!(null)), [nobody]);
    let constant = "the bucketing value is constant: it tells no user from another";
    assert_eq!(said(json!("salt")), [constant]);
    assert_eq!(said(json!({ "cat": ["a", "b"] })), [constant]);
    assert_eq!(said(json!({ "var": "company" })), NOTHING);
}

#[test]
fn attributes_that_are_never_provided() {
    let provided = ["targetingKey", "geo.country", "plan"].map(str::to_owned);
    let world = World {
        provided: Some(&provided),
        ..World::default()
    };
    let found = |condition: Value| {
        let rule = json!({ "if": [condition, "on", "off"] });
        let problems = lint::document(&set(&rule, &json!({})), &world);
        let helps: Vec<_> = problems.iter().filter_map(|p| p.help.clone()).collect();
        (shown(&problems), helps.join("; "))
    };
    let known = ["plan", "geo.country", "geo", "targetingKey", "", "plan.0"];
    let of_flagd = ["$flagd", "$flagd.timestamp", "$flagd.flagKey"];
    for known in known.into_iter().chain(of_flagd) {
        assert_eq!(found(json!({ "var": known })).0, NOTHING, "{known}");
    }
    for (condition, at, help) in [
        (json!({ "var": "plam" }), "var", "did you mean \"plan\"?"),
        (
            json!({ "var": ["geo.county"] }),
            "var/0",
            "did you mean \"geo.country\"?",
        ),
        (
            json!({ "var": ["email", "x"] }),
            "var/0",
            "known are: targetingKey, geo.country, plan",
        ),
        (json!({ "missing": ["plan", "x"] }), "missing/1", "known"),
        (
            json!({ "missing_some": [1, ["plan", "x"]] }),
            "missing_some/1",
            "known",
        ),
        // The list is the context's, its items have attributes of their own.
        (
            json!({ "some": [{ "var": "x" }, { "==": [{ "var": "y" }, 1] }] }),
            "some/0/var",
            "known",
        ),
        (
            json!({ "reduce": [{ "var": "plan" }, { "var": "current" }, { "var": "x" }] }),
            "",
            "",
        ),
    ] {
        let (places, said) = found(condition);
        if at.is_empty() {
            assert_eq!(places, NOTHING);
            continue;
        }
        let place = format!("unknown-attribute /flags/a/targeting/if/0/{at}");
        assert_eq!(places, [place]);
        assert!(said.starts_with(help), "{said}");
    }
}

/// What an evaluator reads depends on where it is referred to.
#[test]
fn an_evaluator_inside_of_a_loop_reads_items() {
    let provided = ["plans".to_owned()];
    let world = World {
        provided: Some(&provided),
        ..World::default()
    };
    let evaluators = json!({ "gold": { "==": [{ "var": "tier" }, "gold"] } });
    let gold = json!({ "$ref": "gold" });
    let inside = json!({ "some": [{ "var": "plans" }, gold] });
    let rule = json!({ "if": [inside, "on", "off"] });
    let found = |rule: &Value| shown(&lint::document(&set(rule, &evaluators), &world));
    assert_eq!(found(&rule), NOTHING);
    let both = json!({ "if": [inside, "on", gold, "on"] });
    let expected = "unknown-attribute /$evaluators/gold/==/0/var";
    assert_eq!(found(&both), [expected]);
}

#[test]
fn the_short_form_of_fractional_reads_the_targeting_key() {
    let split = set(&json!({ "fractional": [["on", 1]] }), &json!({}));
    let found = |provided: &[String]| {
        let world = World {
            provided: Some(provided),
            ..World::default()
        };
        shown(&lint::document(&split, &world))
    };
    assert_eq!(found(&["targetingKey".to_owned()]), NOTHING);
    let expected = "unknown-attribute /flags/a/targeting/fractional";
    assert_eq!(found(&["plan".to_owned()]), [expected]);
}

#[test]
fn bucketing_is_pinned() {
    let split = json!({ "fractional": [["on", 1], ["off", 1]] });
    assert_eq!(lint(&set(&split, &json!({}))), NOTHING);
    let unpinned = |rule: &Value, evaluators: &Value| {
        let mut document = set(rule, evaluators);
        document["metadata"] = json!({ "owner": "team" });
        document
    };
    let of_a = "unpinned-bucketing /flags/a/targeting/fractional";
    let mut document = unpinned(&split, &json!({}));
    assert_eq!(lint(&document), [of_a]);
    // Once for the set, however many there are.
    document["flags"]["b"] = document["flags"]["a"].clone();
    assert_eq!(lint(&document), [of_a]);
    // A flag may pin its own.
    document["delivery"] = json!({ "a": { "bucketing": "v2" } });
    let of_b = "unpinned-bucketing /flags/b/targeting/fractional";
    assert_eq!(lint(&document), [of_b]);
    document["delivery"]["b"] = json!({ "bucketing": "v3" });
    assert_eq!(lint(&document), NOTHING);
    // Through references, and not where no rule gets to it.
    let by = json!({ "if": [{ "var": "x" }, { "$ref": "share" }] });
    let document = unpinned(
        &json!({ "$ref": "by" }),
        &json!({ "share": split, "by": by }),
    );
    let of_share = "unpinned-bucketing /$evaluators/share/fractional";
    assert_eq!(lint(&document), [of_share]);
    let document = unpinned(&json!({ "var": "x" }), &json!({ "share": split }));
    assert_eq!(lint(&document), ["unused-evaluator /$evaluators/share"]);
}

fn with_metadata(of_set: &Value, of_a: &Value, of_b: &Value) -> Vec<String> {
    let flag = |metadata: &Value| {
        json!({
            "state": "ENABLED",
            "variants": { "on": true },
            "defaultVariant": "on",
            "metadata": metadata,
        })
    };
    let flags = json!({ "a": flag(of_a), "b": flag(of_b) });
    let document = json!({ "metadata": of_set, "flags": flags });
    let world = World {
        // 2027-03-31T12:00:00Z
        now: Some(1_806_494_400),
        ..World::default()
    };
    shown(&lint::document(&document, &world))
}

#[test]
fn a_flag_has_an_owner() {
    let owned = || json!({ "owner": "x" });
    let none = json!({});
    assert_eq!(with_metadata(&owned(), &none, &none), NOTHING);
    assert_eq!(with_metadata(&none, &owned(), &owned()), NOTHING);
    for nobody in [json!({}), json!({ "owner": " " }), json!({ "owner": 1 })] {
        let found = with_metadata(&none, &owned(), &nobody);
        assert_eq!(found, ["no-owner /flags/b"]);
    }
    // Where nobody owns any, once is enough.
    let found = with_metadata(&none, &none, &none);
    assert_eq!(found, ["no-owner /metadata"]);
}

#[test]
fn a_flag_is_there_no_longer_than_its_day() {
    for (expires, expired) in [
        ("2027-03-30", true),
        ("2026-12-31", true),
        ("2027-03-31", false),
        ("2028-01-01", false),
        ("soon", false),
        ("27-03-30", false),
        ("2026-12-31x", false),
    ] {
        let of_a = json!({ "expires": expires });
        let found = with_metadata(&json!({ "owner": "x" }), &of_a, &json!({}));
        let expected: &[_] = if expired {
            &["expired-flag /flags/a/metadata/expires"]
        } else {
            &[]
        };
        assert_eq!(found, expected, "{expires}");
    }
    let of_set = json!({ "owner": "x", "expires": "2027-01-01" });
    let found = with_metadata(&of_set, &json!({}), &json!({}));
    assert_eq!(found, ["expired-flag /metadata/expires"]);
    let mut undated = set(&Value::Null, &json!({}));
    undated["metadata"]["expires"] = json!("2000-01-01");
    assert_eq!(lint(&undated), NOTHING, "without a time, nothing is past");
}

#[test]
fn top_level_keys_that_look_like_known_ones() {
    let near = |key: &str| {
        let mut document = set(&Value::Null, &json!({}));
        document[key] = json!({});
        lint(&document)
    };
    let slips = ["delivry", "Delivery", "meta_data", "$evaluator", "flag"];
    for key in slips {
        assert_eq!(near(key), [format!("unknown-key /{key}")]);
    }
    for key in ["owners", "x-notes", "description", "f", "delivery"] {
        assert_eq!(near(key), NOTHING);
    }
}

/// `openfeature-flagd-core` refuses both; `@openfeature/flagd-core` finds no flag in a list.
#[test]
fn forms_that_not_every_evaluator_takes() {
    let mut document = set(&Value::Null, &json!({}));
    let mut flag = document["flags"]["a"].take();
    flag["key"] = json!("a");
    document["flags"] = json!({ "a": flag });
    assert_eq!(lint(&document), ["unportable /flags/a/key"]);
    document["flags"] = json!([flag]);
    assert_eq!(lint(&document), ["unportable /flags"]);
    let set = Compiler::new().compile("a", &document).expect("it is read");
    assert!(set.problems.is_empty(), "{:?}", set.problems);
}

#[test]
fn names_have_no_control_characters() {
    let named = |name: &str| {
        let evaluators = json!({ name: { "if": [{ "var": "x" }, "on"] } });
        let mut document = set(&json!({ "$ref": name }), &evaluators);
        document["flags"]["a"]["variants"][name] = json!(true);
        document["flags"][name] = document["flags"]["a"].clone();
        document["flags"]["a"]["variants"] = json!({ "on": true, "off": false });
        document
    };
    for name in ["\0", "\n", "a\u{1f}", "\u{7f}b", "\u{85}", "\u{9f}"] {
        let mut expected = [
            format!("control-character /$evaluators/{name}"),
            format!("control-character /flags/{name}"),
            format!("control-character /flags/{name}/variants/{name}"),
        ];
        expected.sort();
        assert_eq!(lint(&named(name)), expected, "{name:?}");
    }
    // Neither blanks nor letters of anywhere.
    for name in ["a b", "\u{a0}", "é", "日本", "👍"] {
        assert_eq!(lint(&named(name)), NOTHING, "{name:?}");
    }
    let mut document = set(&Value::Null, &json!({}));
    let mut flag = document["flags"]["a"].take();
    flag["key"] = json!("a\t");
    document["flags"] = json!([flag]);
    let expected = ["control-character /flags/0/key", "unportable /flags"];
    assert_eq!(lint(&document), expected);
}

#[test]
fn words_that_yaml_1_1_reads_otherwise() {
    for (text, expected) in [
        ("on: 1\nonly: { yes: no }\n", "/on /only/yes /only/yes"),
        ("x: [On, 'no', \"yes\", !!str off, NO]\n", "/x/0 /x/4"),
        ("- &a on\n- *a\n- { x: off }\n- off\n", "/0 /2/x /3"),
        ("- 2027-03-31\n- '2027-03-31'\n- 2027-03-31x\n", "/0"),
        ("- 2027-3-1 1:02:03\n- 2027-3-1\n- 2027-03-31T\n", "/0"),
        ("- 12:30:45\n- 10:99\n- a:b\n- 01:30\n", "/0"),
        ("- 12:30.5\n- 01:30.5\n- 12:30.5x\n", "/0 /1"),
        ("- 012\n- 0\n- -012\n- 08\n- 10\n", "/0 /2 /3"),
        // Written otherwise, and the same.
        ("- 00\n- -07\n- 0x1f\n- 1.\n- +5\n", ""),
        ("- 1_000\n- 0b1\n- 0o17\n- 0x_1\n", "/0 /1 /2 /3"),
        ("- 1e3\n- 1.5e3\n- 1.5\n- 1.0e3\n", "/0 /1 /3"),
        ("- 1.e3\n- 1.5e+3\n- -.5\n- .5\n", "/0 /2"),
        ("- 99999999999999999999\n- 1.2.3\n- _1\n", ""),
        // A document with one of these does not load at all.
        ("- [x, =, '=', ==]\n- <<\n", "/0/1 /1"),
        // Keys are texts, whatever they look like.
        ("1e3: 1\n08: 1\n404: 1\ntrue: 1\n1.5: 1\n", ""),
        (
            "012: 1\n0x1f: 1\n1_0: 1\n1:30: 1\n",
            "/012 /0x1f /1:30 /1_0",
        ),
        ("a: |\n  on\nb: >\n  off\nc: online\n", ""),
    ] {
        parse(text, Format::Yaml).expect("it is YAML");
        let found = shown(&lint::yaml(text));
        let found: Vec<_> = found.iter().filter_map(|f| f.split(' ').nth(1)).collect();
        assert_eq!(found.join(" "), expected, "{text}");
    }
}

#[test]
fn documents_that_are_refused_are_linted_as_far_as_they_can_be_read() {
    for document in [
        json!(null),
        json!([]),
        json!({}),
        json!({ "flags": 1 }),
        json!({ "flags": { "a": 1 } }),
        json!({ "flags": [{}], "$evaluators": 1, "metadata": 2, "delivery": 3 }),
    ] {
        assert!(Compiler::new().compile("a", &document).is_err());
        lint::document(&document, &World::default());
    }
    let rule = json!({ "if": [{ "var": "x" }, "onn"] });
    let mut document = set(&rule, &json!({}));
    document["flags"]["a"]["defaultVariant"] = json!("purple");
    assert!(Compiler::new().compile("a", &document).is_err());
    let expected = ["unknown-variant /flags/a/targeting/if/1"];
    assert_eq!(lint(&document), expected);
}
