//! Logs: JSON lines on standard error.

use std::panic;

use prometheus::IntCounter;
use tracing_subscriber::EnvFilter;

/// What is logged where `BURGEE_LOG` does not say: a proxy's own log names every failed connect, and
/// every client that leaves within a request's head, at the level of errors. Metrics and the access log
/// say the first, and the second is no error of ours.
const DEFAULT_FILTER: &str = "info,pingora_core=warn,pingora_proxy=off,async_nats=warn,notify=warn";

/// Sends logs to standard error as JSON, filtered by `BURGEE_LOG` (as `RUST_LOG` elsewhere), and
/// panics to the log instead of past it, counted in `panics`. Call it once, before any thread starts;
/// a second call changes nothing.
pub fn init(panics: Option<IntCounter>) {
    let filter =
        EnvFilter::try_from_env("BURGEE_LOG").unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let installed = tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .flatten_event(true)
        .try_init()
        .is_ok();
    if !installed {
        return;
    }
    panic::set_hook(Box::new(move |info| {
        if let Some(panics) = &panics {
            panics.inc();
        }
        let place = info.location().map(ToString::to_string);
        let message = info.payload_as_str().unwrap_or("(no message)");
        tracing::error!(
            place,
            thread = std::thread::current().name(),
            "panic: {message}"
        );
    }));
}
