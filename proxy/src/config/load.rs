//! A value to a checked [`Config`]: every problem of it at once, each with its place.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;

use super::table::{Report, Table, place, string};
use super::{
    AccessLog, Admin, Config, Context, Decisions, FileSource, Limits, Listener, NatsSource,
    Shutdown, Source, Startup, attributes, routing,
};

const SECOND: Duration = Duration::from_secs(1);

const UNSPECIFIED: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

const CACHE_BYTES: u64 = 16 * 1024 * 1024;

const MAX_CACHE_BYTES: u64 = 16 * 1024 * 1024 * 1024;

const KEYS: &[&str] = &[
    "environment",
    "region",
    "cluster",
    "threads",
    "listeners",
    "admin",
    "source",
    "state_dir",
    "startup",
    "shutdown",
    "trusted_proxies",
    "reserved",
    "context",
    "upstreams",
    "routes",
    "decisions",
    "limits",
    "access_log",
];

/// `None` only where a problem was reported.
pub(super) fn read(report: &Report<'_>, value: &Value) -> Option<Config> {
    let root = Table::open(report, value, String::new(), KEYS)?;

    // Each part is read before any is unwrapped, so that the file's problems come all at once.
    let environment = root.get("environment", |value| string(value).and_then(place));
    let region = root.require("region", |value| string(value).and_then(place));
    let cluster = root.require("cluster", |value| string(value).and_then(place));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = root.number("threads", cores as u64, 1..=1024);
    let listeners = listeners(&root);
    let admin = admin(&root);
    let source = source(&root, region.as_deref());
    let state_dir = root.path_at("state_dir");
    let startup = startup(&root);
    let shutdown = shutdown(&root);
    let trusted_proxies = root.strings("trusted_proxies", |text| {
        text.parse()
            .or_else(|_| text.parse::<IpAddr>().map(Into::into))
            .map_err(|_| "must be a network such as 10.0.0.0/8, or an address".to_owned())
    });
    let reserved = reserved(&root);
    let context = match root.table("context", attributes::KEYS) {
        Some(table) => attributes::read(&table, &reserved),
        None => Context {
            targeting_key: Vec::new(),
            attributes: BTreeMap::new(),
            geo: None,
            device: true,
        },
    };
    let upstreams = routing::upstreams(&root);
    let routes = routing::routes(&root, &upstreams);
    let decisions = decisions(&root);
    let limits = limits(&root);
    let access_log = access_log(&root);

    Some(Config {
        environment: environment.unwrap_or_else(|| "default".to_owned()),
        // What is missing here was reported, so that none of these stand-ins is ever served.
        region: region.unwrap_or_default(),
        cluster: cluster.unwrap_or_default(),
        threads: usize::try_from(threads).ok()?,
        listeners,
        admin: admin.unwrap_or(Admin {
            address: UNSPECIFIED,
        }),
        source: source?,
        state_dir,
        startup,
        shutdown,
        trusted_proxies,
        reserved,
        context,
        upstreams,
        routes,
        decisions,
        limits,
        access_log,
    })
}

fn address(value: &Value) -> Result<SocketAddr, String> {
    string(value)?
        .parse()
        .map_err(|_| "must be an address and a port, such as 0.0.0.0:8080 or [::]:8080".to_owned())
}

fn listeners(root: &Table<'_>) -> Vec<Listener> {
    let tables = root.tables("listeners", &["address"]).unwrap_or_default();
    if root.empty("listeners") {
        root.problem(
            "listeners",
            "no listener",
            "add one: `listeners: [{ address: 0.0.0.0:8080 }]`",
        );
    }
    let mut listeners: Vec<Listener> = Vec::new();
    for table in &tables {
        let Some(address) = table.require("address", address) else {
            continue;
        };
        if address.port() != 0 && listeners.iter().any(|other| other.address == address) {
            table.problem(
                "address",
                format!("{address} is listened on twice"),
                "remove one",
            );
        }
        listeners.push(Listener { address });
    }
    listeners
}

