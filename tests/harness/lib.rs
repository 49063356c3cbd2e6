//! What the end-to-end tests are made of: the real `burgee` binary, a real `nats-server`, real
//! backends and real clients, all on loopback ports that nobody else has.
//!
//! A test starts what it needs, waits for conditions ([`eventually`], never a guessed sleep) and lets
//! everything go when it ends: whatever was started is killed when its value is dropped. Tests share
//! nothing, so they run in parallel, as threads of one process or as processes of their own.
//!
//! The harness panics where it cannot go on, and says what the process under test had written by then.

mod backend;
mod burgee;
mod client;
mod documents;
mod metrics;
mod nats;
mod port;
mod process;
mod proxy;
mod raw;
mod relay;
mod traffic;
mod wait;

pub use backend::{Backend, Echo};
pub use burgee::{Burgee, Outcome, binary, repository};
pub use client::{Answer, Call};
pub use documents::{constant, delivered, flag_set, on_off, share};
pub use metrics::Metrics;
pub use nats::Nats;
pub use port::Port;
pub use process::{Process, Signal};
pub use proxy::{Home, Proxy, State};
pub use raw::{RawAnswer, exchange, exchange_and_close};
pub use relay::Relay;
pub use traffic::{Report, Traffic};
pub use wait::{PATIENCE, eventually, eventually_within};
