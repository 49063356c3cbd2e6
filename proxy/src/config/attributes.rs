//! The part of a configuration that says where attributes come from.

use std::collections::BTreeMap;
use std::time::Duration;

use http::HeaderName;

use super::table::{Table, string};
use super::{
    AnonymousCookie, AttributeSource, Context, Geo, HeaderSource, KeySource, Mmdb, is_reserved,
};

pub(super) const KEYS: &[&str] = &["targeting_key", "attributes", "geo", "device"];

/// `geo.*` attributes and where GeoLite2 keeps them.
const GEO_FIELDS: [(&str, &str); 5] = [
    ("country", "country.iso_code"),
    ("continent", "continent.code"),
    ("subdivision", "subdivisions.0.iso_code"),
    ("city", "city.names.en"),
    ("asn", "autonomous_system_number"),
];

/// First parts of names that the proxy fills itself.
const TAKEN: [&str; 8] = [
    "targetingKey",
    "geo",
    "device",
    "http",
    "client",
    "region",
    "cluster",
    "$flagd",
];

pub(super) fn read(table: &Table<'_>, reserved: &[String]) -> Context {
    Context {
        targeting_key: targeting_key(table, reserved),
        attributes: declared(table, reserved),
        geo: geo(table, reserved),
        device: table.flag("device", true),
    }
}

fn targeting_key(table: &Table<'_>, reserved: &[String]) -> Vec<KeySource> {
    let known = ["header", "from_client", "cookie", "anonymous_cookie"];
    let entries = table.tables("targeting_key", &known).unwrap_or_default();
    let count = entries.len();
    let mut sources = Vec::with_capacity(count);
    for (i, entry) in entries.iter().enumerate() {
        if !one_of(entry, &["header", "cookie", "anonymous_cookie"]) {
            continue;
        }
        if entry.has("header") {
            sources.extend(header(entry, reserved).map(KeySource::Header));
        } else if entry.has("cookie") {
            sources.extend(cookie(entry).map(KeySource::Cookie));
        } else {
            if i + 1 < count {
                entry.problem(
                    "anonymous_cookie",
                    "the entries after the anonymous cookie are never reached",
                    "put `anonymous_cookie` last",
                );
            }
            sources.extend(anonymous(entry).map(KeySource::Anonymous));
        }
    }
    sources
}

fn anonymous(entry: &Table<'_>) -> Option<AnonymousCookie> {
    let table = entry.table("anonymous_cookie", &["name", "max_age", "secure", "domain"])?;
    let day = Duration::from_hours(24);
    Some(AnonymousCookie {
        name: table
            .get("name", |value| cookie_name(string(value)?))
            .unwrap_or_else(|| "burgee_id".to_owned()),
        max_age: table.duration("max_age", 365 * day, Duration::from_secs(1)),
        secure: table.flag("secure", true),
        domain: table.get("domain", |value| {
            let domain = string(value)?;
            let fine = domain
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
            if fine {
                Ok(domain.to_owned())
            } else {
                Err("must be a domain name".to_owned())
            }
        }),
    })
}