fn admin(root: &Table<'_>) -> Option<Admin> {
    let Some(table) = root.table("admin", &["address"]) else {
        if !root.has("admin") {
            root.problem(
                "admin",
                "`admin` is missing",
                "add `admin: { address: 127.0.0.1:9901 }`",
            );
        }
        return None;
    };
    Some(Admin {
        address: table.require("address", address)?,
    })
}

fn source(root: &Table<'_>, region: Option<&str>) -> Option<Source> {
    let Some(table) = root.table("source", &["files", "nats"]) else {
        if !root.has("source") {
            root.problem(
                "source",
                "`source` is missing",
                "add `source: { files: { flags: flags/ } }` or `source: { nats: { servers: […] } }`",
            );
        }
        return None;
    };
    let files = table.table("files", &["flags", "overrides"]);
    let nats = table.table(
        "nats",
        &[
            "servers",
            "credentials",
            "domain",
            "override_regions",
            "local_overrides",
            "connect_timeout",
        ],
    );
    match (files, nats) {
        (Some(files), None) => {
            let overrides = files.path_at("overrides");
            files.require("flags", string)?;
            Some(Source::Files(FileSource {
                flags: files.path_at("flags")?,
                overrides,
            }))
        }
        (None, Some(nats)) => Some(Source::Nats(Box::new(nats_source(&nats, region)))),
        (None, None) => {
            if !table.has("files") && !table.has("nats") {
                table.problem("", "no source", "give either `files` or `nats`");
            }
            None
        }
        (Some(_), Some(_)) => {
            table.problem(
                "nats",
                "two sources",
                "give either `files` or `nats`, not both",
            );
            None
        }
    }
}

fn nats_source(table: &Table<'_>, region: Option<&str>) -> NatsSource {
    let servers = table.strings("servers", |text| {
        let fine = text
            .parse::<async_nats::ServerAddr>()
            .map_err(|error| format!("must be a NATS address such as nats://nats:4222: {error}"));
        fine.map(|_| text.to_owned())
    });
    if table.empty("servers") {
        table.problem(
            "servers",
            "no NATS server",
            "add `servers: [nats://127.0.0.1:4222]`",
        );
    }
    let mut override_regions = table.strings("override_regions", place);
    // The proxy's own region always counts: its operators must reach it.
    if let Some(region) = region
        && !override_regions.iter().any(|other| other == region)
    {
        override_regions.push(region.to_owned());
    }
    override_regions.sort();
    override_regions.dedup();
    NatsSource {
        servers,
        credentials: table.path_at("credentials"),
        domain: table.get("domain", |value| string(value).map(str::to_owned)),
        override_regions,
        local_overrides: table.path_at("local_overrides"),
        connect_timeout: table.duration("connect_timeout", 5 * SECOND, Duration::from_millis(10)),
    }
}

fn startup(root: &Table<'_>) -> Startup {
    let defaults_after = root
        .table("startup", &["defaults_after"])
        .and_then(|table| table.get("defaults_after", super::table::duration));
    Startup { defaults_after }
}

fn shutdown(root: &Table<'_>) -> Shutdown {
    let defaults = Shutdown {
        drain: 5 * SECOND,
        timeout: 30 * SECOND,
    };
    match root.table("shutdown", &["drain", "timeout"]) {
        None => defaults,
        Some(table) => Shutdown {
            drain: table.duration("drain", defaults.drain, Duration::ZERO),
            timeout: table.duration("timeout", defaults.timeout, Duration::ZERO),
        },
    }
}

