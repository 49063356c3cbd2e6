//! What it costs to take in 10,000 flags in 200 sets, and then one set more: `just bench`.
//!
//! How many bytes are held afterwards is printed first; `tests/memory.rs` bounds it.

#![expect(
    clippy::disallowed_macros,
    reason = "a benchmark prints what it counted"
)]

#[path = "../tests/many_sets/mod.rs"]
mod many_sets;

use std::alloc::System;
use std::hint::black_box;
use std::sync::Arc;

use burgee_eval::Snapshot;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn bench(criterion: &mut Criterion) {
    let texts = many_sets::texts();
    let authored: usize = texts.iter().map(|(_, text)| text.len()).sum();
    let region = Region::new(ALLOCATOR);
    let (mut compiler, snapshot) = many_sets::compile(&texts);
    let change = region.change();
    println!(
        "10,000 flags in 200 sets: {} bytes held, of {authored} authored",
        change.bytes_allocated - change.bytes_deallocated,
    );

    let mut group = criterion.benchmark_group("compile");
    group.sample_size(10);
    group.bench_function("10_000_flags_in_200_sets", |bencher| {
        bencher.iter_batched(
            || (),
            |()| many_sets::compile(black_box(&texts)),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("one_set_of_200_changed", |bencher| {
        let (name, text) = &texts[7];
        bencher.iter_batched(
            || (),
            |()| {
                let changed = many_sets::compile_one(&mut compiler, name, black_box(text));
                let mut sets = snapshot.sets().to_vec();
                sets[7] = Arc::new(changed);
                Snapshot::new(&compiler, sets)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
