//! With `--nats`, the demo sets a real override with the real command and watches it come into force.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::config::Config;

/// A flag that everybody has in the same variant, unless they use a phone.
const FLAG: &str = "mobile-layout";
const BEFORE: &str = "x-flag-mobile-layout: wide";
const AFTER: &str = "x-flag-mobile-layout: compact";

/// How long an override may take here; on one machine it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which registry the command is told to write to.
pub(super) struct Target {
    pub(super) burgee: std::path::PathBuf,
    pub(super) nats: String,
    pub(super) environment: String,
    pub(super) region: String,
}

impl Target {
    pub(super) fn new(burgee: &Path, nats: &str, config: &Config) -> Self {
        Self {
            burgee: burgee.to_owned(),
            nats: nats.to_owned(),
            environment: config.environment.clone(),
            region: config.region.clone(),
        }
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<()> {
        println!("$ burgee {}", arguments.join(" "));
        let status = Command::new(&self.burgee)
            .args(arguments)
            .env("BURGEE_NATS_URL", &self.nats)
            .env("BURGEE_ENVIRONMENT", &self.environment)
            .env("BURGEE_REGION", &self.region)
            .status()
            .context("the burgee command cannot be run again")?;
        anyhow::ensure!(status.success(), "burgee {} failed", arguments.join(" "));
        Ok(())
    }
}

/// Sets an override, waits until a request shows it, clears it, and waits until a request shows that.
pub(super) fn show(proxy: SocketAddr, target: &Target) -> anyhow::Result<()> {
    println!("\nA hot override, live:");
    wait_for(proxy, BEFORE)?;
    println!("  the backend receives   {BEFORE}");
    target.run(&[
        "override", "set", FLAG, "compact", "--for", "1m", "--reason", "demo",
    ])?;
    let waited = wait_for(proxy, AFTER)?;
    println!("  the backend receives   {AFTER}   ({waited} ms after the command returned)");
    target.run(&["override", "clear", FLAG])?;
    let waited = wait_for(proxy, BEFORE)?;
    println!("  the backend receives   {BEFORE}   ({waited} ms after the command returned)");
    Ok(())
}

/// Milliseconds until a response holds a line.
fn wait_for(proxy: SocketAddr, line: &str) -> anyhow::Result<u128> {
    let started = Instant::now();
    while !get(proxy)?.contains(line) {
        anyhow::ensure!(
            started.elapsed() < PATIENCE,
            "no response held {line:?} within {PATIENCE:?}"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(started.elapsed().as_millis())
}

/// What the backend echoes.
fn get(proxy: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect_timeout(&proxy, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: {proxy}\r\nConnection: close\r\n\r\n"
    )?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}
