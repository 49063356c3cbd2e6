//! What makes a flag impossible to tell, found before it matters: for `check`, and for every state.

use std::collections::HashMap;

use burgee_eval::{Flag, Snapshot, join_pointer};
use http::HeaderName;
use sfv::Key;

use super::{DEFAULT_PREFIX, DICTIONARY, FALLBACK, REVISION, RouteFlags};
use crate::config::{Form, MAX_FLAG_HEADERS, Route, is_reserved, normal};

/// One finding about names on the wire.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct WireProblem {
    /// The flag at fault.
    pub flag: String,
    /// The route where it shows; `None`: the flag is at fault wherever it is used.
    pub route: Option<String>,
    /// JSON Pointer to what is at fault: from that route, or from the flag's document.
    #[serde(skip)]
    pub pointer: String,
    /// What is wrong, as a sentence.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl WireProblem {
    /// A flag whose header is at fault: its own, where it names one.
    fn new(flag: &Flag, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            flag: flag.key.to_string(),
            route: None,
            pointer: match flag.header {
                Some(_) => join_pointer("/delivery", &flag.key) + "/header",
                None => join_pointer("/flags", &flag.key),
            },
            message: message.into(),
            help: help.into(),
        }
    }

    fn on(
        route: &Route,
        pointer: String,
        flag: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            flag: flag.to_owned(),
            route: Some(route.name.clone()),
            pointer,
            message: message.into(),
            help: help.into(),
        }
    }

    pub(super) fn unknown_flag(route: &Route, flag: &str) -> Self {
        Self::on(
            route,
            flag_pointer(route, flag),
            flag,
            format!(
                "route `{}` names flag `{flag}`, which no flag set defines",
                route.name
            ),
            "define the flag, or take it off the route",
        )
    }

    pub(super) fn unknown_variant(route: &Route, flag: &str, variant: &str) -> Self {
        Self::on(
            route,
            format!("/canary/upstreams/{variant}"),
            flag,
            format!(
                "route `{}` sends variant `{variant}` of flag `{flag}` to an upstream, but the flag has no such variant",
                route.name
            ),
            "name one of the flag's variants",
        )
    }

    pub(super) fn too_long(route: &Route, flag: &str) -> Self {
        Self::on(
            route,
            flag_pointer(route, flag),
            flag,
            format!(
                "a variant of `{flag}` takes more than {} bytes on the wire of route `{}`; the flag is left out",
                super::MAX_VALUE_BYTES,
                route.name
            ),
            "use `present: { content: variant }`, and let the backend know what the variants mean",
        )
    }

    pub(super) fn too_many_headers(route: &Route, flag: &str) -> Self {
        Self::on(
            route,
            "/flags".to_owned(),
            flag,
            format!(
                "route `{}` has more than {MAX_FLAG_HEADERS} flags with a header each; `{flag}` is left out",
                route.name
            ),
            "use `present: { form: dictionary }` on this route",
        )
    }
}

/// Where a route names a flag.
fn flag_pointer(route: &Route, flag: &str) -> String {
    let listed = route.flags.iter().position(|key| key == flag);
    listed.map_or_else(
        || "/canary/flag".to_owned(),
        |place| format!("/flags/{place}"),
    )
}

/// Every finding about the flags of `snapshot` and about what `routes` ask for. `reserved` is
/// `Config::reserved`.
pub fn problems(routes: &[Route], snapshot: &Snapshot, reserved: &[String]) -> Vec<WireProblem> {
    let mut names = Names::default();
    let mut found: Vec<WireProblem> = snapshot
        .flags()
        .filter_map(|(_, flag)| names.claim(flag, Form::Headers, reserved).err())
        .collect();
    for route in routes {
        for problem in RouteFlags::compile(route, snapshot, reserved).problems {
            if !found.contains(&problem) {
                found.push(problem);
            }
        }
    }
    found
}

/// How one flag is called on the wire.
pub(super) enum Name {
    Header(HeaderName),
    Member(Key),
}

