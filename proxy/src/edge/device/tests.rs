use std::sync::LazyLock;

use super::*;

static DEVICES: LazyLock<Devices> =
    LazyLock::new(|| Devices::build().expect("the vendored expressions compile"));

/// Class, system and browser.
type Facts<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>);

const WINDOWS: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
const GALAXY_TAB: &str = "Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
const PIXEL: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36";
const GOOGLEBOT: &str = "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

fn facts(device: &Device) -> Facts<'_> {
    (
        device.class.map(Class::name),
        device.os.as_deref(),
        device.browser.as_deref(),
    )
}

#[test]
fn devices_by_user_agent() {
    let cases: [(&str, Facts<'_>); 12] = [
        (WINDOWS, (Some("desktop"), Some("Windows"), Some("Chrome"))),
        (IPHONE, (Some("mobile"), Some("iOS"), Some("Mobile Safari"))),
        (
            PIXEL,
            (Some("mobile"), Some("Android"), Some("Chrome Mobile")),
        ),
        (
            GALAXY_TAB,
            (Some("tablet"), Some("Android"), Some("Chrome")),
        ),
        (
            "Mozilla/5.0 (iPad; CPU OS 16_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.5 Mobile/15E148 Safari/604.1",
            (Some("tablet"), Some("iOS"), Some("Mobile Safari")),
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
            (Some("desktop"), Some("Mac OS X"), Some("Safari")),
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
            (Some("desktop"), Some("Linux"), Some("Firefox")),
        ),
        (
            "Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0",
            (Some("mobile"), Some("Android"), Some("Firefox Mobile")),
        ),
        (GOOGLEBOT, (Some("bot"), Some("Android"), Some("Googlebot"))),
        (
            "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
            (Some("bot"), None, Some("bingbot")),
        ),
        ("curl/8.7.1", (None, None, Some("curl"))),
        ("", (None, None, None)),
    ];
    for (agent, expected) in cases {
        assert_eq!(
            facts(&DEVICES.find(Some(agent), Hints::default())),
            expected,
            "{agent}"
        );
    }
    assert_eq!(
        facts(&DEVICES.find(None, Hints::default())),
        (None, None, None)
    );
}

#[test]
fn hints_win_over_the_user_agent_but_never_unmask_a_bot() {
    let class = |agent, mobile, platform| {
        let device = DEVICES.find(Some(agent), Hints { mobile, platform });
        (device.class.map(Class::name), device.os.clone())
    };
    assert_eq!(
        class(WINDOWS, Some("?0"), Some("\"macOS\"")),
        (Some("desktop"), Some("Mac OS X".into()))
    );
    assert_eq!(
        class(WINDOWS, Some("?1"), Some("\"Android\"")),
        (Some("mobile"), Some("Android".into()))
    );
    assert_eq!(class(PIXEL, Some("?0"), None).0, Some("tablet"));
    assert_eq!(
        class(GALAXY_TAB, Some("?0"), Some("\"Android\"")).0,
        Some("tablet")
    );
    assert_eq!(
        class("unheard of", None, Some("\"Windows\"")),
        (Some("desktop"), Some("Windows".into()))
    );
    assert_eq!(
        class(WINDOWS, Some("nonsense"), Some("nonsense")),
        (Some("desktop"), Some("Windows".into()))
    );
    assert_eq!(class(GOOGLEBOT, Some("?0"), None).0, Some("bot"));
}

#[test]
fn a_user_agent_that_no_browser_sends_is_not_looked_at() {
    let long = format!("{WINDOWS}{}", "x".repeat(MAX_USER_AGENT));
    assert_eq!(
        facts(&DEVICES.find(Some(&long), Hints::default())),
        (None, None, None)
    );
}
