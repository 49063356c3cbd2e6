//! The real pingora service on a real socket, in front of real backends.

mod world;

use std::time::Duration;

use pingora::server::{RunArgs, Server, ShutdownSignal, ShutdownSignalWatch};
use pingora::services::background::background_service;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::edge::{DrainSignal, Vital};
use crate::upstream::Checks;
use world::{Answer, Backend, REVISION, World, upstream};

const PHONE: &str = "User-Agent: Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36";

fn flags(answer: &Answer) -> Vec<(&str, &str)> {
    let mut flags: Vec<(&str, &str)> = answer
        .told_names()
        .into_iter()
        .filter(|name| name.starts_with("x-flag-"))
        .map(|name| (name, answer.told(name).unwrap()))
        .collect();
    flags.sort_unstable();
    flags
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backend_is_told_what_was_decided() {
    let world = World::new(&Backend::start("stable").await).start();
    let answer = world
        .get(
            "/x?utm_campaign=winter",
            &[
                "X-User-Id: tester",
                "CF-IPCountry: DE",
                PHONE,
                "X-Custom: kept",
            ],
        )
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        flags(&answer),
        [
            ("x-flag-banner", "winter"),
            ("x-flag-country", "eu"),
            ("x-flag-layout", "compact"),
            ("x-flag-new-checkout", "on"),
        ],
        "`none` has no variant, `gone` is no flag"
    );
    assert_eq!(answer.told("x-flags-revision"), Some(REVISION));
    assert_eq!(answer.told("x-custom"), Some("kept"));
    assert_eq!(answer.told("host"), Some("shop.example"));
    assert_eq!(answer.relayed(), ("/x?utm_campaign=winter", ""));
    let other = world.get("/", &["X-User-Id: someone"]).await;
    assert_eq!(
        flags(&other),
        [
            ("x-flag-banner", "plain"),
            ("x-flag-country", "other"),
            ("x-flag-layout", "wide"),
            ("x-flag-new-checkout", "off"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_dictionary_or_values_where_the_route_asks_for_them() {
    let world = World::new(&Backend::start("stable").await).start();
    let headers = ["X-User-Id: tester", "CF-IPCountry: DE"];
    let dictionary = world.get("/dictionary", &headers).await;
    assert_eq!(
        dictionary.told("flags"),
        Some("new-checkout=on, banner=plain, country=eu, layout=wide")
    );
    assert!(flags(&dictionary).is_empty());
    let values = world.get("/values?utm_campaign=winter", &headers).await;
    assert_eq!(
        flags(&values),
        [
            ("x-flag-banner", "winter sale"),
            ("x-flag-country", "1"),
            ("x-flag-layout", "w"),
            ("x-flag-new-checkout", "true"),
        ]
    );
    let plain = world.get("/plain", &headers).await;
    assert_eq!(plain.told("x-flags-revision"), None, "nothing was decided");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_cannot_forge_a_decision() {
    let world = World::new(&Backend::start("stable").await).start();
    for forged in [
        "x-flag-new-checkout",
        "X-Flag-New-Checkout",
        "X_Flag_New-Checkout",
        "x_flag_new_checkout",
        "x!flag!new-checkout",
        "X-FLAG-NEW-CHECKOUT",
        "x-flag-unheard-of",
        "x_flags_revision",
        "X-Flags-Fallback",
        "Flags",
    ] {
        for path in ["/", "/plain", "/dictionary"] {
            let line = format!("{forged}: forged");
            let answer = world.get(path, &[&line, &line]).await;
            assert!(
                !answer.body.contains("forged"),
                "{forged} on {path}: {}",
                answer.body
            );
        }
    }
    assert_eq!(world.metrics.forged_headers.get(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn naming_a_decision_header_in_connection_does_not_remove_it() {
    let world = World::new(&Backend::start("stable").await).start();
    let answer = world
        .send(
            "GET / HTTP/1.1\r\nHost: shop.example\r\nX-User-Id: tester\r\nX-Flag-New-Checkout: off\r\n\
             Connection: close, X-Flag-New-Checkout, x-flags-revision\r\n\r\n",
        )
        .await;
    assert_eq!(answer.told("x-flag-new-checkout"), Some("on"));
    assert_eq!(answer.told("x-flags-revision"), Some(REVISION));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_can_be_read_in_two_ways_is_refused() {
    let world = World::new(&Backend::start("stable").await).start();
    let both = "POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(world.send(both).await.status, 400);
    let two_hosts =
        "GET / HTTP/1.1\r\nHost: shop.example\r\nHost: other.example\r\nConnection: close\r\n\r\n";
    assert_eq!(world.send(two_hosts).await.status, 400);
    assert_eq!(
        world
            .send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            .await
            .status,
        400
    );
    assert_eq!(world.get("/", &["X Broken: 1"]).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_or_target_that_servers_read_differently_is_refused() {
    let world = World::new(&Backend::start("stable").await).start();
    for host in [
        "shop.example/x",
        "a, b",
        "a b",
        "shop.example#x",
        "shop.example%00",
        "\u{f6}.example",
        ":80",
        "[::1",
        "shop.example:99999",
    ] {
        let request = format!("GET /plain HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(world.send(&request).await.status, 400, "{host}");
    }
    for line in ["GET plain", "GET *", "GET ?q", "GET shop.example/"] {
        let request = format!("{line} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n");
        assert_eq!(world.send(&request).await.status, 400, "{line}");
    }
    for lengths in [
        "Content-Length: 4\r\nContent-Length: 4",
        "Content-Length: 4, 4",
    ] {
        let request = format!(
            "POST /plain HTTP/1.1\r\nHost: shop.example\r\n{lengths}\r\nConnection: close\r\n\r\nbody"
        );
        assert_eq!(world.send(&request).await.status, 400, "{lengths}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_host_gets_the_endpoints() {
    let backend = Backend::start("stable").await;
    let mut world = World::new(&backend);
    world.config.routes[0].host = Some("shop.example".to_owned());
    let world = world.start();
    let answer = world.send("GET /plain HTTP/1.0\r\n\r\n").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.told("host"),
        Some(backend.address.to_string().as_str())
    );
    assert_eq!(answer.told("x-forwarded-host"), None);
    let of_a_host = world.send("GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(of_a_host.status, 404);
    let absolute = world
        .send("GET http://shop.example/plain HTTP/1.0\r\n\r\n")
        .await;
    assert_eq!(absolute.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn absolute_form_is_routed_by_its_host_and_relayed_as_a_path() {
    let mut world = World::new(&Backend::start("stable").await);
    world.config.routes[0].host = Some("shop.example".to_owned());
    let world = world.start();
    let send = async |target: &str, host: &str| {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        world.send(&request).await
    };
    let answer = send("http://shop.example/a?b", "shop.example").await;
    assert_eq!((answer.status, answer.relayed().0), (200, "/a?b"));
    assert_eq!(answer.told("host"), Some("shop.example"));
    let bare = send("http://shop.example", "shop.example").await;
    assert_eq!((bare.status, bare.relayed().0), (200, "/"));
    let query = send("http://shop.example?b", "shop.example").await;
    assert_eq!((query.status, query.relayed().0), (200, "/?b"));
    for host in ["other.example", "shop.example:80"] {
        let answer = send("http://shop.example/", host).await;
        assert_eq!(answer.status, 400, "{host}");
    }
    let dotted = send("/", "Shop.Example.:8080").await;
    assert_eq!(dotted.status, 200, "the route of shop.example serves it");
    assert_eq!(dotted.told("host"), Some("Shop.Example.:8080"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_any_attribute_is_served() {
    let mut world = World::new(&Backend::start("stable").await);
    world.config.trusted_proxies.clear();
    world.config.context.targeting_key.truncate(1);
    let world = world.start();
    let broken = b"GET /?utm_campaign=%ff HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\
        X-User-Id: tester\r\nCF-IPCountry: DE\r\nUser-Agent: \xff\xfe\r\nCookie: ;;=;\xff\r\n\r\n";
    let answer = world.send(broken).await;
    assert_eq!(
        answer.status, 200,
        "a stranger's word for who he is does not count"
    );
    assert_eq!(answer.told("x-flag-new-checkout"), Some("off"));
    assert_eq!(answer.told("x-flag-country"), Some("other"));
    let half = world.get("/half", &[]).await;
    assert_eq!(half.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn forwarding_headers_say_where_the_request_came_from() {
    let backend = Backend::start("stable").await;
    let said = [
        "X-Forwarded-For: 203.0.113.9",
        "X-Forwarded-Proto: https",
        "X-Request-Id: abc",
        "X-Real-IP: 1.1.1.1",
    ];
    let trusting = World::new(&backend).start();
    let answer = trusting.get("/plain", &said).await;
    assert_eq!(
        answer.told("x-forwarded-for"),
        Some("203.0.113.9, 127.0.0.1")
    );
    assert_eq!(answer.told("x-forwarded-proto"), Some("https"));
    assert_eq!(answer.told("x-forwarded-host"), Some("shop.example"));
    assert_eq!(answer.told("x-request-id"), Some("abc"));
    let mut stranger = World::new(&backend);
    stranger.config.trusted_proxies.clear();
    let stranger = stranger.start();
    let answer = stranger.get("/plain", &said).await;
    assert_eq!(answer.told("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(answer.told("x-forwarded-proto"), Some("http"));
    assert_eq!(answer.told("x-real-ip"), None);
    assert_eq!(answer.told("x-request-id").unwrap().len(), 36);
    let odd = ["X_Request_Id: abc", "Content_Length: 5"];
    for answer in [
        trusting.get("/plain", &odd).await,
        stranger.get("/plain", &odd).await,
    ] {
        assert_eq!(answer.told("x_request_id"), None);
        assert_eq!(answer.told("content_length"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_keeps_his_variant_by_a_cookie() {
    let world = World::new(&Backend::start("stable").await).start();
    let first = world.get("/half", &[]).await;
    let cookie = first.header("set-cookie").expect("a cookie is minted");
    assert!(
        cookie.contains("HttpOnly; SameSite=Lax; Path=/; Max-Age=1"),
        "{cookie}"
    );
    assert_eq!(
        first.header("vary").as_deref(),
        Some("Accept, cookie, x-user-id")
    );
    let sent = format!("Cookie: {}", cookie.split(';').next().unwrap());
    for _ in 0..3 {
        let again = world.get("/half", &[&sent]).await;
        assert_eq!(again.told("x-flag-half"), first.told("x-flag-half"));
        assert_eq!(again.header("set-cookie"), None);
    }
    assert_eq!(
        world.get("/plain", &[]).await.header("set-cookie"),
        None,
        "nothing there reads it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variant_chooses_the_upstream() {
    let (stable, canary) = (
        Backend::start("stable").await,
        Backend::start("canary").await,
    );
    let world = World::new(&stable).with_canary(&[canary.address]);
    let world = world.start();
    let get = |user: &str| {
        format!(
            "GET /canary HTTP/1.1\r\nHost: any\r\nConnection: close\r\nX-User-Id: {user}\r\n\r\n"
        )
    };
    let tester = world.send(&get("tester")).await;
    assert_eq!(tester.backend(), "canary");
    assert_eq!(
        tester.told("x-flag-backend"),
        None,
        "the route does not list it"
    );
    assert_eq!(tester.told("x-flags-fallback"), None);
    assert_eq!(world.send(&get("someone")).await.backend(), "stable");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_baseline_serves_for_a_canary_that_cannot_be_reached() {
    let stable = Backend::start("stable").await;
    let world = World::new(&stable)
        .with_canary(&[Backend::nobody(), Backend::nobody()])
        .start();
    let post = "POST /canary HTTP/1.1\r\nHost: any\r\nConnection: close\r\nX-User-Id: tester\r\nContent-Length: 4\r\n\r\nbody";
    for _ in 0..3 {
        let answer = world.send(post).await;
        assert_eq!((answer.status, answer.backend()), (200, "stable"));
        assert_eq!(answer.relayed().1, "body");
        assert_eq!(answer.told("x-flags-fallback"), Some("backend"));
        assert_eq!(
            answer.told("x-flag-new-checkout"),
            Some("on"),
            "the decisions stay"
        );
    }
    let failures = world
        .metrics
        .connect_failures
        .with_label_values(&["canary"])
        .get();
    assert_eq!(
        failures, 4,
        "both endpoints are marked after two failures each, then not waited for"
    );
    let lines = world.log_lines(3).await;
    assert_eq!(lines[0]["fallback"], "backend");
    assert_eq!(lines[0]["upstream"], "stable");
    assert_eq!(lines[0]["connect_failures"], 2);
    assert_eq!(lines[0]["decisions"]["backend"]["variant"], "canary");
    assert_eq!(
        world
            .metrics
            .fallbacks
            .with_label_values(&["/canary", "backend"])
            .get(),
        3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_endpoint_serves_for_one_that_cannot_be_reached() {
    let backend = Backend::start("stable").await;
    let mut world = World::new(&backend);
    world.config.upstreams.insert(
        "stable".into(),
        upstream(&[Backend::nobody(), backend.address]),
    );
    let world = world.start();
    for _ in 0..4 {
        let answer = world.send("POST /plain HTTP/1.1\r\nHost: any\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi").await;
        assert_eq!((answer.status, answer.relayed().1), (200, "hi"));
    }
    assert!(!world.pools.get("stable").unwrap().endpoints()[0].is_healthy());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_is_gone_answers_502() {
    let mut world = World::new(&Backend::start("stable").await);
    world
        .config
        .upstreams
        .insert("stable".into(), upstream(&[Backend::nobody()]));
    let world = world.start();
    let answer = world.get("/", &[]).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (502, "the backend failed\n")
    );
    assert_eq!(answer.header("server"), None, "nobody need know of pingora");
    assert_eq!(answer.header("connection").as_deref(), Some("close"));
    assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"));
    assert_eq!(
        world.log_lines(1).await[0]["error"],
        "no endpoint could be reached"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_with_known_labels_begin_at_zero() {
    let world = World::new(&Backend::start("stable").await)
        .with_canary(&[Backend::nobody()])
        .start();
    let metrics = world.ask_admin("GET /metrics").await.body;
    for series in [
        "burgee_upstream_connect_failures_total{upstream=\"stable\"} 0",
        "burgee_upstream_connect_failures_total{upstream=\"canary\"} 0",
        "burgee_upstream_fallbacks_total{flag=\"backend\",route=\"/canary\"} 0",
    ] {
        assert!(metrics.contains(series), "{series}\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nothing_to_serve_only_routes_that_decide_answer_503() {
    let backend = Backend::start("stable").await;
    let mut unready = World::new(&backend);
    unready.ready = false;
    let unready = unready.start();
    let answer = unready.get("/", &[]).await;
    assert_eq!(
        (answer.status, answer.header("retry-after").as_deref()),
        (503, Some("1"))
    );
    assert_eq!(unready.get("/plain", &[]).await.status, 200);

    let mut going_on = World::new(&backend);
    going_on.ready = false;
    let going_on = going_on.start();
    going_on.store.allow_baseline();
    let answer = going_on.get("/", &["X-Flag-New-Checkout: on"]).await;
    assert_eq!(
        (answer.status, answer.told("x-flag-new-checkout")),
        (200, None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_answers_404_and_keeps_the_connection() {
    let mut world = World::new(&Backend::start("stable").await);
    world.config.routes[0].host = Some("shop.example".to_owned());
    let world = world.start();
    let answer = world
        .send("GET /nowhere HTTP/1.1\r\nHost: any\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n")
        .await;
    assert_eq!(
        (answer.status, answer.header("connection").as_deref()),
        (404, Some("keep-alive"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_access_log_names_decisions_and_nobody() {
    let world = World::new(&Backend::start("stable").await).start();
    world
        .get(
            "/x?secret=1",
            &["X-User-Id: tester", "X-Forwarded-For: 203.0.113.9"],
        )
        .await;
    let line = &world.log_lines(1).await[0];
    assert_eq!(line["route"], "/");
    assert_eq!(line["path"], "/x");
    assert_eq!(line["status"], 200);
    assert_eq!(line["client"], "203.0.113.9");
    assert_eq!(line["identity"], "header");
    assert_eq!(line["revision"], REVISION);
    assert_eq!(line["upstream"], "stable");
    assert_eq!(
        line["decisions"]["new-checkout"],
        serde_json::json!({ "variant": "on", "reason": "TARGETING_MATCH" })
    );
    assert_eq!(
        line["decisions"]["gone"],
        serde_json::json!({ "reason": "ERROR", "error": "FLAG_NOT_FOUND" })
    );
    let text = line.to_string();
    assert!(
        !text.contains("tester") && !text.contains("secret"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_tells_clients_to_close_and_waits_for_what_is_in_flight() {
    let backend = Backend::start("stable").await;
    let mut world = World::new(&backend);
    world.config.shutdown.drain = Duration::from_millis(500);
    let world = world.start();

    let mut stream = BufReader::new(TcpStream::connect(world.address).await.unwrap());
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        .await
        .unwrap();
    while world.metrics.in_flight.get() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let signal = std::sync::Arc::clone(&world.signal);
    let draining = tokio::spawn(async move { signal.drain().await });
    while !world.store.draining() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(world.ask_admin("GET /readyz").await.status, 503);
    let still_served = world.send("GET /plain HTTP/1.1\r\nHost: any\r\n\r\n").await;
    assert_eq!(
        (
            still_served.status,
            still_served.header("connection").as_deref()
        ),
        (200, Some("close"))
    );

    while TcpStream::connect(world.address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!draining.is_finished(), "a request is in flight");
    backend.gate.add_permits(1);
    let mut status = String::new();
    stream.read_line(&mut status).await.unwrap();
    assert_eq!(status, "HTTP/1.1 200 OK\r\n");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(
        rest.to_ascii_lowercase().contains("connection: close"),
        "{rest}"
    );
    tokio::time::timeout(Duration::from_secs(10), draining)
        .await
        .expect("nothing is in flight")
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_listener_answers_questions_and_changes_nothing() {
    let world = World::new(&Backend::start("stable").await).start();
    world.get("/", &["X-User-Id: tester"]).await;
    world.log_lines(1).await;
    for (question, status, part) in [
        ("GET /livez", 200, "ok"),
        ("GET /readyz", 200, "\"ready\": true"),
        (
            "GET /metrics",
            200,
            "burgee_decisions_total{flag=\"new-checkout\",reason=\"TARGETING_MATCH\",variant=\"on\"} 1",
        ),
        (
            "GET /metrics",
            200,
            "burgee_requests_total{code=\"2xx\",route=\"/\"} 1",
        ),
        ("GET /metrics", 200, "burgee_ready 1"),
        ("GET /metrics", 200, "burgee_upstream_endpoint_healthy{"),
        (
            "GET /metrics",
            200,
            "burgee_upstream_results_total{result=\"2xx\",upstream=\"stable\",variant=\"\"} 1",
        ),
        ("GET /snapshot", 200, "\"revision\": \"0123456789abcdef\""),
        ("GET /snapshot", 200, "route `/` names flag `gone`"),
        (
            "GET /explain?flag=new-checkout&context=%7B%22targetingKey%22:%22tester%22%7D",
            200,
            "\"variant\": \"on\"",
        ),
        (
            "GET /explain?flag=new-checkout",
            200,
            "\"variant\": \"off\"",
        ),
        ("GET /explain?flag=gone", 404, "FLAG_NOT_FOUND"),
        ("GET /explain", 400, "ask like this"),
        ("GET /else", 404, "/readyz"),
        ("POST /metrics", 405, "only reads"),
        ("DELETE /snapshot", 405, "only reads"),
    ] {
        let answer = world.ask_admin(question).await;
        assert_eq!(answer.status, status, "{question}: {}", answer.body);
        assert!(answer.body.contains(part), "{question}: {}", answer.body);
    }
}

/// Drains when the test says so, instead of at a signal.
struct WhenTold {
    told: tokio::sync::watch::Receiver<bool>,
    signal: std::sync::Arc<DrainSignal>,
}

#[async_trait::async_trait]
impl ShutdownSignalWatch for WhenTold {
    async fn recv(&self) -> ShutdownSignal {
        self.told.clone().wait_for(|told| *told).await.unwrap();
        self.signal.drain().await;
        ShutdownSignal::GracefulTerminate
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_server_ends_as_soon_as_it_may() {
    let backend = Backend::start("stable").await;
    let (parts, settings) = World::new(&backend).into_parts();
    let address = parts.address;
    let (tell, told) = tokio::sync::watch::channel(false);
    let server = std::thread::spawn(move || {
        let mut server = Server::new_with_opt_and_conf(None, settings);
        server.add_service(Vital(parts.service));
        server.add_service(Vital(background_service(
            "checks",
            Checks::new(parts.pools),
        )));
        server.add_service(Vital(background_service("admin", parts.admin_service)));
        server.run(RunArgs {
            shutdown_signal: Box::new(WhenTold {
                told,
                signal: parts.signal,
            }),
        });
    });
    let answer = world::send(
        address,
        "GET / HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert_eq!(answer.status, 200);
    let idle = TcpStream::connect(address).await.unwrap();
    tell.send_replace(true);
    let started = std::time::Instant::now();
    tokio::task::spawn_blocking(move || server.join().unwrap())
        .await
        .unwrap();
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    drop(idle);
}
