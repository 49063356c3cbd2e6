//! An open-loop load generator for a running Burgee.
//!
//! Users do not wait for each other, so neither does this: when a request starts is fixed beforehand
//! by a [`Schedule`], whatever the target answers. A latency runs from that intended start to the end
//! of the answer, so a target that stalls shows all the waiting it caused ("coordinated omission",
//! Gil Tene's name for leaving it out, is corrected). A closed loop would send nothing while it waits,
//! and report one slow request where users saw hundreds.
//!
//! The way of a request: [`Schedule`] says when it starts and [`Users`] for whom; the pacer in
//! [`run()`] puts it into a bounded queue; the first free connection sends it; its outcome is counted in a
//! [`Tally`], which ends as a [`Report`] and a verdict.
//!
//! Never here: retries (each failure is counted as what it is), a second target, or load on an address
//! that is not loopback unless the caller insists.

mod client;
mod options;
mod report;
mod run;
mod schedule;
mod tally;
mod target;

pub use client::Failure;
pub use options::Options;
pub use report::{Latency, Lateness, Limits, Report};
pub use run::{Stop, run};
pub use schedule::{Schedule, Users};
pub use tally::Tally;
pub use target::{Target, TargetError};