/// Names that are taken, by their normal spelling.
#[derive(Default)]
pub(super) struct Names {
    taken: HashMap<Vec<u8>, String>,
}

impl Names {
    /// The flag's name in this form; an error where it has none, or where another flag has it.
    pub(super) fn claim(
        &mut self,
        flag: &Flag,
        form: Form,
        reserved: &[String],
    ) -> Result<Name, WireProblem> {
        let name = match form {
            Form::Headers => Name::Header(header(flag, reserved)?),
            Form::Dictionary => Name::Member(member(flag, reserved)?),
        };
        let normalised = match &name {
            Name::Header(name) => name.as_str().bytes().map(normal).collect(),
            Name::Member(key) => key.as_str().as_bytes().to_vec(),
        };
        if let Some(other) = self.taken.insert(normalised.clone(), flag.key.to_string()) {
            let message = format!("flags `{other}` and `{}` have the same header", flag.key);
            self.taken.insert(normalised, other);
            return Err(WireProblem::new(
                flag,
                message,
                "give one of them another `delivery.<flag>.header`",
            ));
        }
        Ok(name)
    }
}

/// The flag's own header: `delivery.<flag>.header`, or the default prefix and its key.
fn header(flag: &Flag, reserved: &[String]) -> Result<HeaderName, WireProblem> {
    let Some(authored) = &flag.header else {
        return HeaderName::from_bytes(format!("{DEFAULT_PREFIX}{}", flag.key).as_bytes())
            .map_err(|_| {
                WireProblem::new(
                    flag,
                    format!("the key `{}` cannot be part of a header name", flag.key),
                    format!(
                        "name its header: `delivery: {{ {}: {{ header: {DEFAULT_PREFIX}… }} }}`",
                        flag.key
                    ),
                )
            })
            .and_then(|name| usable(flag, name, reserved));
    };
    let name = HeaderName::from_bytes(authored.as_bytes()).map_err(|_| {
        WireProblem::new(
            flag,
            format!(
                "`delivery.{}.header` is `{authored}`, which is not a header name",
                flag.key
            ),
            "use letters, digits and `-`",
        )
    })?;
    usable(flag, name, reserved)
}

fn usable(flag: &Flag, name: HeaderName, reserved: &[String]) -> Result<HeaderName, WireProblem> {
    if [DICTIONARY, REVISION, FALLBACK]
        .iter()
        .any(|own| own.as_str().bytes().eq(name.as_str().bytes().map(normal)))
    {
        return Err(WireProblem::new(
            flag,
            format!(
                "the header of flag `{}` is `{name}`, which Burgee itself writes",
                flag.key
            ),
            "give it another `delivery.<flag>.header`",
        ));
    }
    if !is_reserved(name.as_str(), reserved) {
        return Err(WireProblem::new(
            flag,
            format!(
                "the header of flag `{}` is `{name}`, which is outside the reserved prefixes: a client could forge it",
                flag.key
            ),
            format!(
                "use a name under one of {}, or reserve a prefix of your own",
                reserved.join(", ")
            ),
        ));
    }
    Ok(name)
}

/// The flag's key in the dictionary: its own, or, where the RFC does not allow that, the name of
/// its `delivery.header` in lower case.
fn member(flag: &Flag, reserved: &[String]) -> Result<Key, WireProblem> {
    let own = Key::from_string(flag.key.to_string()).map_err(|(_, key)| key);
    own.or_else(|key| {
        let named = flag.header.as_ref().map(|_| header(flag, reserved)).transpose()?;
        named.and_then(|name| Key::from_string(name.as_str().to_owned()).ok()).ok_or_else(|| {
            WireProblem::new(
                flag,
                format!("the key `{key}` is not one that a dictionary header can carry (lower-case letters, digits, `_`, `-`, `.`, `*`)"),
                format!("name its header, which is then its key in the dictionary: `delivery: {{ {key}: {{ header: {DEFAULT_PREFIX}… }} }}`"),
            )
        })
    })
}
