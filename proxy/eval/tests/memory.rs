//! What is held in memory is bounded. One test in a binary of its own, for the counter counts every
//! thread.

mod many_sets;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// For 10,000 flags in 200 sets.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// What the test runner's own thread may allocate meanwhile.
const TEST_RUNNER_BYTES: usize = 4096;

#[test]
fn ten_thousand_flags_hold_at_most_64_mib() {
    let texts = many_sets::texts();
    let region = Region::new(ALLOCATOR);
    let held = many_sets::compile(&texts);
    let change = region.change();
    let bytes = change.bytes_allocated - change.bytes_deallocated;
    drop(held);
    assert!(bytes <= MOST_BYTES, "{bytes} bytes are held");
    let change = region.change();
    let left = change.bytes_allocated - change.bytes_deallocated;
    assert!(left <= TEST_RUNNER_BYTES, "{left} bytes are left");
}
