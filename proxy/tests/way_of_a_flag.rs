//! From a push to what a request would get, with a real server: source, ingest and store together.

mod support;

use std::time::Duration;

use burgee::envelope::Change;
use burgee::overrides::{Keys, OverrideDocument};
use burgee::registry::{Kind, Log, LogOptions};
use burgee::store::Origin;
use support::{
    Nats, Proxy, append_override, flag_set, from_files, from_nats, from_nats_kept, junk, off_for,
    overrides_log, push, set_override, text, write,
};
use tempfile::TempDir;

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn initial_state_updates_and_deletions() {
    let nats = Nats::start();
    let registry = nats.ready().await;
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    push(&registry, "checkout", flag_set("checkout", "a", "off")).await;
    set_override(
        &registry,
        OverrideDocument {
            variant: Some("on".into()),
            ..off_for("a", HOUR)
        },
    )
    .await;

    let proxy = Proxy::start(from_nats(&nats));
    proxy.ready().await;
    proxy.decides("a", None, "on").await;
    assert_eq!(proxy.store.load().sets[0].revision, 2);
    assert_eq!(proxy.store.load().sets[0].origin, Origin::Log);

    push(&registry, "storefront", flag_set("storefront", "b", "on")).await;
    proxy.serves("b", Some("on")).await;
    push(&registry, "storefront", flag_set("storefront", "b", "off")).await;
    proxy.serves("b", Some("off")).await;
    push(&registry, "storefront", Change::Delete).await;
    proxy.serves("b", None).await;
    push(&registry, "storefront", flag_set("storefront", "b", "on")).await;
    proxy.serves("b", Some("on")).await;
    assert!(proxy.store.current_at_ms().is_some());
}

#[tokio::test]
async fn an_empty_log_is_synced_and_a_missing_one_is_awaited() {
    let nats = Nats::start();
    let registry = nats.registry().await;
    let proxy = Proxy::start(from_nats(&nats));
    proxy
        .until("connected", |_| {
            proxy.count("burgee_source_connected", "") > 0
        })
        .await;
    assert!(!proxy.store.ready());
    registry
        .create(&Log::flags(), LogOptions::default())
        .await
        .unwrap();
    proxy
        .until("flag sets synced", |store| store.kind_ready(Kind::FlagSets))
        .await;
    assert!(
        !proxy.store.ready(),
        "flag sets without overrides are not enough"
    );
    registry
        .create(&overrides_log(), LogOptions::default())
        .await
        .unwrap();
    proxy.ready().await;
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    proxy.serves("a", Some("on")).await;
}

#[tokio::test]
async fn a_broker_that_is_away_at_the_start_and_one_that_restarts() {
    let mut nats = Nats::away();
    let proxy = Proxy::start(from_nats(&nats));
    nats.restart();
    let registry = nats.ready().await;
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    proxy.serves("a", Some("on")).await;
    proxy.ready().await;

    for default in ["off", "on"] {
        nats.kill();
        proxy
            .until("disconnected", |_| {
                proxy.count("burgee_source_connected", "") == 0
            })
            .await;
        proxy
            .serves("a", Some(if default == "on" { "off" } else { "on" }))
            .await;
        assert!(
            proxy.store.ready(),
            "losing the broker costs freshness only"
        );
        nats.restart();
        push(
            &nats.registry().await,
            "checkout",
            flag_set("checkout", "a", default),
        )
        .await;
        proxy.serves("a", Some(default)).await;
        set_override(&nats.registry().await, off_for("a", HOUR)).await;
        proxy.decides("a", None, "off").await;
        let subject = overrides_log()
            .subject(&off_for("a", HOUR).token())
            .unwrap();
        append_override(&nats.registry().await, &subject, Change::Delete).await;
    }
}

#[tokio::test]
async fn a_log_that_was_wiped_removes_nothing_and_is_followed_again() {
    let mut nats = Nats::start();
    let registry = nats.ready().await;
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    push(&registry, "checkout", flag_set("checkout", "a", "off")).await;
    let proxy = Proxy::start(from_nats(&nats));
    proxy.serves("a", Some("off")).await;

    nats.wipe();
    let registry = nats.ready().await;
    // Revision 1 of the new log is older than what is served; revision 3 is not.
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    push(&registry, "storefront", flag_set("storefront", "b", "on")).await;
    proxy.serves("b", Some("on")).await;
    proxy.serves("a", Some("off")).await;
    proxy
        .until("counted", |_| {
            proxy.count("burgee_flagset_rejected_total", "older") > 0
        })
        .await;
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    proxy.serves("a", Some("on")).await;
}

