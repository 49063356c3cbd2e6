//! Every problem at once, each with its line and what to do.

use std::path::Path;

use super::*;

const GOOD: &str = "\
region: eu
cluster: eu-1
listeners: [{ address: 127.0.0.1:8080 }]
admin: { address: 127.0.0.1:9901 }
source: { files: { flags: flags } }
upstreams: { stable: { endpoints: [127.0.0.1:9001] } }
routes: [{ upstream: stable }]
";

fn load(text: &str) -> Result<Config, Vec<String>> {
    let read = Config::parse(Path::new("dir/test.yaml"), text.to_owned());
    let Inspected {
        config, findings, ..
    } = read;
    config
        .filter(|_| findings.is_empty())
        .ok_or_else(|| findings.iter().map(ToString::to_string).collect())
}

/// Replaces the line that begins with `key` in a good file and wants exactly one finding, which
/// must begin with the given place and contain the given words.
#[track_caller]
fn refused(key: &str, line: &str, place: &str, words: &str) {
    let lines: Vec<&str> = GOOD
        .lines()
        .map(|old| if old.starts_with(key) { line } else { old })
        .collect();
    let text = lines.join("\n");
    let findings = load(&text).expect_err("the file is wrong");
    assert_eq!(findings.len(), 1, "{findings:#?}");
    let wanted = format!("dir/test.yaml:{place}: error:");
    assert!(
        findings[0].starts_with(&wanted),
        "{} does not begin with {wanted}",
        findings[0]
    );
    assert!(
        findings[0].contains(words),
        "{} does not say {words}",
        findings[0]
    );
    assert!(
        findings[0].contains("help: "),
        "{} gives no help",
        findings[0]
    );
}

#[test]
fn the_least_configuration_has_documented_defaults() {
    let config = load(GOOD).expect("a good file");
    assert_eq!(config.environment, "default");
    assert_eq!(config.reserved, ["x-flag-", "x-flags-", "flags"]);
    assert_eq!(config.routes[0].name, "*/");
    assert_eq!(config.routes[0].path, "/");
    assert_eq!(config.shutdown.drain.as_secs(), 5);
    assert_eq!(config.decisions.cache_bytes, 16 * 1024 * 1024);
    assert_eq!(config.upstreams["stable"].connect_timeout.as_secs(), 1);
    let Source::Files(files) = config.source else {
        panic!("files were configured");
    };
    assert_eq!(files.flags, Path::new("dir/flags"));
}

/// A log of overrides is named after a region, so that the configuration takes no other names.
#[test]
fn a_region_is_what_a_log_can_be_named_after() {
    let longest = "x".repeat(64);
    for name in ["eu", "eu-central_1", "0", "-", &longest] {
        crate::registry::Log::overrides(name).expect("a name");
        let config = load(&GOOD.replace("region: eu", &format!("region: '{name}'")));
        assert_eq!(config.expect("a name").region, name);
    }
    let words = "must be 1 to 64 lower-case letters, digits, `-` or `_`";
    for name in ["EU", "e.u", "e u", "\u{e9}", "*", &format!("{longest}x")] {
        crate::registry::Log::overrides(name).expect_err("no name");
        for key in ["region", "cluster"] {
            let line = format!("{key}: '{name}'");
            let place = if key == "region" { "1:1" } else { "2:1" };
            refused(&format!("{key}:"), &line, place, words);
        }
    }
}

#[test]
fn the_quickstart_is_good() {
    let text = include_str!("../../../config/quickstart.yaml");
    let config = load(text).expect("the sample is good");
    assert_eq!(config.context.targeting_key.len(), 3);
    assert_eq!(
        config.routes[0].canary.as_ref().map(|c| c.flag.as_str()),
        Some("checkout-backend")
    );
    assert_eq!(config.routes[1].present.form, Form::Dictionary);
}

#[test]
fn a_typo_is_found_and_the_nearest_key_is_named() {
    refused(
        "region",
        "reigon: eu\nregion: eu",
        "1:1",
        "did you mean `region`?",
    );
    refused(
        "routes",
        "routes: [{ upstraem: a, upstream: stable }]",
        "7:12",
        "did you mean `upstream`?",
    );
    refused(
        "routes",
        "routes: [{ upstream: stabel }]",
        "7:12",
        "did you mean `stable`?",
    );
}

#[test]
fn every_problem_comes_at_once_in_the_order_of_the_file() {
    let findings = load("region: EU\nlisteners: [{ address: nowhere }]\n").expect_err("wrong");
    let places: Vec<_> = findings
        .iter()
        .map(|finding| finding.split(": ").next().unwrap_or(""))
        .collect();
    let mut sorted = places.clone();
    sorted.sort_unstable();
    assert_eq!(places, sorted, "{findings:#?}");
    for words in [
        "`cluster` is missing",
        "`region`",
        "`address`",
        "no route",
        "no upstream",
        "`source`",
    ] {
        assert!(
            findings.iter().any(|finding| finding.contains(words)),
            "{words}: {findings:#?}"
        );
    }
}

