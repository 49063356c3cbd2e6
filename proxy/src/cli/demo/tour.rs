//! What the demo tells a newcomer to try. Every command here is run by the end-to-end tests.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

/// Where everything is.
pub(super) struct Places<'a> {
    /// The proxy.
    pub(super) proxy: SocketAddr,
    /// Its admin listener.
    pub(super) admin: SocketAddr,
    /// The folder of the flag sets.
    pub(super) flags: &'a Path,
    /// How to call this binary again.
    pub(super) burgee: &'a Path,
    /// The broker's URL, with `--nats`.
    pub(super) nats: Option<&'a str>,
    /// The access log.
    pub(super) access_log: &'a Path,
}

const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 \
(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";

/// Something to try.
struct Step {
    title: &'static str,
    expect: &'static str,
    command: String,
}

/// The whole tour, as printed.
pub(super) fn text(places: &Places<'_>) -> String {
    let Places { proxy, admin, .. } = places;
    let flags = match places.nats {
        None => format!("{}, watched", places.flags.join("*.yaml").display()),
        Some(nats) => format!("the log BURGEE_FLAGS at {nats}"),
    };
    let access_log = places.access_log.display();
    let mut tour = format!(
        "\nBurgee is in front of two example backends, which echo the request they received.\n\n\
         \x20 proxy       http://{proxy}\n\
         \x20 admin       http://{admin}  (/metrics /snapshot /readyz /explain)\n\
         \x20 flag sets   {flags}\n\
         \x20 access log  {access_log}\n"
    );
    let last = match places.nats {
        None => editing(places),
        Some(nats) => overriding(places, nats),
    };
    for step in requests(*proxy).into_iter().chain(last) {
        let Step {
            title,
            expect,
            command,
        } = step;
        // Writing into a string cannot fail.
        let _ = write!(tour, "\n# {title}\n#   {expect}\n{command}\n");
    }
    tour.push_str("\nCtrl-C stops all of it.\n");
    tour
}

fn requests(proxy: SocketAddr) -> Vec<Step> {
    let curl = |rest: &str| format!("curl -s http://{proxy}{rest}");
    let germany = "-H 'x-user-id: alice' -H 'cf-ipcountry: DE'";
    vec![
        Step {
            title: "The decisions, as headers that the backend received",
            expect: "x-flag-new-checkout, x-flag-banner, x-flag-mobile-layout, x-flag-shipping, x-flags-revision",
            command: curl(&format!("/ {germany}")),
        },
        Step {
            title: "The same user gets the same variant, every time and in every cluster",
            expect: "three equal lines",
            command: format!(
                "for i in 1 2 3; do {} | grep x-flag-new-checkout; done",
                curl(&format!("/ {germany}"))
            ),
        },
        Step {
            title: "A rule by country: outside DE, FR and NL nobody has it",
            expect: "x-flag-new-checkout: off",
            command: curl(
                "/ -H 'x-user-id: alice' -H 'cf-ipcountry: US' | grep x-flag-new-checkout",
            ),
        },
        Step {
            title: "A rule by device",
            expect: "x-flag-mobile-layout: compact",
            command: curl(&format!("/ -A '{IPHONE}' | grep x-flag-mobile-layout")),
        },
        Step {
            title: "The canary: this user's requests go to the other backend",
            expect: "backend: canary",
            command: curl("/ -H 'x-user-id: tester-1' | grep backend:"),
        },
        Step {
            title: "A forged decision does not get through",
            expect: "x-flag-new-checkout: off, and no trace of the forged header",
            command: curl(
                "/ -H 'X_Flag_New-Checkout: on' -H 'cf-ipcountry: US' | grep -i flag.new",
            ),
        },
        Step {
            title: "The same decisions as one structured header (RFC 9651)",
            expect: "flags: new-checkout=…, banner=…, …",
            command: curl(&format!("/api {germany} | grep ^flags:")),
        },
    ]
}

fn editing(places: &Places<'_>) -> Vec<Step> {
    let file = places.flags.join("storefront.yaml");
    let edit = |from: &str, to: &str| {
        format!(
            "sed -i 's/defaultVariant: {from}/defaultVariant: {to}/' {}; sleep 1; \
             curl -s http://{}/ | grep x-flag-banner",
            file.display(),
            places.proxy
        )
    };
    vec![
        Step {
            title: "Edit a flag set: the next request sees it",
            expect: "x-flag-banner: winter",
            command: edit("plain", "winter"),
        },
        Step {
            title: "And back",
            expect: "x-flag-banner: plain",
            command: edit("winter", "plain"),
        },
    ]
}

fn overriding(places: &Places<'_>, nats: &str) -> Vec<Step> {
    let burgee = places.burgee.display();
    let proxy = places.proxy;
    vec![
        Step {
            title: "Where the registry is, for the commands below",
            expect: "nothing is printed",
            command: format!(
                "export BURGEE_NATS_URL={nats} BURGEE_ENVIRONMENT=quickstart BURGEE_REGION=eu"
            ),
        },
        Step {
            title: "A hot override: in force on the next request, for half an hour",
            expect: "x-flag-new-checkout: off",
            command: format!(
                "{burgee} override set new-checkout off --for 30m --reason 'errors on checkout'; \
                 curl -s http://{proxy}/ -H 'x-user-id: alice' -H 'cf-ipcountry: DE' | grep x-flag-new-checkout"
            ),
        },
        Step {
            title: "What is overridden, and the end of it",
            expect: "the override, then its removal",
            command: format!("{burgee} override list; {burgee} override clear new-checkout"),
        },
        Step {
            title: "What the registry holds",
            expect: "two flag sets",
            command: format!("{burgee} flags list"),
        },
    ]
}
