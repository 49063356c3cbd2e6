//! Which route a request is for: the most specific host, then the longest path prefix.

use std::collections::HashMap;

use crate::config::Route;

/// The routes of a configuration, arranged for finding.
#[derive(Debug)]
pub(super) struct Routes {
    by_host: HashMap<Box<str>, Vec<Prefix>>,
    any_host: Vec<Prefix>,
}

/// A path prefix without the slash at its end, and the route's place in the configuration.
#[derive(Debug)]
struct Prefix {
    path: Box<str>,
    route: usize,
}

impl Routes {
    pub(super) fn new(routes: &[Route]) -> Self {
        let mut arranged = Self {
            by_host: HashMap::new(),
            any_host: Vec::new(),
        };
        for (number, route) in routes.iter().enumerate() {
            let prefix = Prefix {
                path: route.path.trim_end_matches('/').into(),
                route: number,
            };
            match &route.host {
                Some(host) => arranged
                    .by_host
                    .entry(host.as_str().into())
                    .or_default()
                    .push(prefix),
                None => arranged.any_host.push(prefix),
            }
        }
        for prefixes in arranged
            .by_host
            .values_mut()
            .chain([&mut arranged.any_host])
        {
            // Stable: of two equal routes, the one that stands first in the file has it.
            prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.path.len()));
        }
        arranged
    }

    /// `host` in lower case and without port. Routes of this host come before routes of every host,
    /// whatever their paths.
    pub(super) fn find(&self, host: &str, path: &str) -> Option<usize> {
        let own = self.by_host.get(host).into_iter().flatten();
        own.chain(&self.any_host)
            .find(|prefix| covers(&prefix.path, path))
            .map(|prefix| prefix.route)
    }
}

/// Whether `path` is `prefix` or lies below it; whole segments only.
fn covers(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Content, Form, Present};

    fn routes(list: &[(Option<&str>, &str)]) -> Routes {
        let routes: Vec<Route> = list
            .iter()
            .map(|(host, path)| Route {
                name: String::new(),
                host: host.map(str::to_owned),
                path: (*path).to_owned(),
                upstream: String::new(),
                canary: None,
                flags: Vec::new(),
                present: Present {
                    form: Form::Headers,
                    content: Content::Variant,
                },
            })
            .collect();
        Routes::new(&routes)
    }

    #[test]
    fn the_longest_prefix_of_whole_segments_wins() {
        let routes = routes(&[(None, "/"), (None, "/api"), (None, "/api/v2/")]);
        for (path, expected) in [
            ("/", 0),
            ("/apis", 0),
            ("/api", 1),
            ("/api/", 1),
            ("/api/v1", 1),
            ("/api/v2", 2),
            ("/api/v2/x", 2),
            ("/api/v20", 1),
        ] {
            assert_eq!(routes.find("any.example", path), Some(expected), "{path}");
        }
    }

    #[test]
    fn a_route_of_the_host_comes_first() {
        let routes = routes(&[(None, "/api"), (Some("shop.example"), "/")]);
        assert_eq!(routes.find("shop.example", "/api"), Some(1));
        assert_eq!(routes.find("other.example", "/api"), Some(0));
        assert_eq!(routes.find("other.example", "/"), None);
    }

    #[test]
    fn a_host_without_a_matching_path_falls_back_to_routes_of_every_host() {
        let routes = routes(&[(None, "/"), (Some("shop.example"), "/cart")]);
        assert_eq!(routes.find("shop.example", "/other"), Some(0));
    }
}
