//! Stale is what was not known to be current for too long: not an idle proxy, and every one that is cut off.

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use burgee::decide::{At, decide};
use burgee::envelope::{Change, Document, FlagSetText};
use burgee::registry::{Log, LogOptions};
use burgee::store::Store;
use burgee_eval::text::Format;
use burgee_eval::{Context, Reason};
use jiff::Timestamp;
use support::{Nats, Proxy, from_files, from_nats, push, text, write};
use tempfile::TempDir;

/// Flag `a`, which is on by its rule, and off when it is stale.
fn stale_after(after: &str) -> Change {
    let text = format!(
        r#"
metadata: {{ flagSetId: checkout }}
flags:
  a:
    state: ENABLED
    variants: {{ "on": true, "off": false }}
    defaultVariant: "off"
    targeting: {{ if: [true, "on"] }}
delivery:
  a:
    stale: {{ after: {after}, then: default }}
"#
    );
    Change::Put(Document::FlagSet(FlagSetText {
        format: Format::Yaml,
        text,
    }))
}

/// What a request would get now.
fn now(store: &Store) -> Option<Reason> {
    let at = At {
        now_ms: u64::try_from(Timestamp::now().as_millisecond()).unwrap(),
        synced_at_ms: store.current_at_ms(),
    };
    let state = store.load();
    let flag = state.snapshot.find("a")?;
    let context = Context::new(state.snapshot.attributes());
    let decision = decide(&state, flag, &context, at);
    let expected = match decision.reason {
        Reason::Stale => "off",
        _ => "on",
    };
    assert_eq!(decision.variant_name(), Some(expected));
    Some(decision.reason)
}

async fn is_fresh(proxy: &Proxy) {
    let fresh = |store: &Store| now(store) == Some(Reason::TargetingMatch);
    proxy.until("fresh", fresh).await;
}

async fn is_stale(proxy: &Proxy) {
    proxy
        .until("stale", |store| now(store) == Some(Reason::Stale))
        .await;
}

/// Nothing happens, for longer than what would make it stale.
async fn stays_fresh(proxy: &Proxy, lasts: Duration) {
    let began = Instant::now();
    while began.elapsed() < lasts {
        assert_eq!(now(&proxy.store), Some(Reason::TargetingMatch));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn an_idle_proxy_is_not_stale_and_one_that_is_cut_off_is() {
    let mut nats = Nats::start();
    let registry = nats.ready().await;
    push(&registry, "checkout", stale_after("4s")).await;
    let proxy = Proxy::start(from_nats(&nats));
    is_fresh(&proxy).await;
    stays_fresh(&proxy, Duration::from_secs(7)).await;

    nats.kill();
    let killed = Instant::now();
    is_stale(&proxy).await;
    assert!(
        killed.elapsed() > Duration::from_secs(2),
        "not before its time"
    );
    nats.restart();
    is_fresh(&proxy).await;

    // A broker that hangs keeps its connections, and nobody learns anything from them.
    nats.signal("STOP");
    is_stale(&proxy).await;
    nats.signal("CONT");
    is_fresh(&proxy).await;
    stays_fresh(&proxy, Duration::from_secs(6)).await;
}

/// Overrides count as much as flag sets: who knows nothing of them does not know what to serve.
#[tokio::test]
async fn flag_sets_without_overrides_are_not_current() {
    let nats = Nats::start();
    let registry = nats.registry().await;
    let create = async |log: &Log| registry.create(log, LogOptions::default()).await.unwrap();
    create(&Log::flags()).await;
    push(&registry, "checkout", stale_after("1h")).await;
    let proxy = Proxy::start(from_nats(&nats));
    is_stale(&proxy).await;
    assert_eq!(proxy.store.current_at_ms(), None);
    create(&support::overrides_log()).await;
    is_fresh(&proxy).await;
}

#[tokio::test]
async fn a_directory_is_current_as_long_as_it_can_be_read() {
    let home = TempDir::new().unwrap();
    let (flags, away) = (home.path().join("flags"), home.path().join("away"));
    std::fs::create_dir(&flags).unwrap();
    let put = |directory: &Path| write(directory, "checkout.yaml", text(&stale_after("5s")));
    put(&flags);
    let proxy = Proxy::start(from_files(&flags, None));
    is_fresh(&proxy).await;
    stays_fresh(&proxy, Duration::from_secs(8)).await;
    std::fs::rename(&flags, &away).unwrap();
    is_stale(&proxy).await;
    std::fs::rename(&away, &flags).unwrap();
    is_fresh(&proxy).await;
}
