//! The configuration of a proxy: raw text becomes checked types here, and only here.
//!
//! Inner code accepts these types and never asks again. Every problem of a file is reported at
//! once, each with its place. Relative paths are relative to the file that names them.

mod attributes;
mod inspect;
mod load;
mod routing;
mod table;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;
use ipnet::IpNet;

pub use inspect::Inspected;
pub use routing::MAX_FLAG_HEADERS;

/// A whole, checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Bound into every record of a log, so that a record of one environment means nothing in another.
    pub environment: String,
    /// The region this proxy runs in; a valid subject token. Attribute `region`, override scope `region:`.
    pub region: String,
    /// The cluster this proxy runs in; a valid subject token. Attribute `cluster`, override scope `cluster:`.
    pub cluster: String,
    /// Worker threads of the proxy service. Default: the number of cores.
    pub threads: usize,
    /// At least one.
    pub listeners: Vec<Listener>,
    /// Metrics, readiness, snapshot and explain. Never to be exposed to clients.
    pub admin: Admin,
    /// Where flag sets and overrides come from.
    pub source: Source,
    /// Where the last good flag sets and overrides are kept. `None`: nothing survives a restart.
    pub state_dir: Option<PathBuf>,
    /// What happens while there is nothing to serve.
    pub startup: Startup,
    /// How the proxy leaves.
    pub shutdown: Shutdown,
    /// Whose `X-Forwarded-*` and trusted headers count.
    pub trusted_proxies: Vec<IpNet>,
    /// Lower case, `-` for every byte that is not a letter or a digit. Default: `x-flag-`, `x-flags-`, `flags`.
    /// An entry that ends with `-` is a prefix, any other an exact name.
    pub reserved: Vec<String>,
    /// Where attributes of the context come from.
    pub context: Context,
    /// By name. At least one.
    pub upstreams: BTreeMap<String, Upstream>,
    /// In the order of the file; matching is by the most specific host, then the longest path prefix.
    pub routes: Vec<Route>,
    /// What is kept of decisions.
    pub decisions: Decisions,
    /// Bounds on what clients may send.
    pub limits: Limits,
    /// Where the access log goes.
    pub access_log: AccessLog,
}

/// An address that clients connect to.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Port 0 takes a free one; it is printed.
    pub address: SocketAddr,
}

/// The operator's own listener.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Port 0 takes a free one; it is printed.
    pub address: SocketAddr,
}

/// Where flag sets and overrides come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Directories, watched.
    Files(FileSource),
    /// The logs in NATS JetStream, and a watched directory of local overrides beside them.
    Nats(Box<NatsSource>),
}

/// Directories, watched.
#[derive(Clone, Debug)]
pub struct FileSource {
    /// One flag set per `.json`, `.yaml` or `.yml` file.
    pub flags: PathBuf,
    /// One override record (an envelope) per `.json` file. `None`: no overrides from files.
    pub overrides: Option<PathBuf>,
}

/// How to reach the registry.
#[derive(Clone, Debug)]
pub struct NatsSource {
    /// `nats://host:port`, tried in random order.
    pub servers: Vec<String>,
    /// A NATS credentials file.
    pub credentials: Option<PathBuf>,
    /// A JetStream domain, for a leaf node.
    pub domain: Option<String>,
    /// Regions whose override logs are read; always contains the proxy's own.
    pub override_regions: Vec<String>,
    /// A watched directory of override records, for when NATS is what is broken.
    pub local_overrides: Option<PathBuf>,
    /// One attempt to connect. Default 5 s.
    pub connect_timeout: Duration,
}

/// What happens while there is nothing to serve.
#[derive(Clone, Copy, Debug)]
pub struct Startup {
    /// After this time without any flag set, serve the baseline without decisions. `None`: answer 503.
    pub defaults_after: Option<Duration>,
}

/// How the proxy leaves after SIGTERM.
#[derive(Clone, Copy, Debug)]
pub struct Shutdown {
    /// `/readyz` fails for this long before listeners close; keep-alive connections are told to close.
    /// Default 5 s.
    pub drain: Duration,
    /// The longest that requests in flight may still take after that. Default 30 s.
    pub timeout: Duration,
}

/// Where attributes of the context come from.
#[derive(Clone, Debug)]
pub struct Context {
    /// The first that gives a value wins.
    pub targeting_key: Vec<KeySource>,
    /// Declared attributes by name.
    pub attributes: BTreeMap<String, AttributeSource>,
    /// `None`: no `geo.*` attribute.
    pub geo: Option<Geo>,
    /// Whether `device.*` attributes are read from the user agent and client hints. Default true.
    pub device: bool,
}

/// One place to look for the targeting key.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A header.
    Header(HeaderSource),
    /// A cookie; client-supplied by nature.
    Cookie(String),
    /// A cookie that the proxy mints for clients that have no other identity.
    Anonymous(AnonymousCookie),
}

/// A header, and whose word is taken for it.
#[derive(Clone, Debug)]
pub struct HeaderSource {
    /// Its name.
    pub name: HeaderName,
    /// `false`: it counts only from a trusted proxy. `true`: declared as client-supplied, counts from anyone.
    pub from_client: bool,
}

/// The cookie that the proxy mints.
#[derive(Clone, Debug)]
pub struct AnonymousCookie {
    /// Default `burgee_id`.
    pub name: String,
    /// Default 365 days.
    pub max_age: Duration,
    /// `Secure`. Default true.
    pub secure: bool,
    /// `Domain`. Default: host-only.
    pub domain: Option<String>,
}

/// Where a declared attribute comes from. Values are strings; a rule that wants a number coerces it.
#[derive(Clone, Debug)]
pub enum AttributeSource {
    /// A request header.
    Header(HeaderSource),
    /// A cookie.
    Cookie(String),
    /// The first query parameter of this name, percent-decoded.
    Query(String),
}

