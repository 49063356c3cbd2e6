//! Top-level keys, and those of metadata: whatever nobody knows is ignored by everybody, also where it is a
//! slip.

use serde_json::{Map, Value};

use super::Findings;
use crate::code;
use crate::document::FlagSource;
use crate::pointer::join_pointer;
use crate::problem::{Problem, Severity};

const KNOWN: [&str; 5] = ["$schema", "$evaluators", "flags", "metadata", "delivery"];

/// What is read of the metadata of a set, and of a flag.
const OF_SET: [&str; 6] = [
    "flagSetId",
    "bucketing",
    "owner",
    "purpose",
    "stage",
    "expires",
];
const OF_FLAG: [&str; 4] = ["owner", "purpose", "stage", "expires"];

/// Words of their own in metadata, however near they are to one that is read (`stage`).
const OTHER_WORDS: [&str; 1] = ["state"];

/// How many slips (a character added, left out, replaced, or two swapped) make a word another.
const NEAR: usize = 2;

/// Reports keys that look like a known one.
pub(super) fn top_level(document: &Value, findings: &mut Findings) {
    let Value::Object(root) = document else {
        return;
    };
    for key in root.keys().filter(|key| !KNOWN.contains(&key.as_str())) {
        let Some(near) = KNOWN.iter().find(|known| is_near(key, known)) else {
            continue;
        };
        findings.report(misspelt(join_pointer("", key), key, near));
    }
}

/// Reports keys of metadata that look like one that is read. Metadata is its authors' own, so that fewer
/// slips count than above.
pub(super) fn metadata(
    of_set: &Map<String, Value>,
    flags: &[FlagSource<'_>],
    findings: &mut Findings,
) {
    for (key, known) in slips(of_set, &OF_SET) {
        let path = join_pointer("/metadata", key);
        findings.report(misspelt(path, key, known));
    }
    for flag in flags {
        let place = join_pointer(&flag.path, "metadata");
        for (key, known) in slips(&flag.metadata, &OF_FLAG) {
            findings.report(misspelt(join_pointer(&place, key), key, known).of(flag.key));
        }
        if flag.metadata.contains_key("bucketing") {
            let message = "nobody reads the key \"bucketing\" in the metadata of a flag";
            let path = join_pointer(&place, "bucketing");
            let problem = Problem::new(Severity::Warning, path, message).of(flag.key);
            findings.report(problem.code(code::UNKNOWN_KEY).help(
                "write it into `delivery` for this flag, or into the metadata of the set for all of them",
            ));
        }
    }
}

/// Keys that nobody reads, each with the one that was probably meant.
fn slips<'m>(
    metadata: &'m Map<String, Value>,
    known: &'m [&'static str],
) -> impl Iterator<Item = (&'m str, &'static str)> {
    metadata.keys().filter_map(|key| {
        if known.contains(&key.as_str()) || OTHER_WORDS.contains(&key.as_str()) {
            return None;
        }
        let bare = bare(key);
        let slip =
            |known: &&&'static str| match strsim::damerau_levenshtein(&bare, &self::bare(known)) {
                0 => true,
                // Where the right key is there as well, this one is another: `owner` and `owners`.
                1 => !metadata.contains_key(**known),
                _ => false,
            };
        known.iter().find(slip).map(|known| (key.as_str(), *known))
    })
}

fn misspelt(path: String, key: &str, known: &str) -> Problem {
    let message = format!("nobody reads the key {key:?}");
    let problem = Problem::new(Severity::Warning, path, message);
    problem
        .code(code::UNKNOWN_KEY)
        .help(format!("did you mean {known:?}?"))
}

/// However it is cased, and its words are joined: `flag_set_id` for `flagSetId`.
fn bare(key: &str) -> String {
    let letters = key.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

fn is_near(key: &str, known: &str) -> bool {
    let key = key.trim_start_matches('$').to_ascii_lowercase();
    let known = known.trim_start_matches('$');
    key.len().abs_diff(known.len()) <= NEAR && strsim::damerau_levenshtein(&key, known) <= NEAR
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::lint::{self, World};

    /// `path` and help of each, for the metadata of a set and of a flag.
    fn unknown(set: &serde_json::Value, flag: &serde_json::Value) -> Vec<String> {
        let document = json!({
            "metadata": set,
            "flags": { "a": {
                "state": "ENABLED", "variants": { "on": 1 }, "defaultVariant": "on", "metadata": flag,
            } },
        });
        let found = lint::document(&document, &World::default()).into_iter();
        found
            .filter(|problem| problem.code == crate::code::UNKNOWN_KEY)
            .map(|problem| format!("{} {}", problem.path, problem.help.unwrap_or_default()))
            .collect()
    }

    #[test]
    fn a_slip_in_a_key_of_metadata_that_is_read_is_a_warning() {
        for (key, meant) in [
            ("Bucketing", "bucketing"),
            ("BUCKETING", "bucketing"),
            ("bucketting", "bucketing"),
            ("buketing", "bucketing"),
            ("bucketign", "bucketing"),
            ("Owner", "owner"),
            ("ownr", "owner"),
            ("owners", "owner"),
            ("expire", "expires"),
            ("flag_set_id", "flagSetId"),
            ("flagSetID", "flagSetId"),
        ] {
            let expected = [format!("/metadata/{key} did you mean {meant:?}?")];
            assert_eq!(unknown(&json!({ key: "v2" }), &json!({})), expected);
        }
        let expected = [r#"/flags/a/metadata/Expires did you mean "expires"?"#];
        assert_eq!(
            unknown(&json!({}), &json!({ "Expires": "2030-01-01" })),
            expected
        );
        // Another case is a slip also where the right key is there.
        let both = json!({ "bucketing": "v3", "Bucketing": "v2" });
        assert_eq!(unknown(&both, &json!({})).len(), 1);
        let pinned = unknown(&json!({}), &json!({ "bucketing": "v2" }));
        assert!(
            pinned.len() == 1 && pinned[0].contains("`delivery`"),
            "{pinned:?}"
        );
    }

    #[test]
    fn metadata_of_other_peoples_making_is_left_alone() {
        let known = json!({
            "flagSetId": "a", "bucketing": "v3", "owner": "o", "purpose": "p", "stage": "s",
            "expires": "2030-01-01", "owners": "beside the right one", "state": "live", "version": "1",
            "team": "t", "ticket": "T-1", "tage": "",
        });
        assert_eq!(
            unknown(&known, &json!({ "owner": "o", "flagset": 1 })),
            [""; 0]
        );
    }
}
