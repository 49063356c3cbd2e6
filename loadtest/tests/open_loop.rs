//! The generator against real servers on loopback: what it counts, and what it must not hide.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use burgee_loadtest::{Failure, Options, Report, Stop, Target, TargetError};
use bytes::Bytes;
use clap::Parser as _;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

/// A server that answers with `answer`, and how many connections it has taken.
struct Backend {
    url: String,
    connections: Arc<AtomicUsize>,
}

impl Backend {
    async fn start<A, F>(answer: A) -> Self
    where
        A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Response<Full<Bytes>>> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
        let connections = Arc::new(AtomicUsize::new(0));
        let taken = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                taken.fetch_add(1, Ordering::Relaxed);
                let answer = answer.clone();
                let service = service_fn(move |request| {
                    let answer = answer(request);
                    async { Ok::<_, Infallible>(answer.await) }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move { drop(connection.await) });
            }
        });
        Self { url, connections }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn drive(url: &str, arguments: &[&str]) -> Report {
    let options = Options::parse_from([&["burgee-loadtest", "--url", url], arguments].concat());
    let target = Target::resolve(&options.url, options.allow_remote)
        .await
        .expect("a target");
    burgee_loadtest::run(&options, &target, &Stop::default()).await
}

fn ok() -> Response<Full<Bytes>> {
    Response::new(Full::from("ok"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_of_the_schedule_is_sent_once_with_its_user_and_headers() {
    let users = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&users);
    let backend = Backend::start(move |request: Request<Incoming>| {
        let seen = Arc::clone(&seen);
        async move {
            assert_eq!(request.headers()["cf-ipcountry"], "DE");
            let user = request.headers()["x-user-id"]
                .to_str()
                .expect("ASCII")
                .to_owned();
            seen.lock().await.push(user);
            ok()
        }
    })
    .await;
    let arguments = "--rate 200 --duration 500ms --warmup 100ms --connections 8 --users 50";
    let mut arguments: Vec<_> = arguments.split(' ').collect();
    arguments.extend(["--header", "cf-ipcountry: DE"]);
    let report = drive(&backend.url, &arguments).await;

    assert_eq!(
        (report.requests, report.answered, report.errors),
        (100, 100, 0),
        "{report}"
    );
    assert!(
        backend.connections() <= 8,
        "connections are kept: {}",
        backend.connections()
    );

    let options = Options::parse_from([&["burgee-loadtest"], &arguments[..]].concat());
    let mut intended: Vec<_> = (0..120)
        .map(|number| format!("user-{}", options.users().of(number)))
        .collect();
    let mut sent = users.lock().await.clone();
    intended.sort();
    sent.sort();
    assert_eq!(sent, intended, "the warm-up's 20 included");
}

/// The server holds everything back once, for 400 ms of a second. A closed loop over two connections
/// would see two slow requests of 200.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stall_shows_in_every_request_that_it_delayed() {
    let gate = Arc::new(Mutex::new(0_u32));
    let backend = Backend::start(move |_| {
        let gate = Arc::clone(&gate);
        async move {
            let mut count = gate.lock().await;
            *count += 1;
            if *count == 40 {
                // The stall itself, not a wait for something.
                tokio::time::sleep(Duration::from_millis(400)).await;
            }
            ok()
        }
    })
    .await;
    let report = drive(
        &backend.url,
        &[
            "--rate",
            "200",
            "--duration",
            "1s",
            "--warmup",
            "0s",
            "--connections",
            "2",
        ],
    )
    .await;

    assert_eq!((report.answered, report.errors), (200, 0), "{report}");
    // 80 of 200 requests came up during the stall, and the first of them waited all of it.
    assert!(report.latency.max_us >= 390_000, "{report}");
    assert!(report.latency.p90_us >= 250_000, "{report}");
    assert!(
        report.wait.requests >= 60,
        "they waited for a connection, {report}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_errors_by_class() {
    let backend = Backend::start(|_| async {
        let mut response = ok();
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response
    })
    .await;
    let report = drive(
        &backend.url,
        &["--rate", "100", "--duration", "200ms", "--warmup", "0s"],
    )
    .await;
    assert_eq!((report.answered, report.errors), (20, 20), "{report}");
    assert_eq!(report.statuses["5xx"], 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_announced_close_is_no_error() {
    let backend = Backend::start(|_| async {
        let mut response = ok();
        response
            .headers_mut()
            .insert("connection", "close".parse().expect("a value"));
        response
    })
    .await;
    let report = drive(
        &backend.url,
        &["--rate", "100", "--duration", "500ms", "--warmup", "0s"],
    )
    .await;
    assert_eq!((report.answered, report.errors), (50, 0), "{report}");
    assert_eq!(backend.connections(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_never_answers_times_out_and_the_run_ends() {
    let backend = Backend::start(|_| std::future::pending()).await;
    let arguments =
        "--rate 100 --duration 300ms --warmup 0s --connections 4 --queue 10 --timeout 1500ms";
    let arguments: Vec<_> = arguments.split(' ').collect();
    let run = drive(&backend.url, &arguments);
    let report = tokio::time::timeout(Duration::from_secs(20), run)
        .await
        .expect("it ends by itself");

    assert_eq!(
        (report.requests, report.answered, report.errors),
        (30, 0, 30),
        "{report}"
    );
    // 10 wait and up to 4 are on their way; the queue has no room for the rest.
    let timed_out = report.failures[&Failure::Timeout];
    assert!((10..=14).contains(&timed_out), "{report}");
    assert_eq!(
        report.failures[&Failure::Dropped],
        30 - timed_out,
        "{report}"
    );
    assert!(report.latency.p50_us >= 1_490_000, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_ends_early_is_counted_and_opened_anew() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Reads the request, so that the close is an orderly one, and hangs up.
            let mut request = [0; 4096];
            stream.readable().await.expect("a request comes");
            drop(stream.try_read(&mut request));
        }
    });
    let report = drive(
        &url,
        &["--rate", "100", "--duration", "200ms", "--warmup", "0s"],
    )
    .await;
    assert_eq!((report.answered, report.errors), (0, 20), "{report}");
    assert_eq!(report.failures[&Failure::Closed], 20, "{report}");
}

#[tokio::test]
async fn nobody_listening_is_found_before_the_run() {
    // Bound and dropped, so that the port is free; nothing else takes it in between but by rare chance.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
    drop(listener);
    let target = Target::resolve(&url.parse().expect("a URL"), false)
        .await
        .expect("loopback");
    let refused = target.probe(Duration::from_secs(5)).await;
    assert!(
        matches!(refused, Err(TargetError::Connect(..))),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_stopped_reports_what_it_measured() {
    let stop = Stop::default();
    let on_request = stop.clone();
    let backend = Backend::start(move |_| {
        on_request.set();
        async { ok() }
    })
    .await;
    let url: &str = &backend.url;
    let options = Options::parse_from([
        "burgee-loadtest",
        "--url",
        url,
        "--duration",
        "10m",
        "--warmup",
        "0s",
    ]);
    let target = Target::resolve(&options.url, false)
        .await
        .expect("loopback");
    let run = burgee_loadtest::run(&options, &target, &stop);
    let report = tokio::time::timeout(Duration::from_secs(20), run)
        .await
        .expect("it ends when stopped");
    assert!(
        report.answered >= 1 && report.requests == report.answered,
        "{report}"
    );
}
