//! How a proxy starts, and when it refuses to.

use std::net::TcpListener;
use std::time::Duration;

use burgee_tests::{Backend, Home, constant, flag_set};
use serde_json::json;

async fn home(keys: serde_json::Value) -> (Backend, Home) {
    let backend = Backend::start("stable").await;
    let home = Home::serving(&backend, &["a"], &keys);
    home.write("flags/set.json", &flag_set(&json!({ "a": constant("on") })));
    (backend, home)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_ends_the_process_with_code_1() {
    let (_backend, home) = home(json!({})).await;
    let _taken = TcpListener::bind(home.address()).expect("a port of our own");
    let mut proxy = home.launch();
    let status = proxy.exit(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(1));
    let said = proxy.process().stderr();
    assert!(said.contains(&home.address().to_string()), "{said}");
    assert!(said.to_lowercase().contains("in use"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_port_that_is_taken_ends_the_process_with_code_1() {
    let (_backend, first) = home(json!({})).await;
    let running = first.start().await;
    let admin = running.admin_address();
    let (_backend, second) = home(json!({ "admin": { "address": admin } })).await;
    let mut proxy = second.launch();
    assert_eq!(proxy.exit(Duration::from_secs(10)).await.code(), Some(1));
    assert!(
        proxy.process().stderr().contains(&admin.to_string()),
        "{}",
        proxy.process().logs()
    );
    assert!(running.ready().await, "the first is untouched");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_configuration_is_refused_with_every_error_and_its_place() {
    let (_backend, home) = home(json!({})).await;
    let text = "\
region: eu
cluster: EU 1
listeners:
  - address: 127.0.0.1
admin: { address: 127.0.0.1:9901 }
source: { files: { flag: flags/ } }
upstreams:
  stable: { endpoints: [nowhere] }
routes:
  - { path: shop, upstream: stabel }
tiemout: 5s
";
    home.write("burgee.yaml", text);
    let mut proxy = home.launch();
    assert_eq!(proxy.exit(Duration::from_secs(10)).await.code(), Some(1));
    let said = proxy.process().stderr();
    for (line, part) in [
        (2, "cluster"),
        (4, "address"),
        (6, "flags"),
        (8, "nowhere"),
        (10, "stable"),
        (10, "path"),
        (11, "tiemout"),
    ] {
        let place = format!("burgee.yaml:{line}:");
        // A finding is drawn in lines, with a blank one after it.
        assert!(
            said.split("\n\n")
                .any(|finding| finding.contains(&place) && finding.contains(part)),
            "{place} {part}\n{said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_is_not_there_is_an_error() {
    let (_backend, home) = home(json!({})).await;
    home.remove("burgee.yaml");
    let mut proxy = home.launch();
    assert_eq!(proxy.exit(Duration::from_secs(10)).await.code(), Some(1));
    assert!(proxy.process().stderr().contains("burgee.yaml"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_is_wrong_from_the_start_is_not_served_and_the_others_are() {
    let (_backend, home) = home(json!({})).await;
    home.write("flags/wrong.json", "{ \"flags\": ");
    let proxy = home.start().await;
    assert_eq!(proxy.variant("u", "x-flag-a").await.as_deref(), Some("on"));
    proxy
        .metric("burgee_flagset_rejected_total", &[], |count| count > 0.5)
        .await;
    proxy
        .logs(
            burgee_tests::PATIENCE,
            "there is no good version of it to serve",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_listeners_serve_alike() {
    let second = burgee_tests::Port::free();
    let first = burgee_tests::Port::free();
    let listeners = json!([{ "address": first.address() }, { "address": second.address() }]);
    let (_backend, home) = home(json!({ "listeners": listeners })).await;
    let proxy = home.start().await;
    for port in [&first, &second] {
        let call = burgee_tests::Call::get(port.address(), "/").header("x-user-id", "u");
        assert_eq!(call.echo().await.header("x-flag-a"), Some("on"));
    }
    proxy.stop().await;
}
