//! A request becomes a context: borrowed, and only what the rules of its route read.
//!
//! Which sources a route needs is worked out once per published state ([`Sources::bind`]). Where a
//! rule reads the context as a whole, or a part of it that is an object, everything that the
//! configuration provides is put into a tree instead.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use burgee_eval::{AttributeId, Attributes, Context, Value};
use http::header::{COOKIE, USER_AGENT};
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value as Json};

use super::device::{Device, Devices, Hints, MOBILE_HINT, PLATFORM_HINT};
use super::geo::{Database, GeoFile, Scalar, look_up};
use super::identity::{self, Identity};
use super::request::Request;
use crate::config::{self, AttributeSource, Config, HeaderSource, KeySource};
use crate::wire::{Bindings, RouteFlags};

/// The attribute that identifies whose request it is.
const TARGETING_KEY: &str = "targetingKey";

/// Everything that the configuration provides, by number.
#[derive(Debug)]
pub(super) struct Sources {
    attributes: Vec<(Box<str>, Source)>,
    targeting_key: Vec<KeySource>,
    geo: Option<Arc<GeoFile>>,
    devices: Option<Devices>,
    region: Box<str>,
    cluster: Box<str>,
}

/// Where one attribute comes from.
#[derive(Debug)]
enum Source {
    Declared(AttributeSource),
    /// A trusted header wins over the database.
    Geo {
        header: Option<HeaderSource>,
        path: Option<Vec<String>>,
    },
    /// `class`, `os` or `browser`.
    Device(&'static str),
    Host,
    Method,
    Path,
    ClientAddress,
    Region,
    Cluster,
}

/// What a context borrows from besides the request; made once per request.
#[derive(Default)]
struct Ground {
    device: Option<Arc<Device>>,
    database: Option<Arc<Database>>,
}

/// The value of one attribute, before it stands in a context.
#[derive(Debug)]
enum Found<'r> {
    Text(Cow<'r, str>),
    Number(f64),
    Bool(bool),
}

/// Names of every attribute that a context can have with this configuration.
pub(crate) fn provided(config: &Config) -> Vec<String> {
    let attributes = attributes(&config.context);
    let mut names: Vec<String> = attributes
        .into_iter()
        .map(|(name, _)| name.into())
        .collect();
    if !config.context.targeting_key.is_empty() {
        names.push(TARGETING_KEY.to_owned());
    }
    names.sort();
    names
}

impl Sources {
    /// Compiles the device expressions where the configuration asks for devices, which takes a while.
    pub(super) fn new(config: &Config, geo: Option<Arc<GeoFile>>) -> anyhow::Result<Self> {
        let context = &config.context;
        Ok(Self {
            attributes: attributes(context),
            targeting_key: context.targeting_key.clone(),
            geo,
            devices: context.device.then(Devices::build).transpose()?,
            region: config.region.as_str().into(),
            cluster: config.cluster.as_str().into(),
        })
    }

    /// Which sources the rules of a route need. `key_counts` says that the targeting key decides
    /// something even where no rule reads it: an override for named keys is in force.
    pub(super) fn bind(
        &self,
        route: &RouteFlags,
        attributes: &Attributes,
        key_counts: bool,
    ) -> Bindings {
        let mut bound: Vec<(AttributeId, usize)> = Vec::new();
        let mut targeting_key = route.reads_tree;
        let mut tree = route.reads_tree;
        for id in &route.reads {
            let name = attributes.name(*id);
            targeting_key |= name == TARGETING_KEY;
            if let Some(source) = self
                .attributes
                .iter()
                .position(|(provided, _)| **provided == *name)
            {
                bound.push((*id, source));
            } else {
                tree |= self
                    .attributes
                    .iter()
                    .any(|(provided, _)| is_inside(provided, name));
            }
        }
        let needed: Vec<usize> = if tree {
            (0..self.attributes.len()).collect()
        } else {
            bound.iter().map(|(_, source)| *source).collect()
        };
        let vary = self.vary(&needed, targeting_key || key_counts);
        Bindings {
            attributes: bound.into(),
            targeting_key,
            tree,
            vary,
        }
    }