fn reserved(root: &Table<'_>) -> Vec<String> {
    if !root.has("reserved") {
        return super::default_reserved();
    }
    let names = root.strings("reserved", |text| {
        let name: String = text
            .bytes()
            .map(|byte| char::from(super::normal(byte)))
            .collect();
        http::HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| "is not a header name or prefix".to_owned())?;
        Ok(name)
    });
    let own = ["x-flags-revision", "x-flags-fallback", "flags"];
    let open: Vec<_> = own
        .into_iter()
        .filter(|name| !super::is_reserved(name, &names))
        .collect();
    if !open.is_empty() {
        root.problem(
            "reserved",
            format!("a client could forge {}", open.join(", ")),
            "keep `x-flags-` and `flags` in the list",
        );
    }
    names
}

fn decisions(root: &Table<'_>) -> Decisions {
    let cache_bytes = root
        .table("decisions", &["cache_bytes"])
        .map_or(CACHE_BYTES, |table| {
            table.number("cache_bytes", CACHE_BYTES, 0..=MAX_CACHE_BYTES)
        });
    Decisions { cache_bytes }
}

fn limits(root: &Table<'_>) -> Limits {
    let defaults = Limits {
        connections: descriptors().map_or(10_000, connections_for),
        head_timeout: 10 * SECOND,
        head_bytes: 64 * 1024,
        keepalive: 60 * SECOND,
        read_timeout: 60 * SECOND,
        write_timeout: 60 * SECOND,
        attribute_bytes: 1024,
        retries: 3,
    };
    let known = [
        "connections",
        "head_timeout",
        "head_bytes",
        "keepalive",
        "read_timeout",
        "write_timeout",
        "attribute_bytes",
        "retries",
    ];
    let Some(table) = root.table("limits", &known) else {
        return defaults;
    };
    let bytes = table.number(
        "attribute_bytes",
        defaults.attribute_bytes as u64,
        1..=65_536,
    );
    let connections = table.number("connections", defaults.connections as u64, 1..=1_000_000);
    let head_bytes = table.number("head_bytes", defaults.head_bytes as u64, 1024..=1_048_576);
    let retries = table.number("retries", defaults.retries as u64, 0..=15);
    Limits {
        connections: usize::try_from(connections).unwrap_or(defaults.connections),
        head_timeout: table.duration("head_timeout", defaults.head_timeout, SECOND),
        head_bytes: usize::try_from(head_bytes).unwrap_or(defaults.head_bytes),
        // pingora counts keep-alive in whole seconds.
        keepalive: table.duration("keepalive", defaults.keepalive, SECOND),
        read_timeout: table.duration("read_timeout", defaults.read_timeout, SECOND),
        write_timeout: table.duration("write_timeout", defaults.write_timeout, SECOND),
        attribute_bytes: usize::try_from(bytes).unwrap_or(defaults.attribute_bytes),
        retries: usize::try_from(retries).unwrap_or(defaults.retries),
    }
}

/// Each connection may need one to its upstream; some descriptors are left for everything else.
fn connections_for(descriptors: usize) -> usize {
    (descriptors.saturating_sub(256) / 2).clamp(16, 10_000)
}

/// How many files and sockets this process may have open. `None`: no bound.
fn descriptors() -> Option<usize> {
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current?;
    usize::try_from(most).ok()
}

fn access_log(root: &Table<'_>) -> AccessLog {
    let read = root.get("access_log", |value| match value {
        Value::String(word) if word == "stdout" => Ok(Some(AccessLog::Stdout)),
        Value::String(word) if word == "off" => Ok(Some(AccessLog::Off)),
        // A YAML 1.1 habit: `off` without quotes reads as false in other parsers.
        Value::Bool(false) => Ok(Some(AccessLog::Off)),
        Value::Object(_) => Ok(None),
        _ => Err("must be `stdout`, `off` or `{ file: PATH }`".to_owned()),
    });
    match read {
        None => AccessLog::Stdout,
        Some(Some(log)) => log,
        Some(None) => root
            .table("access_log", &["file"])
            .and_then(|table| {
                table.require("file", string)?;
                table.path_at("file")
            })
            .map_or(AccessLog::Stdout, AccessLog::File),
    }
}
