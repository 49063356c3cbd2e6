//! Findings as SARIF 2.1.0 (OASIS), which code hosts show beside the lines of a change.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use burgee_eval::code::Code;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use serde_json::{Value, json};

use super::code::all;
use super::{Finding, Level};
use crate::printable::printable;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What may stand in a path of a URI as it is (RFC 3986: unreserved, and the slash).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// A whole log of one run. Files below `base` are named from there, others in full.
pub(crate) fn sarif(findings: &[Finding], base: &Path) -> Value {
    let rules: Vec<&Code> = all().collect();
    let results: Vec<Value> = findings
        .iter()
        .map(|finding| result(finding, &rules, base))
        .collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "burgee check",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(|code| rule(code)).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: &Code) -> Value {
    json!({
        "id": code.id,
        "shortDescription": { "text": code.summary },
        "defaultConfiguration": { "level": Level::from(code.severity).name() },
    })
}

fn result(finding: &Finding, rules: &[&Code], base: &Path) -> Value {
    let mut text = printable(&finding.message).into_owned();
    if let Some(help) = &finding.help {
        text.push_str("\nHelp: ");
        text.push_str(&printable(help));
    }
    let mut place = json!({ "artifactLocation": { "uri": uri(&finding.file, base) } });
    if finding.line > 0 {
        place["region"] = json!({ "startLine": finding.line, "startColumn": finding.column });
        if finding.end_column > finding.column {
            place["region"]["endColumn"] = finding.end_column.into();
        }
    }
    let mut result = json!({
        "ruleId": finding.rule,
        "level": finding.level.name(),
        "message": { "text": text },
        "locations": [{ "physicalLocation": place }],
    });
    if let Some(index) = rules.iter().position(|rule| rule.id == finding.rule) {
        result["ruleIndex"] = index.into();
    }
    result
}

/// A URI reference (RFC 3986), relative to `base` where the file lies in it.
fn uri(file: &Path, base: &Path) -> String {
    let whole = plain(&base.join(file));
    match whole.strip_prefix(plain(base)) {
        // The directory itself; an empty reference would be the log's own.
        Ok(inside) if inside.as_os_str().is_empty() => "./".to_owned(),
        Ok(inside) => escape(inside),
        Err(_) => format!("file://{}", escape(&whole)),
    }
}

/// Without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            component => plain.push(component),
        }
    }
    plain
}

/// Byte by byte, so that a name which is not UTF-8 is named all the same.
fn escape(path: &Path) -> String {
    percent_encode(path.as_os_str().as_bytes(), ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use burgee_eval::text::{Location, Span};

    use super::*;

    fn is_valid(log: &Value) {
        let errors = errors(log);
        assert!(errors.is_empty(), "{errors:#?}\n{log:#}");
    }

    /// By the schema that OASIS published.
    fn errors(log: &Value) -> Vec<String> {
        let schema = include_str!("../../tests/sarif/sarif-schema-2.1.0.json");
        // It was published with a bracket too many in two patterns, which are no regular expressions so.
        let schema = schema.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$");
        let schema = serde_json::from_str(&schema).expect("it is JSON");
        // Those of URI references among them.
        let options = jsonschema::options().should_validate_formats(true);
        let validator = options.build(&schema).expect("it is a schema");
        let errors = validator.iter_errors(log);
        errors.map(|error| error.to_string()).collect()
    }

    #[test]
    fn a_log_is_what_the_schema_asks_for() {
        let base = Path::new("/work/x");
        is_valid(&sarif(&[], base));
        let span = |line, column, width| Span {
            start: Location { line, column },
            width,
        };
        let placed = Finding {
            help: Some("quote\x1b it".to_owned()),
            ..Finding::at(
                Path::new("a b.yaml"),
                span(3, 5, 4),
                "syntax",
                "this \u{202e} is wrong",
            )
        };
        let unmarked = Finding {
            level: Level::Warning,
            ..Finding::at(
                Path::new("/etc/x.yaml"),
                span(1, 1, 0),
                "no-owner",
                "nobody",
            )
        };
        let whole = Finding::whole_file(Path::new("gone"), "cannot be read", "name a file");
        let log = sarif(&[placed, unmarked, whole], base);
        is_valid(&log);
        let results = log["runs"][0]["results"].as_array().expect("results");
        let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array();
        for result in results {
            let index = result["ruleIndex"]
                .as_u64()
                .and_then(|i| usize::try_from(i).ok());
            let rule = rules.and_then(|rules| rules.get(index?));
            assert_eq!(
                rule.map(|rule| &rule["id"]),
                Some(&result["ruleId"]),
                "{result}"
            );
            assert_eq!(
                rule.map(|rule| &rule["defaultConfiguration"]["level"]),
                Some(&result["level"])
            );
        }
        assert_eq!(
            results[0]["message"]["text"],
            "this \\u{202e} is wrong\nHelp: quote\\u{1b} it"
        );
        let place = &results[0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b.yaml");
        let region = json!({ "startLine": 3, "startColumn": 5, "endColumn": 9 });
        assert_eq!(place["region"], region);
        let place = &results[1]["locations"][0]["physicalLocation"];
        assert_eq!(place["region"], json!({ "startLine": 1, "startColumn": 1 }));
        let place = &results[2]["locations"][0]["physicalLocation"];
        assert_eq!(place.get("region"), None);
    }

    #[test]
    fn files_are_named_by_uri() {
        for (file, expected) in [
            ("flags/a.yaml", "flags/a.yaml"),
            ("./flags/../b c#1.yaml", "b%20c%231.yaml"),
            (
                "/work/x/flags/ünï:☃.json",
                "flags/%C3%BCn%C3%AF%3A%E2%98%83.json",
            ),
            ("../other/a.yaml", "file:///work/other/a.yaml"),
            ("/etc/a b.yaml", "file:///etc/a%20b.yaml"),
            ("100%.yaml", "100%25.yaml"),
            ("a?b&c=[d].yaml", "a%3Fb%26c%3D%5Bd%5D.yaml"),
            ("//etc//a.yaml", "file:///etc/a.yaml"),
            (".", "./"),
        ] {
            assert_eq!(uri(Path::new(file), Path::new("/work/x")), expected);
        }
    }

    #[test]
    fn whoever_parses_a_uri_finds_the_file_again() {
        let every_byte: Vec<u8> = (1..=255).filter(|byte| *byte != b'/').collect();
        let base = Path::new("/work/x y");
        let base_uri = url::Url::from_directory_path(base).expect("it is absolute");
        for name in [
            &b"a b#c%20?d.yaml"[..],
            b"f\xc3\xbcnf\xff\xfe.yaml",
            b"c:/d.yaml",
            b"deep/-/~._a.yaml",
            &every_byte,
        ] {
            for folder in ["", "/etc/\u{e9}"] {
                let file = Path::new(folder).join(OsStr::from_bytes(name));
                let uri = uri(&file, base);
                assert!(uri.is_ascii(), "{uri}");
                let whole = base_uri.join(&uri).expect("a URI reference");
                assert_eq!(whole.to_file_path(), Ok(base.join(&file)), "{uri}");
                is_valid(&sarif(&[Finding::whole_file(&file, "m", "h")], base));
            }
        }
        let mut log = sarif(&[Finding::whole_file(base, "m", "h")], base);
        let place = "/runs/0/results/0/locations/0/physicalLocation/artifactLocation/uri";
        *log.pointer_mut(place).expect("a place") = "a b%".into();
        assert_ne!(errors(&log), [""; 0], "the schema asks for a URI reference");
    }
}
