//! The proxy: where it lives, and one run of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::backend::Backend;
use crate::burgee::binary;
use crate::client::{Answer, Call, Connection};
use crate::metrics::Metrics;
use crate::port::Port;
use crate::process::{Process, Signal};
use crate::traffic::Traffic;
use crate::wait::{eventually, eventually_within};

/// A proxy's configuration, flag sets and state, in a temporary directory. It outlives the runs of
/// the proxy, so that a run finds what an earlier one left.
#[derive(Debug)]
pub struct Home {
    directory: TempDir,
    listener: Port,
    admin: Port,
}

impl Home {
    /// Writes the configuration: the given keys, and for the others what most tests want. Flag sets
    /// come from `flags/`, state is kept in `state/`, the header `x-user-id` is the targeting key, the
    /// loopback peers of a test are trusted, and devices are left alone, for compiling what knows them
    /// takes longer than all else at a start.
    pub fn new(keys: &Value) -> Home {
        let (listener, admin) = (Port::free(), Port::free());
        let mut config = json!({
            "environment": "test",
            "region": "eu",
            "cluster": "eu-1",
            "threads": 2,
            "listeners": [{ "address": listener.address() }],
            "admin": { "address": admin.address() },
            "source": { "files": { "flags": "flags/", "overrides": "overrides/" } },
            "state_dir": "state/",
            "shutdown": { "drain": "300ms", "timeout": "10s" },
            "trusted_proxies": ["127.0.0.0/8"],
            "context": { "targeting_key": [{ "header": "x-user-id" }] },
        });
        let keys = keys.as_object().expect("keys of a configuration");
        config
            .as_object_mut()
            .expect("an object")
            .extend(keys.clone());
        if config["context"]["device"].is_null() {
            config["context"]["device"] = json!(false);
        }
        let directory = tempfile::tempdir().expect("a temporary directory");
        let home = Home {
            directory,
            listener,
            admin,
        };
        for name in ["flags", "overrides", "state"] {
            std::fs::create_dir(home.path(name)).expect("a directory in a new one");
        }
        let config = serde_json::to_string_pretty(&config).expect("JSON");
        // JSON is YAML.
        home.write("burgee.yaml", &config);
        home
    }

    /// One backend behind one route, `all`, that tells it of these flags; and further keys.
    pub fn serving(backend: &Backend, flags: &[&str], keys: &Value) -> Home {
        let mut all = json!({
            "upstreams": { "stable": { "endpoints": [backend.address()] } },
            "routes": [{ "name": "all", "upstream": "stable", "flags": flags }],
        });
        let keys = keys.as_object().expect("keys of a configuration");
        all.as_object_mut().expect("an object").extend(keys.clone());
        Home::new(&all)
    }

    /// A path inside it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file in place, as `echo >` does.
    pub fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).expect("a file of our own");
    }

    /// Writes a file aside and renames it, as most editors do.
    pub fn replace(&self, name: &str, content: &str) {
        let aside = self.path(&format!("{name}~"));
        std::fs::write(&aside, content).expect("a file of our own");
        std::fs::rename(aside, self.path(name)).expect("a rename in a directory of our own");
    }

    /// Removes a file.
    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).expect("a file of our own");
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.path("burgee.yaml")
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Every file of the last good state, in order of name; what is being written (its name begins
    /// with a dot) aside.
    pub fn state(&self) -> State {
        let mut state = State::new();
        let mut directories = vec![self.path("state")];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).expect("a directory of our own") {
                let entry = entry.expect("an entry");
                if entry.path().is_dir() {
                    directories.push(entry.path());
                } else if !entry.file_name().to_string_lossy().starts_with('.') {
                    // Gone again: it was replaced at this moment.
                    state.extend(std::fs::read(entry.path()).map(|bytes| (entry.path(), bytes)));
                }
            }
        }
        state
    }

    /// Waits until the proxy has written the state that it found at its start.
    pub async fn settled_state(&self) -> State {
        eventually("the disk holds all", async || {
            let whole = ["state/flags.whole", "state/overrides.whole"];
            whole
                .iter()
                .all(|name| self.path(name).is_file())
                .then(|| self.state())
        })
        .await
    }

    /// Waits until the state holds other records. A change is written after it is in force, so a crash
    /// in between loses it; who tests what a crash leaves waits for this first. (The marks that say since
    /// when all of a kind is there are written again now and then, and are no change.)
    pub async fn state_after(&self, before: &State) -> State {
        let is_record = |path: &Path| path.extension().is_none_or(|name| name != "whole");
        let records = |state: &State| {
            let mut records = state.clone();
            records.retain(|path, _| is_record(path));
            records
        };
        let before = records(before);
        eventually("the disk has the change", async || {
            let state = self.state();
            (records(&state) != before).then_some(state)
        })
        .await
    }

    /// Starts the proxy and waits until it is ready.
    pub async fn start(&self) -> Proxy {
        let mut proxy = self.launch();
        eventually("the proxy is ready", async || {
            assert!(
                proxy.process.exited().is_none(),
                "it ended\n{}",
                proxy.process.logs()
            );
            proxy.ready().await.then_some(())
        })
        .await;
        proxy
    }

    /// Starts the proxy, and waits for its admin listener only.
    pub async fn start_unready(&self) -> Proxy {
        let mut proxy = self.launch();
        eventually("the proxy lives", async || {
            assert!(
                proxy.process.exited().is_none(),
                "it ended\n{}",
                proxy.process.logs()
            );
            proxy.admin("/livez").try_send().await.ok()
        })
        .await;
        proxy
    }

    /// Starts the proxy, and waits for nothing.
    pub fn launch(&self) -> Proxy {
        let mut command = Command::new(binary());
        command
            .arg("serve")
            .arg("--config")
            .arg(self.config())
            .env("BURGEE_LOG", "info");
        let process = Process::spawn("burgee", &mut command, self.directory.path());
        Proxy {
            process,
            address: self.listener.address(),
            admin: self.admin.address(),
        }
    }
}

