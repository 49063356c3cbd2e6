//! What kind of device a request comes from, by its user agent and client hints.
//!
//! | class | where |
//! |---|---|
//! | `bot` | uap-core knows the user agent as a crawler, or it says `bot`, `crawler` or `spider` |
//! | `tablet` | it says `iPad`, `Tablet`, `Kindle` or `Silk`; or Android without `Mobile`, as Android tablets do |
//! | `mobile` | it says `Mobi`, or its system is Android, iOS or another that only phones run |
//! | `desktop` | its system is a desktop's |
//! | (absent) | anything else, such as `curl` |
//!
//! `Sec-CH-UA-Mobile: ?1` makes `mobile` of anything but a bot, `?0` makes `tablet` of a `mobile`;
//! `Sec-CH-UA-Platform` wins over the user agent's system, which browsers have frozen.
//! `device.os` and `device.browser` are uap-core's families: `Windows`, `Mac OS X`, `iOS`, `Chrome`, `Mobile Safari`.

use std::sync::Arc;

use burgee_eval::text;
use http::HeaderName;
use moka::sync::Cache;
use ua_parser::{device, os, user_agent};

pub(super) const MOBILE_HINT: HeaderName = HeaderName::from_static("sec-ch-ua-mobile");
pub(super) const PLATFORM_HINT: HeaderName = HeaderName::from_static("sec-ch-ua-platform");

/// User agents that are remembered. Real traffic has some thousands of them.
const CACHE_ENTRIES: u64 = 10_000;
/// A user agent longer than this is not looked at: no browser's is, and matching takes time with length.
const MAX_USER_AGENT: usize = 512;

/// <https://github.com/ua-parser/uap-core>, see `data/README.md`.
const REGEXES: &str = include_str!("../../data/uap-core-regexes.yaml");

/// Knows devices by their user agents. Building it took 0.6 s in a debug build and 18 MB, so build
/// one, and only where a configuration needs it.
pub(super) struct Devices {
    browsers: user_agent::Extractor<'static>,
    systems: os::Extractor<'static>,
    /// Only uap-core's crawlers: its thousand expressions for makes and models are not read.
    crawlers: device::Extractor<'static>,
    cache: Cache<Box<str>, Arc<Device>>,
}

impl std::fmt::Debug for Devices {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Devices").finish_non_exhaustive()
    }
}

/// A device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) class: Option<Class>,
    pub(super) os: Option<Box<str>>,
    pub(super) browser: Option<Box<str>>,
}

/// Its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Desktop,
    Mobile,
    Tablet,
    Bot,
}

impl Class {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Mobile => "mobile",
            Self::Tablet => "tablet",
            Self::Bot => "bot",
        }
    }
}

/// What a browser says of itself in headers of its own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hints<'r> {
    pub(super) mobile: Option<&'r str>,
    pub(super) platform: Option<&'r str>,
}

impl Devices {
    /// Compiles uap-core's expressions.
    pub(super) fn build() -> anyhow::Result<Self> {
        let parsed =
            text::parse(REGEXES, text::Format::Yaml).map_err(|mut errors| errors.swap_remove(0))?;
        let ua_parser::Regexes {
            user_agent_parsers,
            os_parsers,
            device_parsers,
        } = serde_json::from_value(parsed.value)?;
        let crawlers = device_parsers
            .into_iter()
            .filter(|parser| parser.device_replacement.as_deref() == Some("Spider"));
        Ok(Self {
            browsers: user_agent::Builder::new()
                .push_all(user_agent_parsers)?
                .build()?,
            systems: os::Builder::new().push_all(os_parsers)?.build()?,
            crawlers: device::Builder::new().push_all(crawlers)?.build()?,
            cache: Cache::new(CACHE_ENTRIES),
        })
    }

    /// The device of a request.
    pub(super) fn find(&self, user_agent: Option<&str>, hints: Hints<'_>) -> Arc<Device> {
        let known = match user_agent.filter(|agent| agent.len() <= MAX_USER_AGENT) {
            None => Arc::default(),
            Some(agent) => self.cache.get(agent).unwrap_or_else(|| {
                let device = Arc::new(self.parse(agent));
                self.cache.insert(agent.into(), Arc::clone(&device));
                device
            }),
        };
        if hints.mobile.is_none() && hints.platform.is_none() {
            known
        } else {
            Arc::new(known.with(hints))
        }
    }

    fn parse(&self, agent: &str) -> Device {
        let os = self
            .systems
            .extract(agent)
            .map(|found| found.os)
            .filter(|os| os != "Other");
        let browser = self
            .browsers
            .extract(agent)
            .map(|found| found.family)
            .filter(|family| family != "Other");
        let class = if self.crawlers.extract(agent).is_some() {
            Some(Class::Bot)
        } else {
            class(agent, os.as_deref())
        };
        Device {
            class,
            os: os.map(Into::into),
            browser: browser.map(Into::into),
        }
    }
}

impl Device {
    fn with(&self, hints: Hints<'_>) -> Self {
        let platform = hints.platform.and_then(platform);
        let os = platform.map_or_else(|| self.os.clone(), |platform| Some(platform.into()));
        let class = match (self.class, hints.mobile) {
            (Some(Class::Bot), _) => Some(Class::Bot),
            (_, Some("?1")) => Some(Class::Mobile),
            (Some(Class::Mobile), Some("?0")) => Some(Class::Tablet),
            (None, _) => platform.and_then(system_class),
            (class, _) => class,
        };
        Self {
            class,
            os,
            browser: self.browser.clone(),
        }
    }
}

fn class(agent: &str, os: Option<&str>) -> Option<Class> {
    let says = |words: &[&str]| words.iter().any(|word| contains(agent, word));
    if says(&["bot", "crawler", "spider"]) {
        return Some(Class::Bot);
    }
    if says(&["ipad", "tablet", "kindle", "silk/"]) {
        return Some(Class::Tablet);
    }
    if says(&["mobi"]) {
        return Some(Class::Mobile);
    }
    match os {
        Some("Android") => Some(Class::Tablet),
        os => os.and_then(system_class),
    }
}

/// The class of what a system usually runs on, by uap-core's family.
fn system_class(os: &str) -> Option<Class> {
    match os {
        "Android" | "iOS" | "Windows Phone" | "BlackBerry OS" | "KaiOS" | "Firefox OS"
        | "Symbian OS" => Some(Class::Mobile),
        "Windows" | "Mac OS X" | "Linux" | "Chrome OS" | "Ubuntu" | "Fedora" | "Debian"
        | "FreeBSD" | "OpenBSD" | "NetBSD" | "Red Hat" | "SUSE" | "Gentoo" | "Arch Linux"
        | "Solaris" => Some(Class::Desktop),
        _ => None,
    }
}

/// A platform hint, `"macOS"`, as uap-core's family.
fn platform(hint: &str) -> Option<&'static str> {
    Some(match hint.trim_matches('"') {
        "Android" => "Android",
        "Chrome OS" | "Chromium OS" => "Chrome OS",
        "iOS" => "iOS",
        "Linux" => "Linux",
        "macOS" => "Mac OS X",
        "Windows" => "Windows",
        _ => return None,
    })
}

/// `word` in lower case.
fn contains(text: &str, word: &str) -> bool {
    text.as_bytes()
        .windows(word.len())
        .any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

impl Device {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        match name {
            "class" => self.class.map(Class::name),
            "os" => self.os.as_deref(),
            "browser" => self.browser.as_deref(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
