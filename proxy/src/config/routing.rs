//! The part of a configuration that says where requests go.

use std::collections::BTreeMap;
use std::time::Duration;

use super::table::{Table, string};
use super::{Canary, Content, Form, Health, Present, Route, Upstream};
use crate::finding::nearest;

/// Many backends refuse more than a hundred headers in all.
pub const MAX_FLAG_HEADERS: usize = 64;

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

pub(super) fn upstreams(root: &Table<'_>) -> BTreeMap<String, Upstream> {
    let mut upstreams = BTreeMap::new();
    let table = root.table("upstreams", &[]);
    for name in table.iter().flat_map(Table::keys) {
        let read = table.as_ref().and_then(|table| {
            let keys = [
                "endpoints",
                "connect_timeout",
                "read_timeout",
                "write_timeout",
                "idle_timeout",
                "health",
            ];
            table.table(name, &keys).map(|entry| upstream(&entry))
        });
        upstreams.extend(read.map(|upstream| (name.to_owned(), upstream)));
    }
    if root.empty("upstreams") {
        root.problem(
            "upstreams",
            "no upstream",
            "add one: `upstreams: { stable: { endpoints: [127.0.0.1:9001] } }`",
        );
    }
    upstreams
}

fn upstream(table: &Table<'_>) -> Upstream {
    let endpoints = table.strings("endpoints", endpoint);
    if table.empty("endpoints") {
        table.problem("endpoints", "no endpoint", "add `endpoints: [host:port]`");
    }
    Upstream {
        endpoints,
        connect_timeout: table.duration("connect_timeout", SECOND, MILLISECOND),
        read_timeout: table.duration("read_timeout", 60 * SECOND, MILLISECOND),
        write_timeout: table.duration("write_timeout", 60 * SECOND, MILLISECOND),
        idle_timeout: table.duration("idle_timeout", 60 * SECOND, MILLISECOND),
        health: health(table),
    }
}

fn health(upstream: &Table<'_>) -> Health {
    let defaults = Health {
        interval: 5 * SECOND,
        timeout: SECOND,
        healthy_after: 2,
        unhealthy_after: 2,
    };
    let known = ["interval", "timeout", "healthy_after", "unhealthy_after"];
    let Some(table) = upstream.table("health", &known) else {
        return defaults;
    };
    let count = |key, default: u32| {
        u32::try_from(table.number(key, default.into(), 1..=100)).unwrap_or(default)
    };
    Health {
        interval: table.duration("interval", defaults.interval, 10 * MILLISECOND),
        timeout: table.duration("timeout", defaults.timeout, MILLISECOND),
        healthy_after: count("healthy_after", defaults.healthy_after),
        unhealthy_after: count("unhealthy_after", defaults.unhealthy_after),
    }
}

/// `host:port` or `[address]:port`.
fn endpoint(text: &str) -> Result<String, String> {
    let wrong = || "must be host:port, such as shop.internal:8080".to_owned();
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let ipv6 = bare.parse::<std::net::Ipv6Addr>().is_ok();
    if port.parse::<u16>().map_or(true, |port| port == 0)
        || host.is_empty()
        || (host.contains(':') && !(ipv6 && host.starts_with('[')))
        || host.contains(['/', ' ', '@'])
    {
        return Err(wrong());
    }
    Ok(text.to_owned())
}

pub(super) fn routes(root: &Table<'_>, upstreams: &BTreeMap<String, Upstream>) -> Vec<Route> {
    let known = [
        "name", "host", "path", "upstream", "canary", "flags", "present",
    ];
    let tables = root.tables("routes", &known).unwrap_or_default();
    if root.empty("routes") {
        root.problem(
            "routes",
            "no route",
            "add one: `routes: [{ path: /, upstream: stable }]`",
        );
    }
    let mut routes: Vec<Route> = Vec::with_capacity(tables.len());
    for table in &tables {
        let before = table.problems();
        let Some(route) = route(table, upstreams) else {
            continue;
        };
        let sound = table.problems() == before;
        // Where a host or path is wrong, what the route matches is not known.
        let placed = |other: &Route| other.host == route.host && other.path == route.path;
        if sound && routes.iter().any(placed) {
            table.problem(
                "",
                "another route has the same host and path",
                "remove one of the two",
            );
        } else if sound && routes.iter().any(|other| other.name == route.name) {
            table.problem(
                "name",
                format!("two routes are named `{}`", route.name),
                "rename one",
            );
        }
        routes.push(route);
    }
    routes
}