/// Geography. A trusted header wins over the database, attribute by attribute.
#[derive(Clone, Debug)]
pub struct Geo {
    /// By client address.
    pub mmdb: Option<Mmdb>,
    /// Attribute (`country`, `continent`, `subdivision`, `city`, `asn`) to the header of a trusted CDN.
    pub headers: BTreeMap<String, HeaderSource>,
}

/// A MaxMind database; reloaded when the file changes.
#[derive(Clone, Debug)]
pub struct Mmdb {
    /// The file.
    pub path: PathBuf,
    /// Attribute (`country`, …) to the path of its value inside a record, e.g. `country.iso_code`.
    /// Defaults are GeoLite2's; databases differ.
    pub fields: BTreeMap<String, Vec<String>>,
}

/// A named group of endpoints that serve the same thing.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// `host:port`; names are resolved again periodically. At least one.
    pub endpoints: Vec<String>,
    /// One attempt to connect. Default 1 s.
    pub connect_timeout: Duration,
    /// Between two reads of a response. Default 60 s.
    pub read_timeout: Duration,
    /// Between two writes of a request. Default 60 s.
    pub write_timeout: Duration,
    /// How long an unused connection is kept. Default 60 s.
    pub idle_timeout: Duration,
    /// TCP checks. Default: every 5 s, 1 s each, 2 to recover, 2 to fail.
    pub health: Health,
}

/// TCP checks of every endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Health {
    /// Between two checks of one endpoint.
    pub interval: Duration,
    /// One check.
    pub timeout: Duration,
    /// Checks in a row that must pass before a marked endpoint serves again.
    pub healthy_after: u32,
    /// Failures in a row (checks or connects) that mark an endpoint.
    pub unhealthy_after: u32,
}

/// What a request is matched to.
#[derive(Clone, Debug)]
pub struct Route {
    /// For metrics, the access log and `explain`. Default: host and path.
    pub name: String,
    /// Lower case, no port; `None` matches every host.
    pub host: Option<String>,
    /// Begins with `/`; matches whole segments. Default `/`.
    pub path: String,
    /// The baseline.
    pub upstream: String,
    /// Which flag chooses another upstream.
    pub canary: Option<Canary>,
    /// Keys of the flags that the backend is told about, in the order of the file.
    pub flags: Vec<String>,
    /// How it is told.
    pub present: Present,
}

/// A route's upstream by a flag's variant.
#[derive(Clone, Debug)]
pub struct Canary {
    /// Its key.
    pub flag: String,
    /// Variant to upstream; every other variant, and none, is the baseline.
    pub upstreams: BTreeMap<String, String>,
}

/// How a backend is told of decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Present {
    /// One header per flag (at most 64), or the dictionary header `flags`.
    pub form: Form,
    /// What a per-flag header carries. The dictionary follows the same choice.
    pub content: Content,
}

/// One header per flag, or one for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `x-flag-<key>: <variant>`
    Headers,
    /// `flags: a=on, b=off` (RFC 9651)
    Dictionary,
}

/// The variant's name or its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// The variant's name.
    Variant,
    /// The variant's value.
    Value,
}

/// What is kept of decisions.
#[derive(Clone, Copy, Debug)]
pub struct Decisions {
    /// Memory for decisions of routes with many flags, for when the same context comes again; 0: none are
    /// kept. Default 16 MiB.
    pub cache_bytes: u64,
}

/// Bounds on what clients may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections of clients at a time; one more is closed at once. Default 10,000, or fewer where
    /// the process may not open two descriptors for each.
    pub connections: usize,
    /// From the first byte of a request's head to its last. Default 10 s.
    pub head_timeout: Duration,
    /// Bytes of a request's head; a longer one is answered 431. Default 64 KiB.
    pub head_bytes: usize,
    /// Waiting for the next request on a connection. Default 60 s.
    pub keepalive: Duration,
    /// Between two reads of a request. Default 60 s.
    pub read_timeout: Duration,
    /// Between two writes of a response. Default 60 s.
    pub write_timeout: Duration,
    /// A targeting key or attribute longer than this many bytes counts as absent. Default 1024.
    pub attribute_bytes: usize,
    /// Other endpoints that a failed connect may try. Default 3.
    pub retries: usize,
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// JSON lines on standard output.
    Stdout,
    /// JSON lines appended to a file.
    File(PathBuf),
    /// None.
    Off,
}

/// Whether a header name belongs to Burgee: read in lower case, with `-` for every byte that is
/// not a letter or a digit, it begins with a reserved prefix (an entry that ends with `-`) or equals a
/// reserved name.
pub fn is_reserved(name: &str, reserved: &[String]) -> bool {
    reserved.iter().any(|entry| {
        let (entry, name) = (entry.as_bytes(), name.as_bytes());
        let wanted = if entry.ends_with(b"-") {
            name.get(..entry.len())
        } else {
            Some(name)
        };
        wanted.is_some_and(|name| {
            name.len() == entry.len()
                && name
                    .iter()
                    .zip(entry)
                    .all(|(byte, wanted)| normal(*byte) == *wanted)
        })
    })
}

/// One byte of a header name as names are compared: every byte that is not a letter or a digit is
/// `-`. Backends that map names to variables (CGI and its heirs) read these spellings as one: most of
/// them `-` and `_`, some every such byte.
pub(crate) fn normal(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() {
        byte.to_ascii_lowercase()
    } else {
        b'-'
    }
}

/// What is reserved where the configuration does not say.
pub fn default_reserved() -> Vec<String> {
    ["x-flag-", "x-flags-", "flags"].map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests;
