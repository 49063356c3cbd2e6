//! Where a request goes.

use burgee_tests::{Backend, Home, Port, eventually, flag_set};
use serde_json::{Value, json};

/// A route whose flag `where` sends `tester` to the canary and everyone else to the baseline.
fn canary(stable: &Value, canary: &Value) -> Home {
    let health = json!({ "interval": "100ms", "timeout": "500ms" });
    let home = Home::new(&json!({
        "upstreams": {
            "stable": { "endpoints": stable, "health": health },
            "canary": { "endpoints": canary, "health": health },
        },
        "routes": [{
            "name": "shop", "upstream": "stable", "flags": ["where"],
            "canary": { "flag": "where", "upstreams": { "canary": "canary" } },
        }],
    }));
    let flag = json!({
        "state": "ENABLED",
        "variants": { "stable": 1, "canary": 2 },
        "defaultVariant": "stable",
        "targeting": { "if": [{ "==": [{ "var": "targetingKey" }, "tester"] }, "canary", "stable"] },
    });
    home.write("flags/set.json", &flag_set(&json!({ "where": flag })));
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variant_chooses_the_upstream() {
    let (stable, new) = (
        Backend::start("stable").await,
        Backend::start("canary").await,
    );
    let home = canary(&json!([stable.address()]), &json!([new.address()]));
    let proxy = home.start().await;
    for (user, backend) in [
        ("tester", "canary"),
        ("someone", "stable"),
        ("tester", "canary"),
    ] {
        let echo = proxy.get("/").header("x-user-id", user).echo().await;
        assert_eq!(echo.backend, backend);
        assert_eq!(echo.header("x-flag-where"), Some(backend));
        assert_eq!(echo.header("x-flags-fallback"), None);
    }
    assert_eq!((stable.requests(), new.requests()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_baseline_serves_while_the_canary_is_down() {
    let (stable, mut new) = (
        Backend::start("stable").await,
        Backend::start("canary").await,
    );
    let home = canary(&json!([stable.address()]), &json!([new.address()]));
    let proxy = home.start().await;
    new.stop().await;
    // Long enough that the canary is marked on the way: what a connect finds and what the mark says
    // must end alike.
    for number in 0..20 {
        let body = format!("order {number}");
        let call = proxy.get("/orders").header("x-user-id", "tester");
        let echo = if number % 2 == 0 {
            call.echo().await
        } else {
            call.post(&body).echo().await
        };
        assert_eq!(echo.backend, "stable");
        // The decision stays; the backend is told that it was not followed.
        assert_eq!(echo.header("x-flag-where"), Some("canary"));
        assert_eq!(echo.header("x-flags-fallback"), Some("where"));
        let sent = if number % 2 == 0 {
            ("GET", "")
        } else {
            ("POST", body.as_str())
        };
        assert_eq!((echo.method.as_str(), echo.body.as_str()), sent);
    }
    proxy
        .metric(
            "burgee_upstream_fallbacks_total",
            &[("flag", "where")],
            |count| count >= 20.0,
        )
        .await;
    let fell_back = |line: &Value| line.to_string().contains("fallback") && line["status"] == 200;
    eventually("the access log says so", async || {
        (proxy
            .access_log()
            .iter()
            .filter(|line| fell_back(line))
            .count()
            >= 20)
            .then_some(())
    })
    .await;

    new.resume().await;
    eventually("the canary serves again", async || {
        let echo = proxy.get("/").header("x-user-id", "tester").echo().await;
        (echo.backend == "canary" && echo.header("x-flags-fallback").is_none()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_endpoint_costs_no_request() {
    let (stable, dead) = (Backend::start("stable").await, Port::free());
    let home = canary(
        &json!([dead.address(), stable.address()]),
        &json!([stable.address()]),
    );
    let proxy = home.start().await;
    for number in 0..100 {
        let call = proxy.get("/").post(&format!("{number}"));
        let echo = call.echo().await;
        assert_eq!(echo.body, number.to_string());
        assert_eq!(
            echo.header("x-flags-fallback"),
            None,
            "another endpoint is no fallback"
        );
    }
    assert_eq!(stable.requests(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_added_to_its_upstream_shares_the_load() {
    let (one, two) = (Backend::start("one").await, Backend::start("two").await);
    let home = canary(
        &json!([one.address(), two.address()]),
        &json!([one.address()]),
    );
    let proxy = home.start().await;
    for _ in 0..40 {
        proxy.get("/").echo().await;
    }
    assert!(
        one.requests() >= 10 && two.requests() >= 10,
        "{} {}",
        one.requests(),
        two.requests()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn with_every_endpoint_down_the_answer_is_an_error_and_ends_when_one_returns() {
    let (mut stable, new) = (
        Backend::start("stable").await,
        Backend::start("canary").await,
    );
    let home = canary(&json!([stable.address()]), &json!([new.address()]));
    let proxy = home.start().await;
    stable.stop().await;
    for _ in 0..5 {
        let answer = proxy.get("/").send().await;
        assert!(
            [502, 503].contains(&answer.status.as_u16()),
            "{}",
            answer.status
        );
    }
    // The canary is nobody's fallback.
    assert_eq!(new.requests(), 0);
    stable.resume().await;
    eventually("the baseline serves again", async || {
        proxy
            .get("/")
            .send()
            .await
            .status
            .is_success()
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_while_a_request_waits_does_not_move_it() {
    let (stable, new) = (
        Backend::start("stable").await,
        Backend::start("canary").await,
    );
    let home = canary(&json!([stable.address()]), &json!([new.address()]));
    let proxy = home.start().await;
    new.set_delay(std::time::Duration::from_millis(500));
    let waiting = tokio::spawn(proxy.get("/").header("x-user-id", "tester").echo());
    eventually("the canary has the request", async || {
        (new.requests() == 1).then_some(())
    })
    .await;
    home.replace(
        "flags/set.json",
        &flag_set(&json!({ "where": {
        "state": "ENABLED", "variants": { "stable": 1 }, "defaultVariant": "stable",
    } })),
    );
    proxy.serves("tester", "x-flag-where", Some("stable")).await;
    let echo = waiting.await.expect("an echo");
    assert_eq!(
        (echo.backend.as_str(), echo.header("x-flag-where")),
        ("canary", Some("canary"))
    );
}