#[test]
fn bad_values_are_refused_with_their_place() {
    refused("listeners", "listeners: []", "3:1", "no listener");
    refused(
        "listeners",
        "listeners: [{ address: 1.2.3.4 }]",
        "3:15",
        "a port",
    );
    refused(
        "source",
        "source: { files: { flags: a }, nats: { servers: [nats://x] } }",
        "5:32",
        "two sources",
    );
    refused("source", "source: {}", "5:1", "no source");
    refused(
        "upstreams",
        "upstreams: { stable: { endpoints: [nowhere] } }",
        "6:36",
        "host:port",
    );
    refused(
        "upstreams",
        "upstreams: { stable: { endpoints: ['::1:80'] } }",
        "6:36",
        "host:port",
    );
    refused(
        "routes",
        "routes: [{ upstream: stable }, { upstream: stable, name: b }]",
        "7:32",
        "same host and path",
    );
    // A path that is wrong is not the same as another's.
    refused(
        "routes",
        "routes: [{ upstream: stable }, { upstream: stable, path: api }]",
        "7:52",
        "begin with `/`",
    );
    refused(
        "routes",
        "routes: [{ upstream: stable, path: api }]",
        "7:30",
        "begin with `/`",
    );
    refused(
        "routes",
        "routes: [{ upstream: stable, flags: [a, a] }]",
        "7:30",
        "listed twice",
    );
    refused(
        "routes",
        "routes: [{ upstream: stable, host: 'a:80' }]",
        "7:30",
        "without a port",
    );
    refused(
        "admin",
        "admin: { address: 127.0.0.1:9901 }\nlimits: { keepalive: 5 }",
        "5:11",
        "must be a string",
    );
    refused(
        "admin",
        "admin: { address: 127.0.0.1:9901 }\nreserved: [x-flag-]",
        "5:1",
        "could forge",
    );
}

#[test]
fn decisions_are_kept_in_as_many_bytes_as_it_says() {
    let with = |line: &str| format!("admin: {{ address: 127.0.0.1:9901 }}\ndecisions: {line}");
    for bytes in [0, 1_048_576] {
        let text = format!("{GOOD}decisions: {{ cache_bytes: {bytes} }}\n");
        let config = load(&text).expect("it is good");
        assert_eq!(config.decisions.cache_bytes, bytes);
    }
    refused(
        "admin",
        &with("{ cache_bytes: 16MiB }"),
        "5:14",
        "must be a whole number",
    );
    refused(
        "admin",
        &with("{ cache_byts: 1 }"),
        "5:14",
        "did you mean `cache_bytes`?",
    );
}

#[test]
fn attributes_that_could_never_be_read_are_refused() {
    let with = |line: &str| format!("admin: {{ address: 127.0.0.1:9901 }}\ncontext: {{ {line} }}");
    refused(
        "admin",
        &with("attributes: { geo.x: { cookie: a } }"),
        "5:26",
        "the proxy's own",
    );
    // What keeps a flag inside of its regions must not come from a request.
    for attribute in [
        "region: { header: x-region, from_client: true }",
        "region: { query: region }",
        "region.name: { cookie: region }",
        "cluster: { header: x-cluster }",
    ] {
        refused(
            "admin",
            &with(&format!("attributes: {{ {attribute} }}")),
            "5:26",
            "the proxy's own",
        );
    }
    refused(
        "admin",
        &with("attributes: { a: { header: X_Flag_b } }"),
        "5:31",
        "stripped",
    );
    refused(
        "admin",
        &with("attributes: { a: { cookie: x }, a.b: { cookie: y } }"),
        "5:44",
        "lies inside",
    );
    refused(
        "admin",
        &with("attributes: { a: { cookie: x, header: y } }"),
        "5:26",
        "exactly one",
    );
    refused(
        "admin",
        &with("targeting_key: [{ anonymous_cookie: {} }, { cookie: a }]"),
        "5:30",
        "never reached",
    );
    refused(
        "admin",
        &with("targeting_key: [{ cookie: a, from_client: true }]"),
        "5:41",
        "always come from clients",
    );
}

#[test]
fn reserved_names_are_recognised_in_every_spelling() {
    let reserved = default_reserved();
    for forged in [
        "x-flag-a",
        "X_Flag_New-Checkout",
        "x.flag.a",
        "X-FLAGS-Revision",
        "flags",
        "FLAGS",
        "x_flags.a",
    ] {
        assert!(is_reserved(forged, &reserved), "{forged}");
    }
    for fine in ["x-flag", "flagship", "x-flax-a", "flag", "xflag-a", ""] {
        assert!(!is_reserved(fine, &reserved), "{fine}");
    }
}
