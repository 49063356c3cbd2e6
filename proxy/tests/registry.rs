//! Appending to the logs and reading them, on a real server.

mod support;

use burgee::envelope::Change;
use burgee::registry::{AppendError, CreateError, Created, Log, LogOptions, RegistryError};
use support::{Nats, draft, flag_set, junk, push};

const SUBJECT: &str = "burgee.flags.checkout";

#[tokio::test]
async fn a_log_is_made_once_and_never_weakened() {
    let nats = Nats::start();
    let registry = nats.registry().await;
    let log = Log::flags();
    assert!(matches!(
        registry.head(&log, SUBJECT).await,
        Err(RegistryError::NoLog(_))
    ));
    assert_eq!(
        registry.create(&log, LogOptions::default()).await.unwrap(),
        Created::Made
    );
    assert_eq!(
        registry.create(&log, LogOptions::default()).await.unwrap(),
        Created::Existed
    );

    let context = async_nats::jetstream::new(nats.client().await);
    let stream = context.get_stream(log.name()).await.unwrap();
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    assert!(
        stream.delete_message(1).await.is_err(),
        "deletes are denied"
    );
    assert!(stream.purge().await.is_err(), "purges are denied");

    // The same log, made by someone who did not know better.
    context.delete_stream(log.name()).await.unwrap();
    let careless = async_nats::jetstream::stream::Config {
        name: log.name().into(),
        subjects: vec![log.pattern()],
        max_messages_per_subject: 1,
        ..Default::default()
    };
    context.create_stream(careless).await.unwrap();
    let Err(CreateError::Differs { differences, .. }) =
        registry.create(&log, LogOptions::default()).await
    else {
        panic!("a weak log is accepted");
    };
    assert!(
        differences
            .iter()
            .any(|difference| difference.contains("max_msgs_per_subject is 1")),
        "{differences:?}"
    );
    assert!(
        differences
            .iter()
            .any(|difference| difference.contains("deny_purge is false")),
        "{differences:?}"
    );
}

#[tokio::test]
async fn changes_of_a_subject_form_a_chain() {
    let nats = Nats::start();
    let registry = nats.ready().await;
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    push(&registry, "other", flag_set("other", "b", "on")).await;
    let first = registry
        .head(&Log::flags(), SUBJECT)
        .await
        .unwrap()
        .newest
        .unwrap();
    push(&registry, "checkout", Change::Delete).await;
    let second = registry
        .head(&Log::flags(), SUBJECT)
        .await
        .unwrap()
        .newest
        .unwrap();
    assert_eq!((first.record().revision, second.record().revision), (1, 2));
    assert_eq!(second.record().previous, Some(first.digest()));

    let (newest, junk) = registry.newest(&Log::flags()).await.unwrap();
    let subjects: Vec<&str> = newest
        .iter()
        .map(|record| record.record().subject.as_str())
        .collect();
    assert_eq!(subjects, [SUBJECT, "burgee.flags.other"]);
    assert!(junk.is_empty());
}

/// Anyone with the password can make subjects up; commands must not take longer and longer for it.
#[tokio::test]
async fn many_subjects_of_junk_hide_no_record() {
    let nats = Nats::start();
    let registry = nats.ready().await;
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    junk(&nats, SUBJECT, "junk").await;
    let context = async_nats::jetstream::new(nats.client().await);
    for number in 0..1_000 {
        let subject = format!("burgee.flags.junk-{number}");
        drop(context.publish(subject, "junk".into()).await.unwrap());
    }
    junk(&nats, "burgee.flags.last", "junk").await;
    push(&registry, "storefront", flag_set("storefront", "b", "on")).await;
    let (newest, junk) = registry.newest(&Log::flags()).await.unwrap();
    let subjects: Vec<&str> = newest
        .iter()
        .map(|record| record.record().subject.as_str())
        .collect();
    assert_eq!(subjects, [SUBJECT, "burgee.flags.storefront"]);
    assert_eq!(junk.len(), 1_002);
}

#[tokio::test]
async fn of_two_publishers_one_wins_and_the_other_is_told() {
    let nats = Nats::start();
    let registry = nats.ready().await;
    let log = Log::flags();
    let head = registry.head(&log, SUBJECT).await.unwrap();
    let attempts = (0..8).map(|number| {
        let mut draft = draft(flag_set("checkout", "a", "on"));
        draft.who = format!("publisher-{number}");
        registry.append(&log, SUBJECT, &head, draft)
    });
    let outcomes = futures::future::join_all(attempts).await;
    let won: Vec<_> = outcomes
        .iter()
        .filter_map(|outcome| outcome.as_ref().ok())
        .collect();
    assert_eq!(won.len(), 1);
    for outcome in &outcomes {
        match outcome {
            Ok(_) => {}
            Err(AppendError::LostRace { winner }) => {
                assert_eq!(winner.digest(), won[0].record.digest());
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(
        registry
            .head(&log, SUBJECT)
            .await
            .unwrap()
            .newest
            .unwrap()
            .record()
            .revision,
        1
    );
}

#[tokio::test]
async fn junk_is_skipped_by_readers_and_writers() {
    let nats = Nats::start();
    let registry = nats.ready().await;
    push(&registry, "checkout", flag_set("checkout", "a", "on")).await;
    let head = registry.head(&Log::flags(), SUBJECT).await.unwrap();
    for _ in 0..300 {
        junk(&nats, SUBJECT, "not an envelope").await;
    }
    junk(&nats, "burgee.flags.only-junk", "{}").await;

    let (newest, found) = registry.newest(&Log::flags()).await.unwrap();
    assert_eq!(newest.len(), 1);
    assert_eq!(newest[0].record().revision, 1);
    assert_eq!(found.len(), 2);

    // The writer had read the head before the junk came: only junk came, so it goes on.
    let appended = registry
        .append(&Log::flags(), SUBJECT, &head, draft(Change::Delete))
        .await
        .unwrap();
    assert_eq!(appended.record.record().revision, 2);
    assert_eq!(
        appended.record.record().previous,
        newest.first().map(burgee::envelope::Verified::digest)
    );
}

/// The acknowledgement is lost, and the change is found by its digest: appending it "again" is done.
#[tokio::test]
async fn a_change_that_is_already_there_is_done() {
    let nats = Nats::start();
    let registry = nats.ready().await;
    let head = registry.head(&Log::flags(), SUBJECT).await.unwrap();
    let draft = draft(flag_set("checkout", "a", "on"));
    let first = registry
        .append(&Log::flags(), SUBJECT, &head, draft.clone())
        .await
        .unwrap();
    push(&registry, "checkout", Change::Delete).await;
    let again = registry
        .append(&Log::flags(), SUBJECT, &head, draft)
        .await
        .unwrap();
    assert_eq!(again.record.digest(), first.record.digest());
    assert_eq!(
        registry
            .head(&Log::flags(), SUBJECT)
            .await
            .unwrap()
            .newest
            .unwrap()
            .record()
            .revision,
        2
    );
}
