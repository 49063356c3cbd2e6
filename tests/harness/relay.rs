//! A wire between a client and a server that can be held at one place.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use crate::port::Port;

/// Forwards connections to a server, and stops forwarding what clients send just before a given text.
///
/// This puts something else exactly between what a client has read and what it writes, which no
/// number of attempts at the same time does for certain.
#[derive(Debug)]
pub struct Relay {
    port: Port,
    state: Arc<State>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    target: SocketAddr,
    hold_at: Vec<u8>,
    held: Semaphore,
    released: Semaphore,
}

impl Relay {
    /// Listens, and holds each connection at the first `hold_at` that its client sends.
    pub async fn start(target: SocketAddr, hold_at: &str) -> Relay {
        let port = Port::free();
        let listener = TcpListener::bind(port.address())
            .await
            .expect("a port of our own");
        let state = Arc::new(State {
            target,
            hold_at: hold_at.as_bytes().to_vec(),
            held: Semaphore::new(0),
            released: Semaphore::new(0),
        });
        let server = tokio::spawn(accept(listener, Arc::clone(&state)));
        Relay {
            port,
            state,
            server,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Waits until a connection is held.
    pub async fn held(&self) {
        let held = tokio::time::timeout(crate::PATIENCE, self.state.held.acquire()).await;
        held.expect("the client sends what it is to be held at")
            .expect("never closed")
            .forget();
    }

    /// Lets every connection go on, those that have not been held yet included.
    pub fn release(&self) {
        self.state.released.add_permits(Semaphore::MAX_PERMITS / 2);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        connections.spawn(async move {
            // Whichever side breaks, the connection is over.
            let _ = forward(client, &state).await;
        });
    }
}

async fn forward(client: TcpStream, state: &State) -> std::io::Result<()> {
    let server = TcpStream::connect(state.target).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let upwards = async move {
        let mut holding = true;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = from_client.read(&mut buffer).await?;
            if length == 0 {
                return to_server.shutdown().await;
            }
            let received = &buffer[..length];
            // What it waits for is one small message of its own, so it never comes in two pieces here.
            if holding
                && received
                    .windows(state.hold_at.len())
                    .any(|part| part == state.hold_at)
            {
                holding = false;
                state.held.add_permits(1);
                state
                    .released
                    .acquire()
                    .await
                    .expect("never closed")
                    .forget();
            }
            to_server.write_all(received).await?;
        }
    };
    let downwards = async move {
        tokio::io::copy(&mut from_server, &mut to_client).await?;
        to_client.shutdown().await
    };
    tokio::select! {
        result = upwards => result,
        result = downwards => result,
    }
}
