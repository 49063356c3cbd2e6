//! Watched directories: flag sets as files, and overrides beside a broker that is away.

mod support;

use std::path::Path;
use std::time::Duration;

use burgee::config::{NatsSource, Source};
use burgee::envelope::{Change, Document, Record, seal};
use burgee::overrides::OverrideDocument;
use jiff::{SignedDuration, Timestamp};
use support::{
    ENVIRONMENT, Nats, Proxy, config, decide, flag_set, from_files, nats_source, off_for,
    overrides_log, push, set_override, text, write,
};
use tempfile::TempDir;

const HOUR: Duration = Duration::from_hours(1);

fn put(directory: &Path, default: &str) {
    write(
        directory,
        "checkout.yaml",
        text(&flag_set("checkout", "a", default)),
    );
}

/// What `override set --local` writes.
fn record(document: OverrideDocument, when: Timestamp, cleared: bool) -> (String, Vec<u8>) {
    let token = document.token();
    let log = overrides_log();
    let sealed = seal(Record {
        environment: ENVIRONMENT.into(),
        log: log.name().into(),
        subject: log.subject(&token).unwrap(),
        revision: 1,
        previous: None,
        who: "ann".into(),
        why: "the broker is down".into(),
        when,
        change: if cleared {
            Change::Delete
        } else {
            Change::Put(Document::Override(document))
        },
    });
    (format!("{token}.json"), sealed.unwrap().envelope().to_vec())
}

#[tokio::test]
async fn files_are_followed_however_they_are_saved() {
    let flags = TempDir::new().unwrap();
    put(flags.path(), "on");
    let proxy = Proxy::start(from_files(flags.path(), None));
    proxy.ready().await;
    proxy.serves("a", Some("on")).await;

    put(flags.path(), "off");
    proxy.serves("a", Some("off")).await;

    // As vim does: the old file moves aside, and a new one takes its name.
    std::fs::rename(
        flags.path().join("checkout.yaml"),
        flags.path().join("checkout.yaml~"),
    )
    .unwrap();
    put(flags.path(), "on");
    proxy.serves("a", Some("on")).await;

    // As many others do: written aside, then renamed over it.
    write(
        flags.path(),
        ".new",
        text(&flag_set("checkout", "a", "off")),
    );
    std::fs::rename(
        flags.path().join(".new"),
        flags.path().join("checkout.yaml"),
    )
    .unwrap();
    proxy.serves("a", Some("off")).await;

    // Half written: refused, and the last good version stays.
    write(
        flags.path(),
        "checkout.yaml",
        "metadata: { flagSetId: checkout }\nflags:\n  a:\n    variants: {",
    );
    proxy
        .until("refused", |store| store.load().sets[0].rejected.is_some())
        .await;
    assert_eq!(decide(&proxy.store, "a", None).as_deref(), Some("off"));
    put(flags.path(), "on");
    proxy.serves("a", Some("on")).await;

    std::fs::remove_file(flags.path().join("checkout.yaml")).unwrap();
    proxy.serves("a", None).await;
    assert!(proxy.store.ready());
}

#[tokio::test]
async fn a_config_map_swaps_a_symlink() {
    let mount = TempDir::new().unwrap();
    let version = |name: &str, default: &str| {
        std::fs::create_dir(mount.path().join(name)).unwrap();
        put(&mount.path().join(name), default);
    };
    version("..v1", "on");
    std::os::unix::fs::symlink("..v1", mount.path().join("..data")).unwrap();
    std::os::unix::fs::symlink("..data/checkout.yaml", mount.path().join("checkout.yaml")).unwrap();
    let proxy = Proxy::start(from_files(mount.path(), None));
    proxy.serves("a", Some("on")).await;

    version("..v2", "off");
    std::os::unix::fs::symlink("..v2", mount.path().join("..data_tmp")).unwrap();
    std::fs::rename(mount.path().join("..data_tmp"), mount.path().join("..data")).unwrap();
    std::fs::remove_dir_all(mount.path().join("..v1")).unwrap();
    proxy.serves("a", Some("off")).await;
}

#[tokio::test]
async fn a_directory_that_goes_away_takes_nothing_with_it() {
    let parent = TempDir::new().unwrap();
    let flags = parent.path().join("flags");
    let proxy = Proxy::start(from_files(&flags, None));
    proxy
        .until("said", |_| {
            proxy.count("burgee_flagset_rejected_total", "unreadable") == 1
        })
        .await;
    assert!(!proxy.store.ready());
    std::fs::create_dir(&flags).unwrap();
    put(&flags, "on");
    proxy.serves("a", Some("on")).await;
    proxy.ready().await;

    std::fs::rename(&flags, parent.path().join("elsewhere")).unwrap();
    proxy
        .until("said again", |_| {
            proxy.count("burgee_flagset_rejected_total", "unreadable") == 2
        })
        .await;
    assert_eq!(decide(&proxy.store, "a", None).as_deref(), Some("on"));
    std::fs::create_dir(&flags).unwrap();
    put(&flags, "off");
    proxy.serves("a", Some("off")).await;
    put(&flags, "on");
    proxy.serves("a", Some("on")).await;
}

