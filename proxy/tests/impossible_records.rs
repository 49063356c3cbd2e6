//! Records that whoever has a password could write, and that no log and no clock could have made.

mod support;

use std::time::Duration;

use async_nats::jetstream;
use burgee::envelope::{Change, Digest, Document, Record, seal};
use burgee::overrides::OverrideDocument;
use burgee::registry::Log;
use jiff::{SignedDuration, Timestamp};
use support::{ENVIRONMENT, Nats, Proxy, draft, flag_set, from_nats, off_for, overrides_log, push};

/// Puts a sealed record into its log, past every check of the registry.
async fn put(nats: &Nats, record: Record) {
    let subject = record.subject.clone();
    let envelope = seal(record).unwrap().envelope().clone();
    let context = jetstream::new(nats.client().await);
    context
        .publish(subject, envelope)
        .await
        .unwrap()
        .await
        .unwrap();
}

fn record(log: &Log, subject: String, revision: u64, when: Timestamp, change: Change) -> Record {
    Record {
        environment: ENVIRONMENT.into(),
        log: log.name().into(),
        subject,
        revision,
        previous: (revision > 1).then(|| Digest::of(b"whatever came before")),
        when,
        ..seed(change)
    }
}

/// Who and why.
fn seed(change: Change) -> Record {
    let draft = draft(change);
    Record {
        environment: String::new(),
        log: String::new(),
        subject: String::new(),
        revision: 1,
        previous: None,
        who: draft.who,
        why: draft.why,
        when: draft.when,
        change: draft.change,
    }
}

#[tokio::test]
async fn a_revision_beyond_its_place_in_the_log_bars_no_later_change() {
    let nats = Nats::start();
    let registry = nats.ready().await;
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    let log = Log::flags();
    let subject = log.subject("checkout").unwrap();
    let stolen = flag_set("checkout", "a", "off");
    put(
        &nats,
        record(&log, subject, u64::MAX, Timestamp::now(), stolen),
    )
    .await;

    let proxy = Proxy::start(from_nats(&nats));
    proxy.ready().await;
    proxy.serves("a", Some("on")).await;
    assert_eq!(proxy.count("burgee_flagset_rejected_total", "record"), 1);
    // The next push stands on the last true change.
    push(&registry, "checkout", flag_set("checkout", "a", "off")).await;
    proxy.serves("a", Some("off")).await;
}

#[tokio::test]
async fn an_override_from_the_future_does_not_count() {
    let nats = Nats::start();
    let registry = nats.ready().await;
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    let proxy = Proxy::start(from_nats(&nats));
    proxy.ready().await;
    proxy.serves("a", Some("on")).await;

    let when = Timestamp::now() + SignedDuration::from_hours(24 * 365);
    let document = OverrideDocument {
        ends: when + SignedDuration::from_hours(1),
        ..off_for("a", Duration::from_hours(1))
    };
    let subject = overrides_log().subject(&document.token()).unwrap();
    let change = Change::Put(Document::Override(document));
    put(&nats, record(&overrides_log(), subject, 1, when, change)).await;
    proxy
        .until("refused", |_| {
            proxy.count("burgee_override_rejected_total", "future") == 1
        })
        .await;
    proxy.decides("a", None, "on").await;
}
