//! `/snapshot`: what is served right now, without the rules themselves.

use serde_json::{Value, json};

use super::Admin;

pub(super) fn describe(admin: &Admin) -> Value {
    let state = admin.store.load();
    let conflicts: Vec<Value> = state
        .conflicts
        .iter()
        .map(|conflict| json!({ "flag": &*conflict.flag, "kept": &*conflict.kept, "ignored": &*conflict.ignored }))
        .collect();
    let problems: Vec<Value> = state
        .snapshot
        .problems()
        .iter()
        .map(|found| {
            let problem = &found.problem;
            json!({ "set": &*found.set, "flag": problem.flag, "path": problem.path, "message": problem.message, "help": problem.help })
        })
        .collect();
    let routes: Vec<Value> = admin
        .route_names
        .iter()
        .zip(&state.routes)
        .map(|(name, route)| {
            let flags: Vec<&str> = route.flags.iter().map(|flag| &*flag.key).collect();
            json!({ "name": name, "flags": flags, "problems": route.problems })
        })
        .collect();
    json!({
        "revision": state.revision.to_str().unwrap_or_default(),
        "ready": admin.store.ready(),
        "current_at_ms": admin.store.current_at_ms(),
        "sets": state.sets,
        "overrides": state.override_list,
        "refused": state.refused,
        "conflicts": conflicts,
        "problems": problems,
        "routes": routes,
    })
}
