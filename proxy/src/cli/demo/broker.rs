//! The demo's own `nats-server`: JetStream in a temporary directory, ended with the demo.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// A child process that ends when this is dropped.
#[derive(Debug)]
pub(super) struct Broker {
    child: Child,
    /// `nats://127.0.0.1:PORT`
    pub(super) url: String,
}

/// How long a broker may take to listen.
const START: Duration = Duration::from_secs(10);

/// Starts `nats-server` with its store in `folder`, on a free port.
pub(super) fn start(folder: &Path) -> anyhow::Result<Broker> {
    let address = free_address()?;
    let log = std::fs::File::create(folder.join("nats-server.log"))?;
    let child = Command::new("nats-server")
        .args(["-js", "-a", "127.0.0.1", "-p", &address.port().to_string(), "-sd"])
        .arg(folder.join("jetstream"))
        // Ctrl-C reaches every process of a terminal's group: the proxy leaves first, then this one ends.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => anyhow::anyhow!(
                "nats-server is not installed; install it (Debian: apt-get install nats-server) or run the demo without --nats"
            ),
            _ => anyhow::Error::new(error).context("nats-server cannot be started"),
        })?;
    let mut broker = Broker {
        child,
        url: format!("nats://{address}"),
    };
    let deadline = Instant::now() + START;
    while TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_err() {
        if let Some(status) = broker.child.try_wait()? {
            let log = std::fs::read_to_string(folder.join("nats-server.log")).unwrap_or_default();
            anyhow::bail!("nats-server ended at once ({status}):\n{log}");
        }
        anyhow::ensure!(
            Instant::now() < deadline,
            "nats-server does not listen after {START:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(broker)
}

fn free_address() -> anyhow::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .context("no free port for nats-server")
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Its store is temporary: there is nothing to lose by ending it at once.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