/// Without losing the connection, which is the case that an ordered consumer does not see.
#[tokio::test]
async fn a_stream_that_was_deleted_and_made_again_is_followed() {
    let nats = Nats::start();
    let registry = nats.ready().await;
    for _ in 0..3 {
        push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    }
    let proxy = Proxy::start(from_nats(&nats));
    proxy.serves("a", Some("on")).await;
    let context = async_nats::jetstream::new(nats.client().await);
    context.delete_stream(Log::flags().name()).await.unwrap();
    registry
        .create(&Log::flags(), LogOptions::default())
        .await
        .unwrap();
    push(&registry, "storefront", flag_set("storefront", "b", "on")).await;
    proxy.serves("b", Some("on")).await;
    proxy.serves("a", Some("on")).await;
}

/// Filled again from the same files: the same documents, counted from 1.
#[tokio::test]
async fn a_log_that_was_made_again_with_the_same_documents_is_nothing_to_refuse() {
    let mut nats = Nats::start();
    let registry = nats.ready().await;
    push(&registry, "checkout", flag_set("checkout", "a", "off")).await;
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    let hour = off_for("a", HOUR);
    set_override(&registry, off_for("a", HOUR * 2)).await;
    set_override(&registry, hour.clone()).await;
    let proxy = Proxy::start(from_nats(&nats));
    proxy.ready().await;
    proxy.decides("a", None, "off").await;
    let revision = proxy.revision();

    nats.wipe();
    let registry = nats.ready().await;
    set_override(&registry, hour).await;
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    push(&registry, "storefront", flag_set("storefront", "b", "on")).await;
    proxy.serves("b", Some("on")).await;
    set_override(&registry, off_for("b", HOUR)).await;
    proxy.decides("b", None, "off").await;
    let state = proxy.store.load_full();
    assert_eq!(state.sets[0].rejected, None);
    assert_eq!(state.sets[0].revision, 2, "what was seen is remembered");
    assert_eq!(state.refused, []);
    assert_eq!(proxy.count("burgee_flagset_rejected_total", ""), 0);
    assert_eq!(proxy.count("burgee_override_rejected_total", ""), 0);
    assert_ne!(proxy.revision(), revision);

    // Another document under a revision that was seen is refused as ever, until the log agrees again.
    push(&registry, "checkout", flag_set("checkout", "a", "off")).await;
    proxy
        .until("refused", |store| store.load().sets[0].rejected.is_some())
        .await;
    assert_eq!(proxy.count("burgee_flagset_rejected_total", "fork"), 1);
}

#[tokio::test]
async fn refused_overrides_are_shown_until_a_record_counts() {
    let mut nats = Nats::start();
    let registry = nats.ready().await;
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    let hour = off_for("a", HOUR);
    let subject = overrides_log().subject(&hour.token()).unwrap();
    let stranger = "burgee.overrides.eu.nobody";
    set_override(&registry, off_for("a", HOUR * 2)).await;
    set_override(&registry, off_for("a", HOUR * 3)).await;
    let proxy = Proxy::start(from_nats(&nats));
    proxy.ready().await;
    proxy.decides("a", None, "off").await;
    junk(&nats, &subject, "junk").await;
    junk(&nats, stranger, "junk").await;
    proxy
        .until("both shown", |store| store.load().refused.len() == 2)
        .await;
    let refused = proxy.store.load().refused.clone();
    assert_eq!(refused[0].name.as_deref(), Some(stranger), "newest first");
    assert_eq!(refused[1].name.as_deref(), Some(&*subject));
    assert_eq!(
        (refused[1].kind, refused[1].reason),
        (Kind::Overrides, "malformed")
    );
    set_override(&registry, hour).await;
    proxy
        .until("mended", |store| store.load().refused.len() == 1)
        .await;

    nats.wipe();
    let registry = nats.ready().await;
    set_override(&registry, off_for("a", HOUR * 4)).await;
    proxy
        .until("shown", |store| store.load().refused[0].reason == "older")
        .await;
    assert_eq!(
        proxy.store.load().refused[0].name.as_deref(),
        Some(&*subject)
    );
    for hours in 5..8 {
        set_override(&registry, off_for("a", HOUR * hours)).await;
    }
    proxy
        .until("mended", |store| store.load().refused.len() == 1)
        .await;
}

