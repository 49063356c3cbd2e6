//! A real `nats-server` on loopback, and what the tests put into it.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part of it"
)]

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use burgee::config::{
    AccessLog, Admin, Config, Context, Decisions, FileSource, Limits, NatsSource, Shutdown, Source,
    Startup,
};
use burgee::envelope::{Change, Document, FlagSetText};
use burgee::ingest::{Ingest, IngestMetrics};
use burgee::overrides::{OverrideDocument, Scope};
use burgee::registry::{Draft, Log, LogOptions, Registry};
use burgee::source::{self, Pace};
use burgee::store::Store;
use burgee_eval::Overridden;
use burgee_eval::text::Format;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub const ENVIRONMENT: &str = "test";

/// Killed when dropped. Its store outlives a restart.
pub struct Nats {
    port: u16,
    store: TempDir,
    server: Option<Child>,
}

impl Nats {
    pub fn start() -> Self {
        let mut nats = Self::away();
        nats.restart();
        nats
    }

    /// A server that does not run yet; its address is known.
    pub fn away() -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        Self {
            port,
            store: TempDir::new().unwrap(),
            server: None,
        }
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub fn restart(&mut self) {
        self.kill();
        let server = Command::new("nats-server")
            .args([
                "-js",
                "-a",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
                "-sd",
            ])
            .arg(self.store.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect(
                "these tests need nats-server on the PATH (Debian: apt-get install nats-server)",
            );
        self.server = Some(server);
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "nats-server does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// `STOP` makes it hang with its connections open, `CONT` lets it go on.
    pub fn signal(&self, signal: &str) {
        let server = self.server.as_ref().expect("a server that runs");
        let sent = Command::new("kill")
            .args([format!("-{signal}"), server.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// Forgets everything that was stored.
    pub fn wipe(&mut self) {
        self.kill();
        self.store = TempDir::new().unwrap();
        self.restart();
    }

    pub async fn client(&self) -> async_nats::Client {
        async_nats::connect(self.url()).await.unwrap()
    }

    pub async fn registry(&self) -> Registry {
        Registry::new(self.client().await, None, ENVIRONMENT)
    }

    /// A registry whose logs exist.
    pub async fn ready(&self) -> Registry {
        let registry = self.registry().await;
        registry
            .create(&Log::flags(), LogOptions::default())
            .await
            .unwrap();
        registry
            .create(&overrides_log(), LogOptions::default())
            .await
            .unwrap();
        registry
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}

pub fn overrides_log() -> Log {
    Log::overrides("eu").unwrap()
}

pub fn draft(change: Change) -> Draft {
    Draft {
        who: "ann".into(),
        why: "because".into(),
        when: Timestamp::now(),
        change,
    }
}

/// A set of one flag, `on` or `off` for everyone.
pub fn flag_set(set: &str, flag: &str, default: &str) -> Change {
    let text = format!(
        "metadata: {{ flagSetId: {set} }}\nflags:\n  {flag}:\n    state: ENABLED\n    variants: {{ \"on\": true, \"off\": false }}\n    defaultVariant: \"{default}\"\n"
    );
    Change::Put(Document::FlagSet(FlagSetText {
        format: Format::Yaml,
        text,
    }))
}

pub async fn push(registry: &Registry, set: &str, change: Change) {
    let log = Log::flags();
    let subject = log.subject(set).unwrap();
    let head = registry.head(&log, &subject).await.unwrap();
    registry
        .append(&log, &subject, &head, draft(change))
        .await
        .unwrap();
}

pub fn off_for(flag: &str, lasts: Duration) -> OverrideDocument {
    let ends = Timestamp::now() + SignedDuration::try_from(lasts).unwrap();
    OverrideDocument {
        flag: flag.into(),
        variant: Some("off".into()),
        scope: Scope::Global,
        keys: None,
        ends,
    }
}

pub async fn set_override(registry: &Registry, document: OverrideDocument) {
    let subject = overrides_log().subject(&document.token()).unwrap();
    append_override(
        registry,
        &subject,
        Change::Put(Document::Override(document)),
    )
    .await;
}

pub async fn append_override(registry: &Registry, subject: &str, change: Change) {
    let log = overrides_log();
    let head = registry.head(&log, subject).await.unwrap();
    registry
        .append(&log, subject, &head, draft(change))
        .await
        .unwrap();
}

/// Puts a message into a log as anyone with its password could.
pub async fn junk(nats: &Nats, subject: &str, message: &'static str) {
    let context = async_nats::jetstream::new(nats.client().await);
    context
        .publish(subject.to_owned(), message.into())
        .await
        .unwrap()
        .await
        .unwrap();
}

pub fn write(directory: &Path, name: &str, text: &str) {
    std::fs::write(directory.join(name), text).unwrap();
}

/// Source, ingest and store of one proxy, without its edge.
pub struct Proxy {
    pub store: Arc<Store>,
    pub metrics: prometheus::Registry,
    source: JoinHandle<()>,
    ingest: JoinHandle<()>,
    shutdown: oneshot::Sender<()>,
}

impl Proxy {
    pub fn start(config: Config) -> Self {
        Self::start_after(config, || {})
    }

    /// As [`Proxy::start`]; something happens between what is read at a start and the source.
    pub fn start_after(config: Config, meanwhile: impl FnOnce()) -> Self {
        let metrics = prometheus::Registry::new();
        let (ingest, store) = Ingest::open(&config, IngestMetrics::register(&metrics).unwrap());
        meanwhile();
        let (updates, receiver) = source::channel();
        let (shutdown, stopped) = oneshot::channel();
        let pace = Pace {
            reconcile: Duration::from_millis(300),
            ..Pace::default()
        };
        Self {
            store,
            metrics,
            source: tokio::spawn(async move { source::run_at(&config, updates, pace).await }),
            ingest: tokio::spawn(ingest.run(receiver, async { drop(stopped.await) })),
            shutdown,
        }
    }

    /// Leaves as SIGTERM does: what is in force is on disk afterwards.
    pub async fn stop(self) {
        let _ = self.shutdown.send(());
        self.ingest.await.unwrap();
        self.source.abort();
    }

    /// Waits for something to become true of the store.
    pub async fn until(&self, what: &str, holds: impl Fn(&Store) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !holds(&self.store) {
            assert!(
                Instant::now() < deadline,
                "never came: {what}; sets {:#?}",
                self.store.load().sets
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until the default variant of a flag is this one; `None`: there is no such flag.
    pub async fn serves(&self, flag: &str, default: Option<&str>) {
        self.until(&format!("{flag} is {default:?}"), |store| {
            decide(store, flag, None).as_deref() == default
        })
        .await;
    }

    pub async fn decides(&self, flag: &str, key: Option<&str>, variant: &str) {
        let what = format!("{flag} is {variant} for {key:?}");
        self.until(&what, |store| {
            decide(store, flag, key).as_deref() == Some(variant)
        })
        .await;
    }

    pub async fn ready(&self) {
        self.until("ready", Store::ready).await;
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts are small"
    )]
    /// The sum of a counter over all its labels, or over those with this label's value.
    pub fn count(&self, name: &str, label: &str) -> u64 {
        let families = self.metrics.gather();
        let metrics = families
            .iter()
            .filter(|family| family.name() == name)
            .flat_map(prometheus::proto::MetricFamily::get_metric);
        metrics
            .filter(|metric| {
                label.is_empty() || metric.get_label().iter().any(|pair| pair.value() == label)
            })
            .map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value())
            .sum::<f64>()
            .round() as u64
    }

    pub fn revision(&self) -> String {
        self.store.load().revision.to_str().unwrap().to_owned()
    }
}

/// An override, or else the default variant: the sets of these tests have no rules.
pub fn decide(store: &Store, flag: &str, key: Option<&str>) -> Option<String> {
    let state = store.load();
    let index = state.snapshot.find(flag)?;
    let flag = state.snapshot.flag(index);
    let now_ms = u64::try_from(Timestamp::now().as_millisecond()).unwrap();
    let variant = match state.overrides.find(index, key, now_ms) {
        Some(Overridden::Variant(variant)) => Some(variant),
        Some(Overridden::Default) | None => flag.default_variant,
    };
    variant.map(|variant| flag.variants[usize::from(variant.0)].name.to_string())
}

/// A proxy of region `eu` and cluster `eu-1`.
pub fn config(source: Source, state_dir: Option<&Path>) -> Config {
    let duration = Duration::from_mins(1);
    Config {
        environment: ENVIRONMENT.into(),
        region: "eu".into(),
        cluster: "eu-1".into(),
        threads: 1,
        listeners: Vec::new(),
        admin: Admin {
            address: "127.0.0.1:0".parse().unwrap(),
        },
        source,
        state_dir: state_dir.map(Into::into),
        startup: Startup {
            defaults_after: None,
        },
        shutdown: Shutdown {
            drain: duration,
            timeout: duration,
        },
        trusted_proxies: Vec::new(),
        reserved: Vec::new(),
        context: Context {
            targeting_key: Vec::new(),
            attributes: BTreeMap::new(),
            geo: None,
            device: false,
        },
        upstreams: BTreeMap::new(),
        routes: Vec::new(),
        decisions: Decisions {
            cache_bytes: 1 << 20,
        },
        limits: Limits {
            connections: 1000,
            head_timeout: Duration::from_secs(10),
            head_bytes: 64 * 1024,
            keepalive: duration,
            read_timeout: duration,
            write_timeout: duration,
            attribute_bytes: 1024,
            retries: 3,
        },
        access_log: AccessLog::Off,
    }
}

pub fn nats_source(nats: &Nats) -> NatsSource {
    NatsSource {
        servers: vec![nats.url()],
        credentials: None,
        domain: None,
        override_regions: vec!["eu".into()],
        local_overrides: None,
        connect_timeout: Duration::from_secs(5),
    }
}

pub fn from_nats(nats: &Nats) -> Config {
    config(Source::Nats(Box::new(nats_source(nats))), None)
}

pub fn from_nats_kept(nats: &Nats, state_dir: &Path) -> Config {
    config(Source::Nats(Box::new(nats_source(nats))), Some(state_dir))
}

pub fn from_files(flags: &Path, overrides: Option<&Path>) -> Config {
    config(
        Source::Files(FileSource {
            flags: flags.into(),
            overrides: overrides.map(Into::into),
        }),
        None,
    )
}

pub fn text(change: &Change) -> &str {
    match change {
        Change::Put(Document::FlagSet(set)) => &set.text,
        _ => panic!("not a flag set"),
    }
}
