//! Which users get which variant.

use burgee_tests::{Backend, Burgee, Home, Proxy, flag_set, share};
use serde_json::json;

fn users(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("user-{number}")).collect()
}

fn on(variants: &[Option<String>]) -> Vec<usize> {
    (0..variants.len())
        .filter(|user| variants[*user].as_deref() == Some("on"))
        .collect()
}

/// Whether `count` of `trials` is within four standard deviations of what `percent` gives: one in
/// 15,000 honest splits is not.
fn is_share(count: usize, trials: usize, percent: f64) -> bool {
    let as_float = |number: usize| f64::from(u32::try_from(number).expect("a small number"));
    let (trials, share) = (as_float(trials), percent / 100.0);
    let deviation = (trials * share * (1.0 - share)).sqrt();
    (as_float(count) - trials * share).abs() <= 4.0 * deviation
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_users_split_as_asked_and_alike_on_two_proxies() {
    let backend = Backend::start("stable").await;
    // The second sits in another cluster: where a user arrives must not matter.
    let places = [("eu", "eu-1"), ("us", "us-7")];
    let homes = places.map(|(region, cluster)| {
        let keys = json!({ "region": region, "cluster": cluster, "access_log": "off" });
        let home = Home::serving(&backend, &["a"], &keys);
        home.write("flags/set.json", &flag_set(&json!({ "a": share(30) })));
        home
    });
    let users = users(10_000);
    let first = homes[0].start().await.variants(&users, "x-flag-a").await;
    let second = homes[1].start().await.variants(&users, "x-flag-a").await;

    assert!(first.iter().all(Option::is_some));
    let on = on(&first).len();
    assert!(
        is_share(on, users.len(), 30.0),
        "{on} of {} at 30 %",
        users.len()
    );
    assert!(first == second, "two proxies disagree");
}

#[tokio::test(flavor = "multi_thread")]
async fn raising_a_percentage_moves_nobody_out() {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["a"], &json!({ "access_log": "off" }));
    let set = |percent| flag_set(&json!({ "a": share(percent) }));
    home.write("flags/set.json", &set(1));
    let proxy = home.start().await;
    let users = users(1_500);
    let mut before = on(&proxy.variants(&users, "x-flag-a").await);
    for percent in [10, 25, 60, 100] {
        publish(&home, &proxy, &set(percent)).await;
        let now = on(&proxy.variants(&users, "x-flag-a").await);
        assert!(
            is_share(now.len(), users.len(), f64::from(percent)),
            "{} at {percent} %",
            now.len()
        );
        let moved_out: Vec<_> = before.iter().filter(|user| !now.contains(user)).collect();
        assert!(moved_out.is_empty(), "at {percent} %: {moved_out:?}");
        before = now;
    }
    assert_eq!(before.len(), users.len());
}

/// Replaces the flag set and waits until the proxy serves it.
async fn publish(home: &Home, proxy: &Proxy, document: &str) {
    let revision = proxy.variant("u", "x-flags-revision").await;
    home.replace("flags/set.json", document);
    burgee_tests::eventually("a new revision", async || {
        (proxy.variant("u", "x-flags-revision").await != revision).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_and_the_edge_agree_about_every_user_and_flags_split_independently() {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["a"], &json!({ "access_log": "off" }));
    home.write(
        "flags/set.json",
        &flag_set(&json!({ "a": share(50), "b": share(50) })),
    );
    let users = users(10_000);
    let questions = |flag: &str| {
        let question =
            |user| json!({ "flag": flag, "context": { "targetingKey": user } }).to_string();
        users.iter().map(question).collect::<Vec<_>>().join("\n")
    };
    let path = home.path("flags");
    let explain = async |flag| {
        let arguments = [
            "explain",
            "--batch",
            "--flags",
            path.to_str().expect("UTF-8"),
        ];
        let outcome = Burgee::new(arguments)
            .input(questions(flag))
            .succeeds()
            .await;
        let variant = |answer: &serde_json::Value| answer["variant"].as_str().map(str::to_owned);
        outcome.json_lines().iter().map(variant).collect::<Vec<_>>()
    };
    let (a, b) = (explain("a").await, explain("b").await);
    assert_eq!((a.len(), b.len()), (users.len(), users.len()));
    let both = on(&a)
        .iter()
        .filter(|user| b[**user].as_deref() == Some("on"))
        .count();
    assert!(
        is_share(both, users.len(), 25.0),
        "{both} users have both of two halves"
    );

    let proxy = home.start().await;
    assert!(proxy.variants(&users[..1_000], "x-flag-a").await == a[..1_000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_targeting_key_the_default_is_served() {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["a"], &json!({}));
    home.write("flags/set.json", &flag_set(&json!({ "a": share(100) })));
    let proxy = home.start().await;
    assert_eq!(proxy.get("/").echo().await.header("x-flag-a"), Some("off"));
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
}