    /// Builds the context of a request, gives it to `decide`, and says whose request it was.
    pub(super) fn with_context<R>(
        &self,
        bindings: &Bindings,
        attributes: &Attributes,
        request: &Request<'_>,
        decide: impl FnOnce(&Context<'_>) -> R,
    ) -> (R, identity::Origin, Option<HeaderValue>) {
        let Identity {
            key,
            origin,
            set_cookie,
        } = identity::find(&self.targeting_key, request, bindings.targeting_key);
        let decided = if bindings.tree {
            let ground = self.ground(0..self.attributes.len(), request);
            let tree = self.tree(request, &ground, key.as_deref());
            let mut context = Context::from_json(attributes, &tree);
            if let Some(key) = &key {
                context.set_targeting_key(key);
            }
            decide(&context)
        } else {
            let ground = self.ground(
                bindings.attributes.iter().map(|(_, source)| *source),
                request,
            );
            let found: Vec<(AttributeId, Found<'_>)> = bindings
                .attributes
                .iter()
                .filter_map(|(id, source)| Some((*id, self.find(*source, request, &ground)?)))
                .collect();
            let mut context = Context::new(attributes);
            for (id, found) in &found {
                context.set(*id, found.value());
            }
            if let Some(key) = &key {
                context.set_targeting_key(key);
            }
            decide(&context)
        };
        (decided, origin, set_cookie)
    }

    fn ground(&self, sources: impl Iterator<Item = usize>, request: &Request<'_>) -> Ground {
        let mut ground = Ground::default();
        for source in sources {
            match &self.attributes[source].1 {
                Source::Device(_) if ground.device.is_none() => {
                    let hints = Hints {
                        mobile: request.header(&MOBILE_HINT),
                        platform: request.header(&PLATFORM_HINT),
                    };
                    ground.device = self
                        .devices
                        .as_ref()
                        .map(|devices| devices.find(request.header(&USER_AGENT), hints));
                }
                Source::Geo { path: Some(_), .. } if ground.database.is_none() => {
                    ground.database = self.geo.as_ref().map(|file| file.load());
                }
                _ => {}
            }
        }
        ground
    }

    fn find<'r>(
        &'r self,
        source: usize,
        request: &Request<'r>,
        ground: &'r Ground,
    ) -> Option<Found<'r>> {
        let text = |text: Option<&'r str>| text.map(|text| Found::Text(Cow::Borrowed(text)));
        match &self.attributes[source].1 {
            Source::Declared(AttributeSource::Header(header)) => text(request.header_from(header)),
            Source::Declared(AttributeSource::Cookie(name)) => text(request.cookie(name)),
            Source::Declared(AttributeSource::Query(name)) => request.query(name).map(Found::Text),
            Source::Geo { header, path } => {
                let said = header
                    .as_ref()
                    .and_then(|header| request.header_from(header));
                text(said.filter(|said| !said.is_empty())).or_else(|| {
                    let scalar = look_up(
                        ground.database.as_deref()?,
                        request.client.address?,
                        path.as_ref()?,
                    )?;
                    Some(match scalar {
                        Scalar::Text(text) => Found::Text(Cow::Borrowed(text)),
                        Scalar::Number(number) => Found::Number(number),
                        Scalar::Bool(bool) => Found::Bool(bool),
                    })
                })
            }
            Source::Device(name) => {
                // Some names are parts of the user agent as it was sent.
                text(request.bounded(ground.device.as_deref()?.attribute(name)?))
            }
            Source::Host => {
                let host = request.host().and_then(|host| request.bounded(host));
                host.map(|host| Found::Text(lower_case(host)))
            }
            Source::Method => text(request.bounded(request.method.as_str())),
            Source::Path => text(request.bounded(request.uri.path())),
            Source::ClientAddress => request
                .client
                .address
                .map(|address: IpAddr| Found::Text(Cow::Owned(address.to_string()))),
            Source::Region => text(Some(&self.region)),
            Source::Cluster => text(Some(&self.cluster)),
        }
    }

    fn tree(&self, request: &Request<'_>, ground: &Ground, key: Option<&str>) -> Json {
        let mut tree = Map::new();
        for (number, (name, _)) in self.attributes.iter().enumerate() {
            if let Some(found) = self.find(number, request, ground) {
                insert(&mut tree, name, found.json());
            }
        }
        if let Some(key) = key {
            tree.insert(TARGETING_KEY.to_owned(), key.into());
        }
        Json::Object(tree)
    }

