//! What a route of many flags costs a request: `just bench`.

#[path = "../eval/benches/rounds/mod.rs"]
mod rounds;

use std::cell::Cell;
use std::hint::black_box;
use std::process::ExitCode;
use std::rc::Rc;

use burgee::config::Form;
use burgee::edge::bench::Bench;
use burgee_eval::Context;
use http::HeaderMap;
use rounds::{Check, Thing, measure, verdict};

/// As in the proxy.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Different ones, so that the branches of a hundred flags are not learned by heart.
const KEYS: usize = 1024;

/// Holds all of them.
const ROOM: u64 = 16 * 1024 * 1024;

/// Routes that are decided, found, and missed, to see from how many flags on finding pays.
const FEWER_FLAGS: [usize; 4] = [10, 20, 30, 40];

fn main() -> ExitCode {
    let dictionary = Route::new(100, Form::Dictionary, Kept::Nothing);
    let headers = Route::new(64, Form::Headers, Kept::Nothing);
    let mut things = vec![
        dictionary.decide("100 flags, dictionary: decided and rendered"),
        Route::new(100, Form::Dictionary, Kept::All).decide("100 flags: found"),
        Route::new(100, Form::Dictionary, Kept::Others).decide("100 flags: missed"),
        headers.decide("64 flags, a header each: decided and rendered"),
        dictionary.write("100 flags, dictionary: written into a request"),
        dictionary.count("100 flags: counted"),
        headers.write("64 flags, a header each: written into a request"),
    ];
    for flags in FEWER_FLAGS {
        for (kept, name) in [
            (Kept::Nothing, "decided and rendered"),
            (Kept::All, "found"),
            (Kept::Others, "missed"),
        ] {
            let route = Route::new(flags, Form::Dictionary, kept);
            things.push(route.decide(&format!("{flags} flags: {name}")));
        }
    }
    let figures = measure(&things);
    memory();
    verdict(&[
        Check {
            what: "nanoseconds for 100 flags, decided and rendered",
            is: figures[0].median,
            most: 4000.0,
        },
        Check {
            what: "nanoseconds for 100 flags of a context that comes again",
            is: figures[1].median,
            most: 500.0,
        },
    ])
}

/// How much memory a cache takes that was filled three times over.
fn memory() {
    println!();
    // Kept, or the next one would take its memory.
    let mut filled = Vec::new();
    for (flags, form) in [(100, Form::Dictionary), (20, Form::Headers)] {
        let route = Bench::new(flags, form, ROOM);
        let before = resident();
        let mut held = 0.0;
        for number in 0_u32.. {
            let key = format!("user-{number:010}-abcdefghijklmn");
            route.decide(&route.context(&key, "NL"));
            if number % 1000 == 0 {
                let more = route.metric("burgee_decision_cache_entries");
                // Full since at least two thirds of all.
                if more <= held && f64::from(number) > 3.0 * more {
                    break;
                }
                held = more;
            }
        }
        println!(
            "{flags} flags, {form:?}: {held} entries count as {:.1} MiB and take {:.1} MiB",
            route.metric("burgee_decision_cache_bytes") / MIB,
            (resident() - before) / MIB,
        );
        filled.push(route);
    }
}

const MIB: f64 = 1024.0 * 1024.0;

/// Bytes of this process that are in memory.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.expect("it is there").trim().trim_end_matches(" kB");
    kib.parse::<f64>().expect("a number") * 1024.0
}

/// Which contexts a cache has when they come.
#[derive(Clone, Copy, PartialEq)]
enum Kept {
    /// There is no cache.
    Nothing,
    All,
    /// It is full of the ones that came last, and never has the next.
    Others,
}

struct Route {
    bench: Bench,
    kept: Kept,
    contexts: Vec<Context<'static>>,
    flags: usize,
    form: Form,
}

impl Route {
    fn new(flags: usize, form: Form, kept: Kept) -> Rc<Self> {
        let bytes = match kept {
            Kept::Nothing => 0,
            Kept::All => ROOM,
            // An eighth of them.
            Kept::Others => (KEYS as u64 / 8) * (600 + 40 * flags as u64),
        };
        let bench = Bench::new(flags, form, bytes);
        let contexts = (0..KEYS).map(|number| {
            // As long as the process: there are few.
            let key = format!("user-{number:04}567890-abcdefghijklmn").leak();
            bench.context(key, "NL")
        });
        let route = Self {
            contexts: contexts.collect(),
            bench,
            kept,
            flags,
            form,
        };
        Rc::new(route)
    }

    /// Every flag is told, and one in ten is on.
    fn verify(&self) {
        let mut on = 0;
        for context in &self.contexts {
            let mut headers = HeaderMap::new();
            self.bench.decide(context).write(&mut headers);
            let told: Vec<&str> = match self.form {
                Form::Dictionary => headers["flags"]
                    .to_str()
                    .expect("ASCII")
                    .split(", ")
                    .collect(),
                Form::Headers => {
                    let own = headers
                        .iter()
                        .filter(|(name, _)| name.as_str().starts_with("x-flag-"));
                    own.map(|(_, value)| value.to_str().expect("ASCII"))
                        .collect()
                }
            };
            assert_eq!(told.len(), self.flags);
            on += told.iter().filter(|told| told.ends_with("on")).count();
        }
        let tenth = KEYS * self.flags / 10;
        assert!(
            on.abs_diff(tenth) < tenth / 10,
            "{on} are on, not about {tenth}"
        );
        if self.kept != Kept::Nothing {
            let metric = || self.bench.metric("burgee_decision_cache_hits_total");
            let mut expected = metric();
            for context in &self.contexts {
                self.bench.decide(context);
                expected += if self.kept == Kept::All { 1.0 } else { 0.0 };
            }
            assert!((metric() - expected).abs() < 0.5);
        }
    }

    /// Decides for one user after another.
    fn decide(self: &Rc<Self>, name: &str) -> Thing {
        let (verified, route, turn) = (Rc::clone(self), Rc::clone(self), Cell::new(0));
        Thing {
            name: name.to_owned(),
            verify: Box::new(move || verified.verify()),
            repeat: Box::new(move |times| {
                for _ in 0..times {
                    turn.set((turn.get() + 1) % KEYS);
                    let context = &route.contexts[turn.get()];
                    black_box(route.bench.decide(black_box(context)));
                }
            }),
        }
    }

    /// Counts what was decided.
    fn count(self: &Rc<Self>, name: &str) -> Thing {
        let (verified, route) = (Rc::clone(self), Rc::clone(self));
        let decided = self.bench.decide(&self.contexts[0]);
        Thing {
            name: name.to_owned(),
            verify: Box::new(move || verified.verify()),
            repeat: Box::new(move |times| {
                for _ in 0..times {
                    route.bench.count(black_box(&decided));
                }
            }),
        }
    }

    /// Writes what was decided among the headers of a request that has none.
    fn write(self: &Rc<Self>, name: &str) -> Thing {
        let verified = Rc::clone(self);
        let decided = self.bench.decide(&self.contexts[0]);
        Thing {
            name: name.to_owned(),
            verify: Box::new(move || verified.verify()),
            repeat: Box::new(move |times| {
                for _ in 0..times {
                    let mut headers = HeaderMap::new();
                    decided.write(black_box(&mut headers));
                    black_box(headers);
                }
            }),
        }
    }
}