#[tokio::test]
async fn junk_and_replays_change_nothing() {
    let nats = Nats::start();
    let registry = nats.ready().await;
    let subject = Log::flags().subject("checkout").unwrap();
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    let first = registry
        .head(&Log::flags(), &subject)
        .await
        .unwrap()
        .newest
        .unwrap();
    push(&registry, "checkout", flag_set("checkout", "a", "off")).await;
    junk(&nats, &subject, "junk").await;
    let proxy = Proxy::start(from_nats(&nats));
    proxy.ready().await;
    proxy.serves("a", Some("off")).await;
    assert!(proxy.count("burgee_flagset_rejected_total", "malformed") >= 1);

    let context = async_nats::jetstream::new(nats.client().await);
    context
        .publish(subject.clone(), first.envelope().clone())
        .await
        .unwrap()
        .await
        .unwrap();
    context
        .publish("burgee.flags.other", first.envelope().clone())
        .await
        .unwrap()
        .await
        .unwrap();
    proxy
        .until("refused", |_| {
            proxy.count("burgee_flagset_rejected_total", "older") == 1
        })
        .await;
    proxy
        .until("refused", |_| {
            proxy.count("burgee_flagset_rejected_total", "subject") == 1
        })
        .await;
    assert_eq!(
        support::decide(&proxy.store, "a", None).as_deref(),
        Some("off")
    );
}

#[tokio::test]
async fn a_bad_set_keeps_its_last_good_version() {
    let nats = Nats::start();
    let registry = nats.ready().await;
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    let proxy = Proxy::start(from_nats(&nats));
    proxy.serves("a", Some("on")).await;
    push(
        &registry,
        "checkout",
        flag_set("checkout", "a", "no-such-variant"),
    )
    .await;
    push(&registry, "storefront", flag_set("misnamed", "b", "on")).await;
    proxy
        .until("both refused", |store| {
            store
                .load()
                .sets
                .iter()
                .filter(|set| set.rejected.is_some())
                .count()
                == 2
        })
        .await;
    assert_eq!(
        support::decide(&proxy.store, "a", None).as_deref(),
        Some("on")
    );
    assert_eq!(proxy.store.load().sets[0].revision, 1);
    assert_eq!(proxy.count("burgee_flagset_rejected_total", "document"), 1);
    assert_eq!(proxy.count("burgee_flagset_rejected_total", "misnamed"), 1);
    push(&registry, "checkout", flag_set("checkout", "a", "off")).await;
    proxy.serves("a", Some("off")).await;
    assert_eq!(proxy.store.load().sets[0].rejected, None);
}

#[tokio::test]
async fn overrides_are_set_for_some_replaced_cleared_and_end() {
    let nats = Nats::start();
    let registry = nats.ready().await;
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    let proxy = Proxy::start(from_nats(&nats));
    proxy.serves("a", Some("on")).await;
    let plain = proxy.revision();

    let everyone = off_for("a", HOUR);
    set_override(&registry, everyone.clone()).await;
    proxy.decides("a", None, "off").await;
    let keyed = OverrideDocument {
        variant: None,
        keys: Some(Keys::new([7; 16], ["u1"])),
        ..off_for("a", HOUR)
    };
    set_override(&registry, keyed).await;
    proxy.decides("a", Some("u1"), "on").await;
    proxy.decides("a", Some("u2"), "off").await;
    assert_ne!(proxy.revision(), plain);

    // Setting it again replaces it: it ends, by the clock.
    set_override(&registry, off_for("a", Duration::from_millis(1500))).await;
    proxy.decides("a", Some("u2"), "on").await;
    set_override(&registry, everyone.clone()).await;
    proxy.decides("a", Some("u2"), "off").await;
    let subject = overrides_log().subject(&everyone.token()).unwrap();
    append_override(&registry, &subject, Change::Delete).await;
    proxy.decides("a", Some("u2"), "on").await;

    set_override(
        &registry,
        OverrideDocument {
            variant: Some("teal".into()),
            ..off_for("a", HOUR)
        },
    )
    .await;
    proxy
        .until("counted", |_| {
            proxy.count("burgee_overrides_ignored", "unknown_variant") == 1
        })
        .await;
    set_override(
        &registry,
        OverrideDocument {
            scope: "region:us".parse().unwrap(),
            ..off_for("a", HOUR)
        },
    )
    .await;
    proxy
        .until("listed", |store| store.load().override_list.len() == 3)
        .await;
    assert_eq!(
        support::decide(&proxy.store, "a", Some("u2")).as_deref(),
        Some("on")
    );
}

