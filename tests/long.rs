//! What takes long to show: `./test --long`.

use std::time::{Duration, Instant};

use burgee_tests::{Backend, Home, Nats, Signal, constant, eventually_within, flag_set, share};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes more than a minute"]
async fn a_broker_that_hangs_under_traffic_costs_nothing_and_leaks_no_consumer() {
    let mut nats = Nats::start().await;
    nats.init().await;
    nats.push("set", &json!({ "a": constant("on") })).await;
    let backend = Backend::start("stable").await;
    let keys = json!({ "source": nats.source(), "access_log": "off" });
    let home = Home::serving(&backend, &["a"], &keys);
    let proxy = home.start().await;
    let traffic = proxy.traffic(8, |call, number| {
        call.header("x-user-id", &format!("u{number}"))
    });
    for variant in ["off", "on", "off"] {
        // Longer than the heartbeats of a consumer may be missing (twice five seconds), shorter than
        // what makes a client give up the connection: the consumer must recover by itself.
        nats.signal(Signal::Stop);
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert!(proxy.ready().await);
        nats.signal(Signal::Continue);
        nats.push("set", &json!({ "a": constant(variant) })).await;
        let what = format!("{variant} is served");
        eventually_within(Duration::from_mins(1), &what, async || {
            (proxy.variant("u", "x-flag-a").await.as_deref() == Some(variant)).then_some(())
        })
        .await;
    }
    traffic.stop().await.assert_no_failure();
    let context = nats.client().await;
    let stream = context.get_stream("BURGEE_FLAGS").await.expect("the log");
    let consumers = stream.cached_info().state.consumer_count;
    // One, and at most one more that the broker has not yet found to be without a reader.
    assert!(consumers <= 2, "{consumers} consumers of one proxy");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes more than a minute"]
async fn memory_does_not_grow_with_users_hosts_and_paths() {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["a"], &json!({ "access_log": "off" }));
    home.write("flags/set.json", &flag_set(&json!({ "a": share(50) })));
    let mut proxy = home.start().await;
    let traffic = proxy.traffic(16, |call, number| {
        let filler = "x".repeat(usize::try_from(number % 900).expect("a small number"));
        call.header("x-user-id", &format!("u{number}{filler}"))
            .header("host", &format!("h{number}.example"))
            .header("user-agent", &format!("agent {number}"))
    });
    let reach = async |requests: u64| {
        let what = format!("{requests} requests");
        eventually_within(Duration::from_mins(3), &what, async || {
            (traffic.answered() >= requests).then_some(())
        })
        .await;
    };
    reach(20_000).await;
    let before = proxy.process().resident_kib();
    reach(120_000).await;
    let after = proxy.process().resident_kib();
    traffic.stop().await.assert_no_failure();
    // A hundred thousand users of half a kilobyte each would be 50 MiB; caches and allocators
    // have their bounded share.
    assert!(
        after < before + 24 * 1024,
        "{before} KiB became {after} KiB"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes more than a minute"]
async fn a_hundred_edits_a_second_under_traffic_end_with_the_last_one() {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["a"], &json!({ "access_log": "off" }));
    let set = |number: u32| {
        let value = json!({ "v": number });
        let flag = json!({ "state": "ENABLED", "variants": value, "defaultVariant": "v" });
        flag_set(&json!({ "a": constant("on"), "number": flag }))
    };
    home.write("flags/set.json", &set(0));
    let proxy = home.start().await;
    let traffic = proxy.traffic(8, |call, number| {
        call.header("x-user-id", &format!("u{number}"))
    });
    let began = Instant::now();
    let mut number = 0;
    while began.elapsed() < Duration::from_mins(1) {
        number += 1;
        if number % 2 == 0 {
            home.write("flags/set.json", &set(number));
        } else {
            home.replace("flags/set.json", &set(number));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    eventually_within(
        Duration::from_secs(20),
        "the last edit is served",
        async || {
            let told = proxy
                .admin("/explain?flag=number&context=%7B%7D")
                .send()
                .await
                .json();
            (told["value"] == number).then_some(())
        },
    )
    .await;
    traffic.stop().await.assert_no_failure();
}