fn route(table: &Table<'_>, upstreams: &BTreeMap<String, Upstream>) -> Option<Route> {
    let host = table.get("host", |value| host(string(value)?));
    let path = table
        .get("path", |value| path(string(value)?))
        .unwrap_or_else(|| "/".to_owned());
    let upstream = table.require("upstream", |value| string(value).map(str::to_owned));
    if let Some(name) = &upstream {
        must_exist(table, "upstream", name, upstreams);
    }
    let present = present(table);
    let flags = flags(table, present);
    let canary = table
        .table("canary", &["flag", "upstreams"])
        .and_then(|canary| {
            let flag = canary.require("flag", |value| string(value).map(str::to_owned));
            let by_variant = canary.table("upstreams", &[]);
            if by_variant.is_none() && !canary.has("upstreams") {
                canary.problem(
                    "",
                    "`upstreams` is missing",
                    "add `upstreams: { VARIANT: UPSTREAM }`",
                );
            }
            let by_variant = by_variant?;
            let mut chosen = BTreeMap::new();
            for variant in by_variant.keys() {
                let name = by_variant.require(variant, |value| string(value).map(str::to_owned))?;
                must_exist(&by_variant, variant, &name, upstreams);
                chosen.insert(variant.to_owned(), name);
            }
            Some(Canary {
                flag: flag?,
                upstreams: chosen,
            })
        });
    let name = table.get("name", |value| string(value).map(str::to_owned));
    Some(Route {
        name: name.unwrap_or_else(|| format!("{}{path}", host.as_deref().unwrap_or("*"))),
        host,
        path,
        upstream: upstream?,
        canary,
        flags,
        present,
    })
}

/// Reports an upstream that the file does not define.
fn must_exist(table: &Table<'_>, key: &str, name: &str, upstreams: &BTreeMap<String, Upstream>) {
    // Where there is none at all, that is the one thing to report.
    if upstreams.is_empty() || upstreams.contains_key(name) {
        return;
    }
    let names: Vec<&str> = upstreams.keys().map(String::as_str).collect();
    let help = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("upstreams of this file: {}", names.join(", ")),
    };
    table.problem(key, format!("there is no upstream `{name}`"), help);
}

fn flags(table: &Table<'_>, present: Present) -> Vec<String> {
    let flags = table.strings("flags", |text| Ok(text.to_owned()));
    for (i, flag) in flags.iter().enumerate() {
        if flags[..i].contains(flag) {
            table.problem(
                "flags",
                format!("flag `{flag}` is listed twice"),
                "remove one",
            );
        }
    }
    if present.form == Form::Headers && flags.len() > MAX_FLAG_HEADERS {
        table.problem(
            "flags",
            format!(
                "{} flags, but at most {MAX_FLAG_HEADERS} fit into headers of their own",
                flags.len()
            ),
            "add `present: { form: dictionary }`",
        );
    }
    flags
}

fn present(table: &Table<'_>) -> Present {
    let defaults = Present {
        form: Form::Headers,
        content: Content::Variant,
    };
    let Some(present) = table.table("present", &["form", "content"]) else {
        return defaults;
    };
    Present {
        form: present
            .get("form", |value| match string(value)? {
                "headers" => Ok(Form::Headers),
                "dictionary" => Ok(Form::Dictionary),
                _ => Err("must be `headers` or `dictionary`".to_owned()),
            })
            .unwrap_or(defaults.form),
        content: present
            .get("content", |value| match string(value)? {
                "variant" => Ok(Content::Variant),
                "value" => Ok(Content::Value),
                _ => Err("must be `variant` or `value`".to_owned()),
            })
            .unwrap_or(defaults.content),
    }
}

fn host(text: &str) -> Result<String, String> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-.[]:_".contains(&byte);
    let port = text
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if !text.bytes().all(fine) || (port && !text.ends_with(']')) {
        return Err("must be a host name without a port".to_owned());
    }
    Ok(text.to_ascii_lowercase())
}

fn path(text: &str) -> Result<String, String> {
    if !text.starts_with('/') || text.contains(['?', '#', ' ', '*']) {
        return Err("must begin with `/` and be a plain prefix".to_owned());
    }
    // `/api/` and `/api` match the same whole segments.
    let trimmed = text.trim_end_matches('/');
    Ok(if trimmed.is_empty() { "/" } else { trimmed }.to_owned())
}