#[tokio::test]
async fn the_revision_is_the_same_from_files_and_from_a_log() {
    let nats = Nats::start();
    let registry = nats.ready().await;
    let files = TempDir::new().unwrap();
    for (set, flag) in [("checkout", "a"), ("storefront", "b")] {
        let change = flag_set(set, flag, "on");
        write(files.path(), &format!("{set}.yaml"), text(&change));
        push(&registry, set, change).await;
    }
    let logged = Proxy::start(from_nats(&nats));
    let watched = Proxy::start(from_files(files.path(), None));
    logged.serves("b", Some("on")).await;
    watched.serves("b", Some("on")).await;
    logged.serves("a", Some("on")).await;
    assert_eq!(logged.revision(), watched.revision());
}

#[tokio::test]
async fn without_the_broker_the_disk_serves_and_revives_nothing() {
    let mut nats = Nats::start();
    let disk = TempDir::new().unwrap();
    let registry = nats.ready().await;
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    push(&registry, "storefront", flag_set("storefront", "b", "on")).await;
    push(&registry, "gone", flag_set("gone", "c", "on")).await;
    push(&registry, "gone", Change::Delete).await;
    set_override(&registry, off_for("a", HOUR)).await;
    set_override(&registry, off_for("b", Duration::from_secs(3))).await;
    let proxy = Proxy::start(from_nats_kept(&nats, disk.path()));
    proxy.ready().await;
    proxy.decides("a", None, "off").await;
    proxy.decides("b", None, "off").await;
    let revision = proxy.revision();
    proxy.stop().await;
    let stopped_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap();

    nats.kill();
    let proxy = Proxy::start(from_nats_kept(&nats, disk.path()));
    assert!(proxy.store.ready(), "loaded before anything else happens");
    assert_eq!(
        support::decide(&proxy.store, "a", None).as_deref(),
        Some("off"),
        "killed stays killed"
    );
    assert_eq!(
        support::decide(&proxy.store, "c", None),
        None,
        "deleted stays deleted"
    );
    assert_eq!(proxy.store.load().sets[0].origin, Origin::Disk);
    let known_ms = proxy.store.current_at_ms();
    assert!(
        known_ms.is_some_and(|at| at > 0 && at <= stopped_ms),
        "it says how old it is: {known_ms:?}"
    );
    assert_eq!(proxy.revision(), revision);
    proxy.decides("b", None, "on").await;
    proxy
        .until("the end is seen in the revision", |_| {
            proxy.revision() != revision
        })
        .await;

    nats.restart();
    proxy
        .until("confirmed", |store| {
            store.load().sets[0].origin == Origin::Log
        })
        .await;
    proxy
        .until("current", |store| {
            store.current_at_ms().is_some_and(|at| at > stopped_ms)
        })
        .await;
    proxy.stop().await;

    nats.wipe();
    let proxy = Proxy::start(from_nats_kept(&nats, disk.path()));
    let registry = nats.ready().await;
    push(&registry, "gone", flag_set("gone", "c", "on")).await;
    proxy
        .until("refused", |_| {
            proxy.count("burgee_flagset_rejected_total", "older") == 1
        })
        .await;
    assert_eq!(
        support::decide(&proxy.store, "c", None),
        None,
        "an older record does not undo a deletion"
    );
}

