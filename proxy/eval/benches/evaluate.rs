//! What one decision costs, the context being ready: `cargo bench -p burgee-eval`.
//!
//! The flag is the one of the budget: a country in a list of three, then 10/90 by targeting key. A
//! bare hash of 30 bytes runs beside it, for the budget is a ratio. Allocations are counted over the
//! same call, and printed first.

#![expect(
    clippy::disallowed_macros,
    reason = "a benchmark prints what it counted"
)]

use std::alloc::System;
use std::hint::black_box;
use std::sync::Arc;

use burgee_eval::bucketing::Murmur;
use burgee_eval::{AttributeId, Compiler, Context, Moment, Snapshot, Value, evaluate, explain};
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const EVALUATIONS: usize = 10_000;
const KEY: &str = "user-1234567890-abcdefghijklmn";

fn snapshot() -> Snapshot {
    let document = json!({
        "flags": {
            "new-checkout": {
                "state": "ENABLED",
                "variants": { "on": true, "off": false },
                "defaultVariant": "off",
                "targeting": { "if": [
                    { "in": [{ "var": "geo.country" }, ["DE", "FR", "NL"]] },
                    { "fractional": [["on", 10], ["off", 90]] },
                    "off",
                ] },
            },
        },
    });
    let mut compiler = Compiler::new();
    let set = compiler
        .compile("bench", &document)
        .expect("the document is valid");
    Snapshot::new(&compiler, [Arc::new(set)])
}

fn country(snapshot: &Snapshot) -> AttributeId {
    snapshot
        .attributes()
        .find("geo.country")
        .expect("the rule reads it")
}

fn bench(criterion: &mut Criterion) {
    let snapshot = snapshot();
    let flag = snapshot
        .find("new-checkout")
        .expect("it is in the document");
    let mut context = Context::new(snapshot.attributes());
    context.set(country(&snapshot), Value::Str("NL"));
    context.set_targeting_key(KEY);

    let region = Region::new(ALLOCATOR);
    for now in 0..EVALUATIONS {
        black_box(evaluate(
            &snapshot,
            flag,
            black_box(&context),
            Moment::current(now as u64),
        ));
    }
    let allocations = region.change().allocations;
    println!("country_then_fractional: {allocations} allocations in {EVALUATIONS} evaluations");

    let mut group = criterion.benchmark_group("evaluate");
    group.bench_function("country_then_fractional", |bencher| {
        bencher.iter(|| {
            evaluate(
                black_box(&snapshot),
                black_box(flag),
                black_box(&context),
                Moment::current(0),
            )
        });
    });
    group.bench_function("murmur3_of_30_bytes", |bencher| {
        bencher.iter(|| Murmur::hash(black_box(KEY.as_bytes())));
    });
    group.bench_function("explain_country_then_fractional", |bencher| {
        bencher.iter(|| {
            explain(
                black_box(&snapshot),
                black_box(flag),
                black_box(&context),
                Moment::current(0),
            )
        });
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
