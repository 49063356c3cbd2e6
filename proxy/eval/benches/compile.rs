//! What it costs to take in 10,000 flags in 200 sets, and then one set again: `just bench`.
//!
//! How many bytes are held afterwards is printed first; `tests/memory.rs` bounds it.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a benchmark reads its arguments, prints what it counted, and exits"
)]

#[path = "../tests/many_sets/mod.rs"]
mod many_sets;
mod rounds;

use std::alloc::System;
use std::cell::RefCell;
use std::hint::black_box;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

use burgee_eval::Snapshot;
use rounds::{Check, Thing, measure, verdict};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    let texts = Rc::new(many_sets::texts());
    let authored: usize = texts.iter().map(|(_, text)| text.len()).sum();
    let region = Region::new(ALLOCATOR);
    let (compiler, snapshot) = many_sets::compile(&texts);
    let change = region.change();
    println!(
        "10,000 flags in 200 sets: {} bytes held, of {authored} authored\n",
        change.bytes_allocated - change.bytes_deallocated,
    );

    let all = Thing {
        name: "10,000 flags in 200 sets: parsed, compiled, joined".to_owned(),
        verify: Box::new(|| {}),
        repeat: {
            let texts = Rc::clone(&texts);
            Box::new(move |times| {
                for _ in 0..times {
                    black_box(many_sets::compile(black_box(&texts)));
                }
            })
        },
    };
    let compiler = RefCell::new(compiler);
    let one = Thing {
        name: "one of these sets: parsed, compiled, all joined again".to_owned(),
        verify: Box::new(|| {}),
        repeat: Box::new(move |times| {
            let (name, text) = &texts[7];
            for _ in 0..times {
                let mut compiler = compiler.borrow_mut();
                let changed = many_sets::compile_one(&mut compiler, name, black_box(text));
                let mut sets = snapshot.sets().to_vec();
                sets[7] = Arc::new(changed);
                black_box(Snapshot::new(&compiler, sets));
            }
        }),
    };
    let figures = measure(&[all, one]);
    verdict(&[
        Check {
            what: "milliseconds for all of them",
            is: figures[0].median / 1e6,
            most: 300.0,
        },
        Check {
            what: "milliseconds for one set",
            is: figures[1].median / 1e6,
            most: 20.0,
        },
    ])
}
