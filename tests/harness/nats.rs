//! A real `nats-server` with `JetStream`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::burgee::Burgee;
use crate::documents::flag_set;
use crate::port::Port;
use crate::process::{Process, Signal};
use crate::wait::eventually;

/// A broker of its own, with its store in a temporary directory.
#[derive(Debug)]
pub struct Nats {
    // Before the directory, so that the server is gone when its store is removed.
    server: Option<Process>,
    port: Port,
    store: TempDir,
}

impl Nats {
    /// Starts one and waits until `JetStream` answers.
    pub async fn start() -> Nats {
        let store = tempfile::tempdir().expect("a temporary directory");
        let mut nats = Nats {
            server: None,
            port: Port::free(),
            store,
        };
        nats.resume().await;
        nats
    }

    /// One that is away from the start, and can be brought by [`Nats::resume`].
    pub fn absent() -> Nats {
        let store = tempfile::tempdir().expect("a temporary directory");
        Nats {
            server: None,
            port: Port::free(),
            store,
        }
    }

    /// What clients connect to.
    pub fn url(&self) -> String {
        format!("nats://{}", self.port.address())
    }

    /// Its address.
    pub fn address(&self) -> std::net::SocketAddr {
        self.port.address()
    }

    /// The part of a proxy's configuration that reads from here.
    pub fn source(&self) -> Value {
        json!({ "nats": { "servers": [self.url()], "connect_timeout": "1s" } })
    }

    /// What an operator of region `eu` types, against this broker.
    pub fn operator<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Burgee {
        self.operator_at(&self.url(), arguments)
    }

    /// The same by another address, such as a [`Relay`](crate::Relay)'s.
    pub fn operator_at<'a>(
        &self,
        url: &str,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Burgee {
        Burgee::new(arguments)
            .directory(self.store.path())
            .variable("BURGEE_NATS_URL", url)
            .variable("BURGEE_ENVIRONMENT", "test")
            .variable("BURGEE_REGION", "eu")
    }

    /// Makes the logs of region `eu`.
    pub async fn init(&self) {
        self.operator(["registry", "init"]).succeeds().await;
    }

    /// Writes a flag set into a file of this name.
    pub fn document(&self, set: &str, flags: &Value) -> String {
        self.file(set, &flag_set(flags))
    }

    fn file(&self, set: &str, text: &str) -> String {
        let path = self.store.path().join(format!("{set}.json"));
        std::fs::write(&path, text).expect("a file of our own");
        path.to_str().expect("a temporary path is UTF-8").to_owned()
    }

    /// Pushes a flag set.
    pub async fn push(&self, set: &str, flags: &Value) {
        let path = self.document(set, flags);
        self.operator(["flags", "push", &path]).succeeds().await;
    }

    /// Pushes a flag set as it is written.
    pub async fn push_text(&self, set: &str, text: &str) {
        let path = self.file(set, text);
        self.operator(["flags", "push", &path]).succeeds().await;
    }

    /// Ends it at once, as a crash does.
    pub async fn kill(&mut self) {
        self.end(Signal::Kill).await;
    }

    /// Ends it in good order.
    pub async fn stop(&mut self) {
        self.end(Signal::Terminate).await;
    }

    /// Sends it a signal while it runs: [`Signal::Stop`] makes a broker that hangs, its connections open.
    pub fn signal(&mut self, signal: Signal) {
        self.server
            .as_mut()
            .expect("a server that runs")
            .signal(signal);
    }

    /// Starts it again with the same port and store. Panics when it runs.
    pub async fn resume(&mut self) {
        assert!(self.server.is_none(), "nats-server already runs");
        let port = self.port.number().to_string();
        let store = self.store.path().join("jetstream");
        let mut command = Command::new(program());
        command
            .args(["-js", "-a", "127.0.0.1", "-p", &port, "-sd"])
            .arg(store);
        self.server = Some(Process::spawn(
            "nats-server",
            &mut command,
            self.store.path(),
        ));
        eventually("JetStream answers", async || self.try_client().await.ok()).await;
    }

    /// A plain client, to look and to do what no operator would.
    pub async fn client(&self) -> async_nats::jetstream::Context {
        self.try_client().await.expect("a broker that answers")
    }

    async fn try_client(&self) -> Result<async_nats::jetstream::Context, String> {
        let client = async_nats::connect(self.url())
            .await
            .map_err(|error| error.to_string())?;
        // Any answer will do: what it holds differs between servers more than its reader allows.
        let asked = client.request("$JS.API.INFO", bytes::Bytes::new()).await;
        asked.map_err(|error| error.to_string())?;
        Ok(async_nats::jetstream::new(client))
    }

    async fn end(&mut self, signal: Signal) {
        let mut server = self.server.take().expect("a server that runs");
        server.signal(signal);
        server.wait(Duration::from_secs(20)).await;
    }
}

/// `nats-server`, from the search path or where Debian puts it.
fn program() -> &'static str {
    let on_path = Command::new("nats-server")
        .arg("--version")
        .output()
        .is_ok();
    if on_path {
        return "nats-server";
    }
    let debian = "/usr/sbin/nats-server";
    assert!(
        Path::new(debian).is_file(),
        "nats-server is missing: `./test` installs it, or `apt-get install nats-server`"
    );
    debian
}

#[cfg(test)]
mod tests {
    use super::Nats;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_killed_broker_comes_back_with_what_it_had() {
        let mut nats = Nats::start().await;
        let config = async_nats::jetstream::stream::Config {
            name: "LOG".to_owned(),
            subjects: vec!["log.*".to_owned()],
            ..Default::default()
        };
        let context = nats.client().await;
        context.create_stream(config).await.expect("a stream");
        let sent = context
            .publish("log.a", "kept".into())
            .await
            .expect("a publish");
        sent.await.expect("an acknowledgement");
        nats.kill().await;
        assert!(nats.try_client().await.is_err());
        nats.resume().await;
        let stream = nats
            .client()
            .await
            .get_stream("LOG")
            .await
            .expect("the stream");
        assert_eq!(stream.cached_info().state.messages, 1);
        nats.stop().await;
    }
}
