//! Where the load goes: resolved once, and loopback unless the caller insists.

use std::net::SocketAddr;
use std::time::Duration;

use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Uri};
use tokio::net::TcpStream;

/// A target that may be driven.
#[derive(Clone, Debug)]
pub struct Target {
    /// Every connection goes here.
    pub(crate) address: SocketAddr,
    /// The `Host` header.
    pub(crate) host: HeaderValue,
    /// The request target.
    pub(crate) path: PathAndQuery,
}

/// Why a target is refused before any load.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Only plain HTTP is driven.
    #[error("{0}: expected http://host:port/path")]
    Url(Uri),
    /// The name cannot be looked up.
    #[error("cannot resolve {0}")]
    Resolve(String, #[source] std::io::Error),
    /// The lookup gave no address.
    #[error("{0} has no address")]
    NoAddress(String),
    /// Load on machines of others is an attack.
    #[error("{0} is not a loopback address; --allow-remote drives it all the same, if you own it")]
    Remote(SocketAddr),
    /// Nobody listens there.
    #[error("cannot connect to {0}")]
    Connect(SocketAddr, #[source] std::io::Error),
}

impl Target {
    /// Looks the host up once; all load goes to the first address.
    pub async fn resolve(url: &Uri, allow_remote: bool) -> Result<Self, TargetError> {
        let invalid = || TargetError::Url(url.clone());
        if url.scheme() != Some(&Scheme::HTTP) {
            return Err(invalid());
        }
        let authority = url.authority().ok_or_else(invalid)?;
        // The part before an `@` is not sent, so it must not be given.
        if authority.as_str().contains('@') {
            return Err(invalid());
        }
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| invalid())?;
        let name = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        let address = tokio::net::lookup_host((name, authority.port_u16().unwrap_or(80)))
            .await
            .map_err(|error| TargetError::Resolve(authority.to_string(), error))?
            .next()
            .ok_or_else(|| TargetError::NoAddress(authority.to_string()))?;
        if !address.ip().is_loopback() && !allow_remote {
            return Err(TargetError::Remote(address));
        }
        let path = url
            .path_and_query()
            .cloned()
            .unwrap_or(PathAndQuery::from_static("/"));
        Ok(Self {
            address,
            host,
            path,
        })
    }

    /// Connects once, so that a wrong address is an error now and not a million errors later.
    pub async fn probe(&self, timeout: Duration) -> Result<(), TargetError> {
        let connected = tokio::time::timeout(timeout, TcpStream::connect(self.address)).await;
        connected
            .unwrap_or_else(|elapsed| Err(elapsed.into()))
            .map(drop)
            .map_err(|error| TargetError::Connect(self.address, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolve(url: &str, allow_remote: bool) -> Result<Target, TargetError> {
        Target::resolve(&url.parse().expect("a URL"), allow_remote).await
    }

    #[tokio::test]
    async fn loopback_is_a_target() {
        let target = resolve("http://127.0.0.1:8080/a?b=c", false)
            .await
            .expect("loopback");
        assert_eq!(
            target.address,
            "127.0.0.1:8080".parse().expect("an address")
        );
        assert_eq!(target.host, "127.0.0.1:8080");
        assert_eq!(target.path, "/a?b=c");
        let target = resolve("http://[::1]/", false).await.expect("loopback");
        assert_eq!(target.address, "[::1]:80".parse().expect("an address"));
    }

    #[tokio::test]
    async fn another_machine_is_refused_unless_the_caller_insists() {
        // 192.0.2.0/24 is for documentation (RFC 5737); nothing is sent there.
        let refused = resolve("http://192.0.2.1/", false).await;
        assert!(
            matches!(refused, Err(TargetError::Remote(_))),
            "{refused:?}"
        );
        assert!(resolve("http://192.0.2.1/", true).await.is_ok());
    }

    #[tokio::test]
    async fn only_plain_http_with_a_host() {
        for url in [
            "https://127.0.0.1/",
            "/path",
            "127.0.0.1:80",
            "http://me@127.0.0.1/",
        ] {
            let refused = resolve(url, false).await;
            assert!(
                matches!(refused, Err(TargetError::Url(_))),
                "{url}: {refused:?}"
            );
        }
    }
}
