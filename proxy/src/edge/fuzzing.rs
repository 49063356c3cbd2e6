//! The way of a request up to its backend, for the fuzz target `request` and over its corpus.
//!
//! An input is the head of a request as a client sends it. It is read by pingora, prepared by the
//! edge, and written as a backend would get it. `proxy/eval/fuzz/request/` has the configuration.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use burgee_eval::{AttributeId, Compiler, Moment, Snapshot, Value, evaluate, text};
use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue};
use pingora::http::RequestHeader;
use pingora::proxy::{ProxyHttp as _, Session};
use tokio::runtime::Runtime;

use super::client::{Client, FORWARDED_FOR};
use super::identity::Origin;
use super::request::Request;
use super::{Edge, Passage};
use crate::config::{AccessLog, AttributeSource, Config, HeaderSource, KeySource, is_reserved};
use crate::registry::Kind;
use crate::store::{State, Store};
use crate::telemetry::{AccessLogWriter, Metrics};
use crate::upstream::Pools;
use crate::wire::{Bindings, RouteFlags};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/eval/fuzz/request");

/// Whose headers count nothing, and who is believed.
const PEERS: [&str; 2] = ["198.51.100.7", "10.0.0.1"];

/// Panics where a request is taken for more than it may say.
pub fn check(input: &[u8]) {
    static WORLD: OnceLock<World> = OnceLock::new();
    let world = WORLD.get_or_init(World::new);
    for peer in PEERS {
        let peer: IpAddr = peer.parse().expect("it is an address");
        let Some(mut session) = world.read(input) else {
            return;
        };
        world.contexts(peer, session.req_header());
        world.pass(peer, &mut session);
    }
}

/// An edge that is not served: requests are put into it.
struct World {
    config: Config,
    state: Arc<State>,
    edge: Edge,
    runtime: Runtime,
}

impl World {
    fn new() -> Self {
        let folder = Path::new(FOLDER);
        let mut config = Config::load(&folder.join("config.yaml")).expect("it is sound");
        config.access_log = AccessLog::Off;
        let state = state(&config, &folder.join("flags/flags.yaml"));
        let store = Arc::new(Store::new(state));
        store.synced(Kind::FlagSets, 1);
        store.synced(Kind::Overrides, 1);
        let metrics = Metrics::new().expect("nobody else has its names");
        let log = AccessLogWriter::start(&config.access_log, metrics.access_log_dropped.clone());
        let pools = Pools::new(&config.upstreams);
        let state = store.load_full();
        let log = log.expect("there is none to open");
        let edge = Edge::new(&config, store, pools, None, metrics, log).expect("it is sound");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime starts");
        Self {
            config,
            state,
            edge,
            runtime,
        }
    }

    /// A connection on which these bytes came, and no more; `None` where they are no head.
    fn read(&self, input: &[u8]) -> Option<Session> {
        let mut session = Session::new_h1(Box::new(std::io::Cursor::new(input.to_vec())));
        match self.runtime.block_on(session.read_request()) {
            Ok(true) => Some(session),
            Ok(false) | Err(_) => None,
        }
    }

    /// A request is refused, or it reaches a backend with what this proxy decided and nothing that
    /// a client says in its name.
    fn pass(&self, peer: IpAddr, session: &mut Session) {
        let mut passage = self.edge.new_ctx();
        if let Err(answer) = self.edge.prepare(Some(peer), session, &mut passage) {
            assert!(matches!(answer.status.as_u16(), 400 | 404));
            return;
        }
        for name in session.req_header().headers.keys() {
            assert!(!self.is_own(name), "{name} was not stripped");
        }
        let mut request = session.req_header().clone();
        let written = self
            .edge
            .upstream_request_filter(session, &mut request, &mut passage);
        self.runtime.block_on(written).expect("headers are written");
        self.told(&request, &passage);
        if !passage.client.trusted {
            let chain = request
                .headers
                .get(FORWARDED_FOR)
                .map(HeaderValue::as_bytes);
            assert_eq!(chain, Some(peer.to_string().as_bytes()));
        }
    }

    fn told(&self, request: &RequestHeader, passage: &Passage) {
        let mut expected = HeaderMap::new();
        if let Some(plan) = &passage.plan {
            plan.write(&mut expected, false);
        }
        let own = request.headers.iter().filter(|(name, _)| self.is_own(name));
        let told: HeaderMap = own
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        assert_eq!(told, expected);
    }

    fn is_own(&self, name: &HeaderName) -> bool {
        is_reserved(name.as_str(), &self.config.reserved)
    }