    /// Which request headers these sources read, for `Vary`. An address is not a header: a shared
    /// cache in front of this proxy that must tell countries apart has to know so itself.
    fn vary(&self, sources: &[usize], key_counts: bool) -> Option<HeaderValue> {
        let mut names: Vec<HeaderName> = Vec::new();
        for source in sources {
            match &self.attributes[*source].1 {
                Source::Declared(AttributeSource::Header(header))
                | Source::Geo {
                    header: Some(header),
                    ..
                } => {
                    names.push(header.name.clone());
                }
                Source::Declared(AttributeSource::Cookie(_)) => names.push(COOKIE),
                Source::Device(_) => names.extend([USER_AGENT, MOBILE_HINT, PLATFORM_HINT]),
                _ => {}
            }
        }
        if key_counts {
            names.extend(self.targeting_key.iter().map(|source| match source {
                KeySource::Header(header) => header.name.clone(),
                KeySource::Cookie(_) | KeySource::Anonymous(_) => COOKIE,
            }));
        }
        let mut listed: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
        listed.sort_unstable();
        listed.dedup();
        if listed.is_empty() {
            None
        } else {
            HeaderValue::from_str(&listed.join(", ")).ok()
        }
    }
}

/// Every attribute that the configuration provides, and its source. A declared name never replaces one of
/// the proxy's own (the configuration refuses it, too): `delivery.<flag>.regions` keeps a flag inside of its
/// regions by what the proxy says of itself, and no request may say otherwise.
fn attributes(context: &config::Context) -> Vec<(Box<str>, Source)> {
    let mut attributes: Vec<(Box<str>, Source)> = [
        ("http.host", Source::Host),
        ("http.method", Source::Method),
        ("http.path", Source::Path),
        ("client.address", Source::ClientAddress),
        ("region", Source::Region),
        ("cluster", Source::Cluster),
    ]
    .map(|(name, source)| (name.into(), source))
    .into();
    if let Some(settings) = &context.geo {
        let mut fields: Vec<&String> = settings.headers.keys().collect();
        fields.extend(settings.mmdb.iter().flat_map(|mmdb| mmdb.fields.keys()));
        fields.sort_unstable();
        fields.dedup();
        attributes.extend(fields.into_iter().map(|field| {
            let header = settings.headers.get(field).cloned();
            let path = settings
                .mmdb
                .as_ref()
                .and_then(|mmdb| mmdb.fields.get(field))
                .cloned();
            (format!("geo.{field}").into(), Source::Geo { header, path })
        }));
    }
    if context.device {
        attributes.extend(
            ["class", "os", "browser"]
                .map(|name| (format!("device.{name}").into(), Source::Device(name))),
        );
    }
    let own = |name: &str| attributes.iter().any(|(provided, _)| **provided == *name);
    let declared: Vec<(Box<str>, Source)> = context
        .attributes
        .iter()
        .filter(|(name, _)| !own(name))
        .map(|(name, source)| (name.as_str().into(), Source::Declared(source.clone())))
        .collect();
    attributes.extend(declared);
    attributes
}

impl Found<'_> {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Str(text),
            Self::Number(number) => Value::Number(*number),
            Self::Bool(bool) => Value::Bool(*bool),
        }
    }

    fn json(self) -> Json {
        match self {
            Self::Text(text) => text.into_owned().into(),
            Self::Number(number) => number.into(),
            Self::Bool(bool) => bool.into(),
        }
    }
}

/// Puts a value at a dotted path. Where a part of the path already has a value that is not an
/// object, that one stays.
fn insert(tree: &mut Map<String, Json>, path: &str, value: Json) {
    match path.split_once('.') {
        None => {
            tree.entry(path).or_insert(value);
        }
        Some((first, rest)) => {
            if let Json::Object(below) = tree.entry(first).or_insert_with(|| Map::new().into()) {
                insert(below, rest, value);
            }
        }
    }
}

/// Whether `name` is inside of `outer`: `geo.country` is inside of `geo`.
fn is_inside(name: &str, outer: &str) -> bool {
    name.strip_prefix(outer)
        .is_some_and(|rest| rest.starts_with('.'))
}

fn lower_case(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests;