fn declared(table: &Table<'_>, reserved: &[String]) -> BTreeMap<String, AttributeSource> {
    let mut declared = BTreeMap::new();
    let Some(attributes) = table.table("attributes", &[]) else {
        return declared;
    };
    for name in attributes.keys() {
        let first = name.split('.').next().unwrap_or_default();
        if TAKEN.contains(&first) {
            attributes.problem(
                name,
                format!("`{name}` is an attribute of the proxy's own"),
                format!("choose a name that does not begin with `{first}`"),
            );
        } else if name.split('.').any(str::is_empty) {
            attributes.problem(
                name,
                format!("`{name}` is no attribute name"),
                "write `plan` or `user.plan`",
            );
        }
        let known = ["header", "from_client", "cookie", "query"];
        let Some(entry) = attributes.table(name, &known) else {
            if !attributes.has(name) {
                attributes.problem(
                    name,
                    format!("`{name}` has no source"),
                    "write `{ header: x-plan }`",
                );
            }
            continue;
        };
        if !one_of(&entry, &["header", "cookie", "query"]) {
            continue;
        }
        let source = if entry.has("header") {
            header(&entry, reserved).map(AttributeSource::Header)
        } else if entry.has("cookie") {
            cookie(&entry).map(AttributeSource::Cookie)
        } else {
            entry
                .get("query", |value| string(value).map(str::to_owned))
                .map(AttributeSource::Query)
        };
        declared.extend(source.map(|source| (name.to_owned(), source)));
    }
    // Rules read `a.b` as a member of `a`: a value cannot be both.
    for name in declared.keys() {
        let inside = format!("{name}.");
        if let Some(other) = declared.keys().find(|other| other.starts_with(&inside)) {
            attributes.problem(
                other,
                format!("`{other}` lies inside `{name}`, which has a value of its own"),
                "rename one of the two",
            );
        }
    }
    declared
}

fn geo(table: &Table<'_>, reserved: &[String]) -> Option<Geo> {
    let geo = table.table("geo", &["mmdb", "headers"])?;
    let names: Vec<&str> = GEO_FIELDS.iter().map(|(name, _)| *name).collect();
    let mmdb = geo.table("mmdb", &["path", "fields"]).and_then(|mmdb| {
        let mut fields: BTreeMap<_, _> = GEO_FIELDS
            .iter()
            .map(|(name, path)| ((*name).to_owned(), segments(path)))
            .collect();
        if let Some(table) = mmdb.table("fields", &names) {
            for name in table.keys() {
                let path = table.get(name, |value| string(value).map(segments));
                fields.extend(path.map(|path| (name.to_owned(), path)));
            }
        }
        mmdb.require("path", string)?;
        Some(Mmdb {
            path: mmdb.path_at("path")?,
            fields,
        })
    });
    let mut headers = BTreeMap::new();
    if let Some(table) = geo.table("headers", &names) {
        for name in table.keys() {
            let source = table
                .table(name, &["header", "from_client"])
                .and_then(|entry| header(&entry, reserved));
            headers.extend(source.map(|source| (name.to_owned(), source)));
        }
    }
    Some(Geo { mmdb, headers })
}

fn segments(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

/// Whether exactly one of `keys` is there; reports it where not.
fn one_of(entry: &Table<'_>, keys: &[&str]) -> bool {
    let given = keys.iter().filter(|key| entry.has(key)).count();
    if given != 1 {
        entry.problem(
            "",
            "expected exactly one source",
            format!("give one of {}", keys.join(", ")),
        );
    }
    if given == 1 && entry.has("from_client") && !entry.has("header") {
        entry.problem(
            "from_client",
            "`from_client` is for headers: cookies and query parameters always come from clients",
            "remove it",
        );
    }
    given == 1
}

fn header(entry: &Table<'_>, reserved: &[String]) -> Option<HeaderSource> {
    let name = entry.require("header", |value| {
        HeaderName::from_bytes(string(value)?.as_bytes())
            .map_err(|_| "is not a header name".to_owned())
    })?;
    if is_reserved(name.as_str(), reserved) {
        entry.problem(
            "header",
            format!("`{name}` is reserved for decisions and stripped from every request"),
            "read another header",
        );
    }
    Some(HeaderSource {
        name,
        from_client: entry.flag("from_client", false),
    })
}

fn cookie(entry: &Table<'_>) -> Option<String> {
    entry.get("cookie", |value| cookie_name(string(value)?))
}

/// A token, as RFC 6265 wants a cookie's name to be.
fn cookie_name(name: &str) -> Result<String, String> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.bytes().all(fine) {
        Ok(name.to_owned())
    } else {
        Err("must be a cookie name: letters, digits and !#$%&'*+-.^_`|~".to_owned())
    }
}