#[tokio::test]
async fn corrupt_files_are_set_aside_and_said() {
    let mut nats = Nats::start();
    let disk = TempDir::new().unwrap();
    let registry = nats.ready().await;
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    push(&registry, "storefront", flag_set("storefront", "b", "on")).await;
    set_override(&registry, off_for("a", HOUR)).await;
    let proxy = Proxy::start(from_nats_kept(&nats, disk.path()));
    proxy.ready().await;
    proxy.decides("a", None, "off").await;
    proxy.serves("b", Some("on")).await;
    proxy.stop().await;
    nats.kill();

    write(&disk.path().join("flags"), "storefront.json", "{\"half\":");
    let proxy = Proxy::start(from_nats_kept(&nats, disk.path()));
    assert!(proxy.store.ready(), "the other sets are served");
    assert_eq!(
        support::decide(&proxy.store, "a", None).as_deref(),
        Some("off")
    );
    assert_eq!(proxy.count("burgee_disk_corrupt_total", "flags"), 1);
    proxy.stop().await;
    // Said at every start until the log is read again.
    let proxy = Proxy::start(from_nats_kept(&nats, disk.path()));
    let lost = proxy.store.load().sets[1].clone();
    assert_eq!((&*lost.name, lost.revision), ("storefront", 0));
    let message = lost.rejected.unwrap();
    assert!(
        message.contains("corrupt on disk, set aside as")
            && message.ends_with("storefront.json.corrupt"),
        "{message}"
    );
    proxy.stop().await;

    let overrides = disk.path().join("overrides");
    let file = std::fs::read_dir(&overrides)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("\"ends_ms\":1", "\"ends_ms\":2", 1)).unwrap();
    for _ in 0..2 {
        let proxy = Proxy::start(from_nats_kept(&nats, disk.path()));
        assert!(
            !proxy.store.ready(),
            "an override may be missing, also at the second start"
        );
        proxy.stop().await;
    }
    nats.restart();
    let proxy = Proxy::start(from_nats_kept(&nats, disk.path()));
    proxy.ready().await;
    proxy.decides("a", None, "off").await;
    proxy.serves("b", Some("on")).await;
    proxy.stop().await;
    nats.kill();
    let proxy = Proxy::start(from_nats_kept(&nats, disk.path()));
    assert!(proxy.store.ready(), "whole again");
    assert_eq!(
        support::decide(&proxy.store, "b", None).as_deref(),
        Some("on")
    );
    assert!(proxy.store.current_at_ms().is_some());
    assert!(
        proxy
            .store
            .load()
            .sets
            .iter()
            .all(|set| set.rejected.is_none())
    );
    proxy.stop().await;

    // A mark as earlier versions wrote it: as good for readiness, and without a time.
    for kind in ["flags", "overrides"] {
        let path = disk.path().join(format!("{kind}.whole"));
        let mut mark: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        mark.as_object_mut()
            .unwrap()
            .remove("current_at_ms")
            .unwrap();
        std::fs::write(path, mark.to_string()).unwrap();
    }
    let proxy = Proxy::start(from_nats_kept(&nats, disk.path()));
    assert!(proxy.store.ready());
    assert_eq!(proxy.store.current_at_ms(), None);
}

#[tokio::test]
async fn a_disk_that_cannot_be_used_is_said_at_the_start() {
    let nats = Nats::away();
    let directory = TempDir::new().unwrap();
    let start = |path: &str| Proxy::start(from_nats_kept(&nats, &directory.path().join(path)));
    let proxy = start("made/when/missing");
    assert_eq!(proxy.count("burgee_disk_errors_total", ""), 0);
    write(directory.path(), "file", "in the way");
    for unusable in ["file", "file/below"] {
        assert!(start(unusable).count("burgee_disk_errors_total", "") >= 1);
    }
}

#[tokio::test]
async fn what_can_be_refused_is_counted_from_0() {
    let proxy = Proxy::start(from_nats(&Nats::away()));
    let families = proxy.metrics.gather();
    for (name, series) in [
        ("burgee_flagset_rejected_total", 18),
        ("burgee_override_rejected_total", 14),
        ("burgee_disk_corrupt_total", 2),
    ] {
        let family = families.iter().find(|family| family.name() == name);
        assert_eq!(family.map(|family| family.get_metric().len()), Some(series));
        assert_eq!(proxy.count(name, ""), 0);
    }
}
