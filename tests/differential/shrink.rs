//! The smallest case that still does what a large one does.

use serde_json::{Value as Json, json};

use crate::documents::Ask;

/// Smaller cases that are tried for one.
const TRIES: usize = 1_500;

/// Makes a case smaller, as long as `holds` holds for it.
pub(crate) fn shrink(
    tree: &Json,
    ask: &Ask,
    mut holds: impl FnMut(&Json, &Ask) -> bool,
) -> (Json, Ask) {
    let mut case = json!({ "document": tree, "context": ask.context });
    let mut best = ask.clone();
    let mut tries = 0;
    if let Some(flags) = case["document"]["flags"].as_object_mut() {
        flags.retain(|key, _| *key == ask.flag);
    }
    if !holds(&case["document"], ask) {
        case["document"] = tree.clone();
    }
    loop {
        let mut smaller = None;
        for pointer in pointers(&case) {
            for replacement in replacements(&case, &pointer) {
                tries += 1;
                if tries > TRIES {
                    return done(case, best);
                }
                let mut candidate = case.clone();
                replace(&mut candidate, &pointer, replacement);
                if !candidate["context"].is_object() {
                    continue;
                }
                best.context = candidate["context"].clone();
                if holds(&candidate["document"], &best) {
                    smaller = Some(candidate);
                    break;
                }
            }
            if smaller.is_some() {
                break;
            }
        }
        match smaller {
            Some(smaller) => case = smaller,
            None => return done(case, best),
        }
    }
}

fn done(mut case: Json, mut ask: Ask) -> (Json, Ask) {
    ask.context = case["context"].take();
    (case["document"].take(), ask)
}

/// Every place of a value, larger parts first.
fn pointers(value: &Json) -> Vec<String> {
    fn walk(value: &Json, pointer: &str, into: &mut Vec<(usize, String)>) -> usize {
        let mut size = 1;
        match value {
            Json::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    size += walk(item, &format!("{pointer}/{index}"), into);
                }
            }
            Json::Object(members) => {
                for (key, item) in members {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    size += walk(item, &format!("{pointer}/{key}"), into);
                }
            }
            _ => {}
        }
        into.push((size, pointer.to_owned()));
        size
    }
    let mut all = Vec::new();
    walk(value, "", &mut all);
    all.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    all.into_iter()
        .map(|(_, pointer)| pointer)
        .filter(|pointer| {
            // A flag stays a flag, and a document a document.
            let least = if pointer.starts_with("/document/flags") {
                4
            } else {
                2
            };
            pointer.matches('/').count() >= least
        })
        .collect()
}

/// What may stand in a place instead; `None` removes it. Each is smaller than what is there.
fn replacements(case: &Json, pointer: &str) -> Vec<Option<Json>> {
    let Some(value) = case.pointer(pointer) else {
        return Vec::new();
    };
    let mut all = vec![None];
    match value {
        Json::Array(items) => {
            all.push(Some(Json::Null));
            all.extend(items.iter().cloned().map(Some));
            if !items.is_empty() {
                all.push(Some(json!([])));
            }
        }
        Json::Object(members) => {
            all.push(Some(Json::Null));
            for member in members.values() {
                all.push(Some(member.clone()));
                if let Json::Array(items) = member {
                    all.extend(items.iter().cloned().map(Some));
                }
            }
        }
        Json::String(text) if text.chars().count() > 1 => all.push(Some(json!("a"))),
        Json::Number(number) if number.as_f64() != Some(1.0) && number.as_f64() != Some(0.0) => {
            all.push(Some(json!(1)));
        }
        _ => {}
    }
    all
}

fn replace(case: &mut Json, pointer: &str, replacement: Option<Json>) {
    if let Some(replacement) = replacement {
        if let Some(place) = case.pointer_mut(pointer) {
            *place = replacement;
        }
        return;
    }
    let (parent, key) = pointer.rsplit_once('/').expect("below the root");
    match case.pointer_mut(parent) {
        Some(Json::Array(items)) => {
            if let Ok(index) = key.parse::<usize>() {
                items.remove(index);
            }
        }
        Some(Json::Object(members)) => {
            members.remove(&key.replace("~1", "/").replace("~0", "~"));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::shrink;
    use crate::documents::Ask;

    #[test]
    fn only_what_matters_is_left() {
        let tree = json!({"flags": {"f": {"targeting": {"if": [{"in": ["a", ["b", "c"]]}, {"%": [7, 0]}, "x"]}}, "g": {}}});
        let ask = Ask {
            flag: "f".to_owned(),
            context: json!({"a": 1, "b/c~": [2, {"d": 3}]}),
            wanted: None,
        };
        let (tree, ask) = shrink(&tree, &ask, |tree, ask| {
            tree.to_string().contains(r#""%""#) && ask.context.to_string().contains('3')
        });
        assert_eq!(tree, json!({"flags": {"f": {"targeting": {"%": null}}}}));
        assert_eq!(ask.context, json!({"b/c~": 3}));
    }
}
