//! The end-to-end tests: the real binary, a real `nats-server`, real backends, on loopback ports.
//!
//! `./test` brings what they need and runs them; `cargo test -p burgee-tests --test end_to_end canary`
//! runs one topic. Each test is named for what it proves.

mod asking;
mod canary;
mod check;
mod cohorts;
mod context;
mod decision_cache;
mod demo;
mod disk;
mod explain;
mod files;
mod forgery;
mod gates;
mod headers;
mod hostile;
mod leaving;
mod local_overrides;
mod long;
mod odd_files;
mod outage;
mod overrides;
mod push;
mod records;
mod seeing;
mod slow_clients;
mod starting;
mod terminal;
