//! Loopback ports that stay ours while nothing listens on them.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below what Linux hands out to outgoing connections (from 32768), so that no client's own port
/// can take one of these between two listeners.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port that no other test has, in this process or another one, until it is dropped.
///
/// A file lock holds it rather than a socket, so that servers can come and go on it. The system lets
/// go of the lock when the process ends, however it ends.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Reserves one.
    pub fn free() -> Port {
        let directory = std::env::temp_dir().join("burgee-tests-ports");
        std::fs::create_dir_all(&directory).expect("a directory for the locks of ports");
        // Processes begin at different places, so that they rarely try the same port.
        let offset = u16::try_from(std::process::id().wrapping_mul(397) % u32::from(COUNT))
            .expect("a remainder of a u16 fits");
        for _ in 0..COUNT {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            let number = FIRST + (offset.wrapping_add(step)) % COUNT;
            let lock = File::create(directory.join(number.to_string())).expect("a file to lock");
            if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Port {
                    number,
                    _lock: lock,
                };
            }
        }
        panic!("no free port between {FIRST} and {}", FIRST + COUNT);
    }

    /// The port on 127.0.0.1.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.number))
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }
}