    /// What the rules of a route see depends on the headers that `Vary` names and on no other, and
    /// of those only on the ones that count from this peer.
    fn contexts(&self, peer: IpAddr, head: &RequestHeader) {
        let client = Client::find(Some(peer), &head.headers, &self.config.trusted_proxies);
        for route in &self.state.routes {
            let attributes = self.state.snapshot.attributes();
            let bindings = self.edge.sources.bind(route, attributes, false);
            let vary = bindings.vary.iter().filter_map(|vary| vary.to_str().ok());
            let mut declared: Vec<&str> = vary.flat_map(|vary| vary.split(", ")).collect();
            // Caches tell hosts apart by themselves.
            declared.push(HOST.as_str());
            let whole = self.see(route, &bindings, head, &head.headers, &client);
            let mut only = HeaderMap::new();
            for (name, value) in &head.headers {
                let counts = client.trusted || !self.is_for_the_trusted(name);
                if counts && declared.contains(&name.as_str()) {
                    only.append(name, value.clone());
                }
            }
            let narrowed = self.see(route, &bindings, head, &only, &client);
            assert_eq!(whole, narrowed, "as {peer}, by {declared:?}");
        }
    }

    /// Whether a header counts only where a trusted peer says it.
    fn is_for_the_trusted(&self, name: &HeaderName) -> bool {
        let context = &self.config.context;
        let keys = context.targeting_key.iter().filter_map(|key| match key {
            KeySource::Header(header) => Some(header),
            KeySource::Cookie(_) | KeySource::Anonymous(_) => None,
        });
        let declared = context
            .attributes
            .values()
            .filter_map(|source| match source {
                AttributeSource::Header(header) => Some(header),
                AttributeSource::Cookie(_) | AttributeSource::Query(_) => None,
            });
        let geo = context.geo.iter().flat_map(|geo| geo.headers.values());
        let mut of_this_name = keys
            .chain(declared)
            .chain(geo)
            .filter(|header: &&HeaderSource| header.name == name)
            .peekable();
        of_this_name.peek().is_some() && of_this_name.all(|header| !header.from_client)
    }

    fn see(
        &self,
        route: &RouteFlags,
        bindings: &Bindings,
        head: &RequestHeader,
        headers: &HeaderMap,
        client: &Client,
    ) -> Seen {
        let request = Request {
            method: &head.method,
            uri: &head.uri,
            headers,
            client,
            limit: self.config.limits.attribute_bytes,
        };
        let snapshot = &self.state.snapshot;
        let attributes = snapshot.attributes();
        let sources = &self.edge.sources;
        let ((values, variants), origin, cookie) =
            sources.with_context(bindings, attributes, &request, |context| {
                let ids =
                    (0..attributes.len()).map(|id| AttributeId(u32::try_from(id).expect("few")));
                let values: BTreeMap<String, String> = ids
                    .map(|id| {
                        (
                            attributes.name(id).to_owned(),
                            shown(context.get(id), request.limit),
                        )
                    })
                    .collect();
                let flags = route.flags.iter().filter_map(|flag| flag.index);
                let variants: Vec<Option<String>> = flags
                    .map(|flag| evaluate(snapshot, flag, context, Moment::current(0)))
                    .map(|decision| decision.variant_name().map(str::to_owned))
                    .collect();
                (values, variants)
            });
        // No two minted keys are the same, nor what is decided by them. A key that no rule reads is
        // there for the access log, and for overrides.
        let minted = cookie.is_some();
        let comparable = bindings.targeting_key && !minted;
        Seen {
            values: values
                .into_iter()
                .filter(|(name, _)| comparable || name != "targetingKey")
                .collect(),
            variants: if minted { Vec::new() } else { variants },
            origin: bindings.targeting_key.then_some(origin),
            minted,
        }
    }
}

/// What rules see of a request.
#[derive(Debug, PartialEq)]
struct Seen {
    values: BTreeMap<String, String>,
    variants: Vec<Option<String>>,
    origin: Option<Origin>,
    minted: bool,
}

fn shown(value: Value<'_>, limit: usize) -> String {
    if let Value::Str(text) = value {
        assert!(text.len() <= limit, "{text:?} is longer than {limit} bytes");
    }
    format!("{value:?}")
}

fn state(config: &Config, flags: &Path) -> State {
    let text = std::fs::read_to_string(flags).expect("it is in the repository");
    let parsed = text::parse(&text, text::Format::Yaml).expect("it is YAML");
    let mut compiler = Compiler::new();
    let set = compiler
        .compile("fuzz", &parsed.value)
        .expect("it is sound");
    assert_eq!(set.problems, []);
    let snapshot = Snapshot::new(&compiler, [Arc::new(set)]);
    let compile = |route| RouteFlags::compile(route, &snapshot, &config.reserved);
    let routes: Box<[RouteFlags]> = config.routes.iter().map(compile).collect();
    assert!(routes.iter().all(|route| route.problems.is_empty()));
    let revision = HeaderValue::from_static("0123456789abcdef");
    State::bare(Arc::new(snapshot), routes, revision)
}

#[cfg(test)]
mod tests {
    #[test]
    fn corpus() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/eval/fuzz/corpus/request");
        let mut inputs = 0;
        let mut failed = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let input = std::fs::read(&path).unwrap();
            if std::panic::catch_unwind(|| super::check(&input)).is_err() {
                failed.push(path);
            }
            inputs += 1;
        }
        assert!(inputs > 0, "no inputs in {folder}");
        assert!(failed.is_empty(), "these fail: {failed:#?}");
    }
}
