//! Sets joined into one, whatever order they come in.

use std::sync::Arc;

use burgee_eval::{Compiler, Context, FlagSet, Moment, Snapshot, evaluate};
use serde_json::json;

fn set(compiler: &mut Compiler, name: &str, flags: &[&str]) -> Arc<FlagSet> {
    let flags: serde_json::Map<_, _> = flags
        .iter()
        .map(|key| {
            let rule = json!({ "if": [{ "var": format!("{name}.{key}") }, name] });
            let flag = json!({ "state": "ENABLED", "variants": { name: 1 }, "defaultVariant": name, "targeting": rule });
            ((*key).to_owned(), flag)
        })
        .collect();
    Arc::new(
        compiler
            .compile(name, &json!({ "flags": flags }))
            .expect("valid"),
    )
}

#[test]
fn the_set_whose_name_sorts_first_has_the_flag() {
    let mut compiler = Compiler::new();
    let b = set(&mut compiler, "b", &["x", "y"]);
    let c = set(&mut compiler, "c", &["x", "z"]);
    let a = set(&mut compiler, "a", &["x", "w"]);
    for sets in [[&a, &b, &c], [&c, &b, &a], [&b, &c, &a]] {
        let snapshot = Snapshot::new(&compiler, sets.map(Arc::clone));
        let keys: Vec<_> = snapshot
            .flags()
            .map(|(_, flag)| (&*flag.key, &*flag.set))
            .collect();
        assert_eq!(keys, [("w", "a"), ("x", "a"), ("y", "b"), ("z", "c")]);
        let conflicts: Vec<_> = snapshot
            .conflicts()
            .iter()
            .map(|conflict| (&*conflict.flag, &*conflict.kept, &*conflict.ignored))
            .collect();
        assert_eq!(conflicts, [("x", "a", "b"), ("x", "a", "c")]);
        for (index, flag) in snapshot.flags() {
            assert_eq!(snapshot.find(&flag.key), Some(index));
        }
        assert_eq!(snapshot.find("nope"), None);
        let names: Vec<_> = snapshot.sets().iter().map(|set| &*set.id).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert!(Arc::ptr_eq(&snapshot.sets()[1], &b), "sets are shared");
    }
}

#[test]
fn attributes_keep_their_numbers() {
    let mut compiler = Compiler::new();
    let a = set(&mut compiler, "a", &["x"]);
    let before = Snapshot::new(&compiler, [Arc::clone(&a)]);
    let id = before.attributes().find("a.x").expect("a rule reads it");
    let b = set(&mut compiler, "b", &["y"]);
    let after = Snapshot::new(&compiler, [a, b]);
    assert_eq!(after.attributes().find("a.x"), Some(id));
    assert_eq!(after.attributes().name(id), "a.x");
    assert_eq!(before.attributes().find("b.y"), None);

    // A context that was made for the older snapshot is good for the newer one.
    let context = Context::new(before.attributes());
    for (index, _) in after.flags() {
        assert!(
            evaluate(&after, index, &context, Moment::current(0))
                .variant
                .is_some()
        );
    }
}