/// Files by path.
pub type State = BTreeMap<PathBuf, Vec<u8>>;

/// One run of the proxy.
#[derive(Debug)]
pub struct Proxy {
    process: Process,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Proxy {
    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A request through the proxy.
    pub fn get(&self, target: &str) -> Call {
        Call::get(self.address, target)
    }

    /// What the backend receives of one user's request to `/`.
    pub async fn variant(&self, user: &str, header: &str) -> Option<String> {
        let echo = self.get("/").header("x-user-id", user).echo().await;
        echo.header(header).map(str::to_owned)
    }

    /// Waits until the backend receives this value (or none) for a user's request to `/`.
    pub async fn serves(&self, user: &str, header: &str, value: Option<&str>) {
        let what = format!("{user} is served {header}: {value:?}");
        eventually(&what, async || {
            let answer = self.get("/").header("x-user-id", user).send().await;
            let found = answer.status.is_success().then(|| answer.echo())?;
            (found.header(header) == value).then_some(())
        })
        .await;
    }

    /// What each of these users is served, in their order, asked over several kept-alive connections.
    pub async fn variants(&self, users: &[String], header: &str) -> Vec<Option<String>> {
        let part = users.len().div_ceil(8).max(1);
        let parts = users.chunks(part).map(async |users| {
            let mut connection = Connection::open(self.address).await.expect("a connection");
            let mut variants = Vec::with_capacity(users.len());
            for user in users {
                let request = self.get("/").header("x-user-id", user).request();
                let answer = connection.send(request).await.expect("an answer");
                variants.push(answer.echo().header(header).map(str::to_owned));
            }
            variants
        });
        futures::future::join_all(parts).await.concat()
    }

    /// Bounded load in the background on kept-alive connections: `call` makes the numbered request.
    pub fn traffic(
        &self,
        connections: u64,
        call: impl Fn(Call, u64) -> Call + Send + Sync + 'static,
    ) -> Traffic {
        let address = self.address;
        let call = move |number| call(Call::get(address, "/"), number);
        Traffic::start(address, self.admin, connections, call)
    }

    /// Where operators connect.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// A request to the admin listener.
    pub fn admin(&self, target: &str) -> Call {
        Call::get(self.admin, target)
    }

    /// Whether `/readyz` answers 200.
    pub async fn ready(&self) -> bool {
        let answer: Result<Answer, _> = self.admin("/readyz").try_send().await;
        answer.is_ok_and(|answer| answer.status.is_success())
    }

    /// `/metrics`.
    pub async fn metrics(&self) -> Metrics {
        Metrics::new(self.admin("/metrics").send().await.text())
    }

    /// Waits until a metric, summed over these labels, satisfies the condition.
    pub async fn metric(&self, name: &str, labels: &[(&str, &str)], holds: impl Fn(f64) -> bool) {
        eventually(&format!("{name}{labels:?}"), async || {
            holds(self.metrics().await.sum(name, labels)).then_some(())
        })
        .await;
    }

    /// `/snapshot`.
    pub async fn snapshot(&self) -> Value {
        self.admin("/snapshot").send().await.json()
    }

    /// The access log's lines so far.
    pub fn access_log(&self) -> Vec<Value> {
        let stdout = self.process.stdout();
        let lines = stdout.lines().filter(|line| line.starts_with('{'));
        lines
            .map(|line| serde_json::from_str(line).expect("each line is JSON"))
            .collect()
    }

    /// The process itself.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Ends it in good order. Panics unless it ends within ten seconds with exit code 0.
    pub async fn stop(mut self) {
        self.process.signal(Signal::Terminate);
        let status = self.process.wait(Duration::from_secs(10)).await;
        assert!(status.success(), "{status}\n{}", self.process.logs());
    }

    /// Ends it at once, as a crash does.
    pub async fn kill(mut self) {
        self.process.signal(Signal::Kill);
        self.process.wait(Duration::from_secs(10)).await;
    }

    /// Waits for its end.
    pub async fn exit(&mut self, limit: Duration) -> ExitStatus {
        self.process.wait(limit).await
    }

    /// Waits until `text` stands in what it has logged.
    pub async fn logs(&self, limit: Duration, text: &str) {
        eventually_within(limit, &format!("a log line with {text:?}"), async || {
            self.process.stderr().contains(text).then_some(())
        })
        .await;
    }
}

impl AsRef<Path> for Home {
    fn as_ref(&self) -> &Path {
        self.directory.path()
    }
}
