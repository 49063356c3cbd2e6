//! Burgee: an edge proxy that decides feature flags at the ingress of a cluster.
//!
//! `docs/architecture.md` has the map. Imports point one way:
//!
//! ```text
//! main -> cli -> app -> { admin, edge, ingest } -> { decide, upstream, source } -> store
//!      -> { overrides, wire, registry and envelope } -> burgee-eval
//! ```

pub mod admin;
pub mod app;
pub mod cli;
pub mod config;
pub mod decide;
pub mod edge;
pub mod envelope;
pub mod finding;
pub mod flag_files;
pub mod ingest;
pub mod overrides;
mod printable;
pub mod registry;
pub mod source;
pub mod store;
pub mod telemetry;
pub mod upstream;
pub mod wire;
