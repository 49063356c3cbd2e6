//! Overrides: what an operator does at three in the morning.
//!
//! [`OverrideDocument`] is what a record says, [`local_end_ms`] turns its end into this proxy's clock, and
//! [`InForce`] is what a request asks. Precedence: named keys beat everyone; then cluster, region,
//! global; then the later signed time, then the digest.
//!
//! Nothing here does I/O or reads a clock.

mod end;
mod in_force;
mod record;

pub use end::{BROKER_CLOCK_TOLERANCE, is_from_the_future, local_end_ms};
pub use in_force::{
    Census, Ignored, InForce, Known, MAX_IN_FORCE, OverrideState, OverrideStatus, Place,
};
pub use record::{
    Keys, MAX_DURATION, MAX_KEYS, OverrideDocument, RecordError, SALT_BYTES, Scope, ScopeError,
};