#[tokio::test]
async fn of_two_files_of_one_set_the_first_by_name_has_it() {
    let flags = TempDir::new().unwrap();
    write(
        flags.path(),
        "copy.yaml",
        text(&flag_set("checkout", "a", "off")),
    );
    let proxy = Proxy::start(from_files(flags.path(), None));
    proxy.serves("a", Some("off")).await;
    put(flags.path(), "on");
    proxy.serves("a", Some("on")).await;
    let sets = proxy.store.load().sets.clone();
    assert!(
        sets[1]
            .rejected
            .as_ref()
            .unwrap()
            .contains("served from checkout.yaml"),
        "{sets:?}"
    );
    std::fs::remove_file(flags.path().join("checkout.yaml")).unwrap();
    proxy.serves("a", Some("off")).await;
}

#[tokio::test]
async fn overrides_from_a_directory() {
    let (flags, overrides) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    put(flags.path(), "on");
    let proxy = Proxy::start(from_files(flags.path(), Some(overrides.path())));
    proxy.ready().await;
    proxy.serves("a", Some("on")).await;

    let (name, envelope) = record(off_for("a", HOUR), Timestamp::now(), false);
    std::fs::write(overrides.path().join(&name), &envelope).unwrap();
    proxy.decides("a", None, "off").await;
    std::fs::write(overrides.path().join("other-name.json"), &envelope).unwrap();
    proxy
        .until("refused", |_| {
            proxy.count("burgee_override_rejected_total", "") >= 1
        })
        .await;
    std::fs::remove_file(overrides.path().join(&name)).unwrap();
    proxy.decides("a", None, "on").await;
}

/// The broker is what is broken: the operator writes into the proxy's directory.
#[tokio::test]
async fn local_overrides_replace_and_clear_those_of_a_log() {
    let mut nats = Nats::start();
    let local = TempDir::new().unwrap();
    let registry = nats.ready().await;
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    set_override(&registry, off_for("a", HOUR)).await;
    let source = NatsSource {
        local_overrides: Some(local.path().into()),
        ..nats_source(&nats)
    };
    let proxy = Proxy::start(config(Source::Nats(Box::new(source)), None));
    proxy.ready().await;
    proxy.decides("a", None, "off").await;
    nats.kill();

    let now = Timestamp::now();
    let earlier = OverrideDocument {
        variant: Some("on".into()),
        ..off_for("a", HOUR)
    };
    let (name, envelope) = record(earlier.clone(), now - SignedDuration::from_hours(1), false);
    std::fs::write(local.path().join(&name), envelope).unwrap();
    proxy
        .until("read", |_| {
            proxy.count("burgee_updates_total", "override") == 2
        })
        .await;
    assert_eq!(
        decide(&proxy.store, "a", None).as_deref(),
        Some("off"),
        "the later signed time counts"
    );

    let (name, envelope) = record(earlier, now + SignedDuration::from_secs(1), true);
    std::fs::write(local.path().join(&name), envelope).unwrap();
    proxy.decides("a", None, "on").await;
}

/// Between the look that a start takes and the watcher's first one, a file may go.
#[tokio::test]
async fn a_local_override_that_is_removed_while_the_proxy_starts_no_longer_counts() {
    let (local, nats) = (TempDir::new().unwrap(), Nats::start());
    let registry = nats.ready().await;
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    let (name, envelope) = record(off_for("a", HOUR), Timestamp::now(), false);
    std::fs::write(local.path().join(&name), envelope).unwrap();
    let source = NatsSource {
        local_overrides: Some(local.path().into()),
        ..nats_source(&nats)
    };
    let proxy = Proxy::start_after(config(Source::Nats(Box::new(source)), None), || {
        std::fs::remove_file(local.path().join(&name)).unwrap();
    });
    proxy.ready().await;
    proxy.decides("a", None, "on").await;
}

#[tokio::test]
async fn a_directory_of_overrides_may_come_and_go() {
    let (flags, parent) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    put(flags.path(), "on");
    let overrides = parent.path().join("overrides");
    let proxy = Proxy::start(from_files(flags.path(), Some(&overrides)));
    proxy.ready().await;
    assert_eq!(proxy.count("burgee_override_rejected_total", ""), 0);
    proxy.serves("a", Some("on")).await;
    let (name, envelope) = record(off_for("a", HOUR), Timestamp::now(), false);
    for _ in 0..2 {
        std::fs::create_dir(&overrides).unwrap();
        // What an editor or a half-done write leaves is passed by.
        std::fs::write(overrides.join(format!(".{name}")), "junk").unwrap();
        std::fs::write(overrides.join(&name), &envelope).unwrap();
        proxy.decides("a", None, "off").await;
        std::fs::remove_dir_all(&overrides).unwrap();
        proxy.decides("a", None, "on").await;
    }
    assert_eq!(proxy.count("burgee_override_rejected_total", ""), 0);
}
