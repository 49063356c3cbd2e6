//! Files that are named or linked as nobody expects.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use burgee_tests::{Burgee, constant, flag_set, share};
use serde_json::{Value, json};

/// Ends in a byte that no UTF-8 has, behind what a URI reference has to escape.
const NAME: &[u8] = b"a #%\xc3\xbc?\xff";

/// What JSON has of it.
const SHOWN: &str = "a #%ü?\u{fffd}";

fn check(folder: &Path, arguments: &[&OsStr]) -> Burgee {
    let check = [OsStr::new("check")];
    Burgee::new(check.iter().chain(arguments)).directory(folder)
}

fn unpinned() -> String {
    let mut set: Value =
        serde_json::from_str(&flag_set(&json!({ "a": share(50) }))).expect("a set");
    set["metadata"] = json!({ "owner": "us" });
    set.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_utf_8_is_told_in_every_format() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = OsStr::from_bytes(NAME);
    std::fs::create_dir(folder.path().join(directory)).expect("a folder");
    let inside = Path::new(directory).join("set.json");
    let write = |path: &Path, text: &str| {
        std::fs::write(folder.path().join(path), text).expect("a file of our own");
    };
    write(&inside, "{");
    let mut odd = OsString::from(directory);
    odd.push(".json");
    write(Path::new(&odd), &flag_set(&json!({ "a": constant("on") })));
    let all = [inside.as_os_str(), &odd];

    for json in [&["--format", "json"][..], &["--json"]] {
        let json: Vec<&OsStr> = json.iter().map(OsStr::new).collect();
        let outcome = check(folder.path(), &[&all[..], &json].concat());
        let answer = outcome.ends_with(1).await.json();
        let found: Vec<(&str, &str)> = answer["findings"]
            .as_array()
            .expect("findings")
            .iter()
            .map(|finding| (finding["file"].as_str(), finding["rule"].as_str()))
            .filter_map(|(file, rule)| Some((file?, rule?)))
            .collect();
        let (first, second) = (format!("{SHOWN}/set.json"), format!("{SHOWN}.json"));
        assert_eq!(found, [(&*first, "syntax"), (&*second, "unreadable-file")]);
    }
    let sarif = [OsStr::new("--format"), OsStr::new("sarif")];
    let outcome = check(folder.path(), &[&all[..], &sarif].concat());
    let log = outcome.ends_with(1).await.json();
    let uris: Vec<&str> = log["runs"][0]["results"]
        .as_array()
        .expect("results")
        .iter()
        .filter_map(|result| {
            result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str()
        })
        .collect();
    let escaped = "a%20%23%25%C3%BC%3F%FF";
    let expected = [format!("{escaped}/set.json"), format!("{escaped}.json")];
    assert_eq!(uris, expected);
    for format in ["human", "short"] {
        let format = [OsStr::new("--format"), OsStr::new(format)];
        let outcome = check(folder.path(), &[&all[..], &format].concat());
        let outcome = outcome.ends_with(1).await;
        assert!(outcome.stdout.contains(SHOWN), "{outcome:?}");
    }

    // Other verbs answer in JSON, too.
    let arguments = ["explain", "--flag", "a", "--json", "--flags"].map(OsStr::new);
    let explain = Burgee::new(arguments.iter().chain([&inside.as_os_str()]));
    let outcome = explain.directory(folder.path()).ends_with(1).await;
    let told = outcome.json()["findings"][0]["file"].clone();
    assert_eq!(told, format!("{SHOWN}/set.json"));
    let arguments = "override set a on --for 1m --reason r --region eu --json --local";
    let arguments = arguments.split(' ').map(OsStr::new).chain([directory]);
    let outcome = Burgee::new(arguments).directory(folder.path());
    let told = outcome.succeeds().await.json()["file"].clone();
    assert!(
        told.as_str().is_some_and(|file| file.starts_with(SHOWN)),
        "{told}"
    );

    // A fix is told as well.
    write(&inside, &unpinned());
    let fix = ["--fix", "--json"].map(OsStr::new);
    let outcome = check(folder.path(), &[&all[..1], &fix].concat());
    let told = outcome.succeeds().await.json()["fixed"][0]["file"].clone();
    assert_eq!(told, format!("{SHOWN}/set.json"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fix_keeps_the_mode_and_leaves_a_file_with_two_names_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let (single, first, second) = ("single.json", "first.json", "second.json");
    let path = |name: &str| folder.path().join(name);
    let text = unpinned();
    std::fs::write(path(single), text.replace("\"a\"", "\"b\"")).expect("a file of our own");
    let mode = std::fs::Permissions::from_mode(0o2640);
    std::fs::set_permissions(path(single), mode).expect("a file of our own");
    std::fs::write(path(first), &text).expect("a file of our own");
    std::fs::hard_link(path(first), path(second)).expect("a link");

    let arguments = ["--fix", single, first].map(OsStr::new);
    let outcome = check(folder.path(), &arguments).ends_with(1).await;
    let told = "error[cannot-fix]: the pin was not written: the file has 2 names (hard links), \
                and the others would keep what is there now\n--> first.json";
    assert!(outcome.stdout.contains(told), "{outcome:?}");
    assert!(outcome.stdout.contains("by hand"), "{outcome:?}");
    for name in [first, second] {
        assert_eq!(std::fs::read_to_string(path(name)).expect("a text"), text);
    }
    assert!(
        outcome.stdout.contains("fixed single.json:1"),
        "{outcome:?}"
    );
    let written = std::fs::read_to_string(path(single)).expect("a text");
    assert!(written.contains("v3"), "{written}");
    let mode = path(single).metadata().expect("metadata").permissions();
    assert_eq!(mode.mode() & 0o7777, 0o2640);
}
