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

fn main() -> ExitCode {
    let dictionary = Route::new(100, Form::Dictionary);
    let headers = Route::new(64, Form::Headers);
    let things = [
        dictionary.decide("100 flags, dictionary: decided and rendered"),
        headers.decide("64 flags, a header each: decided and rendered"),
        dictionary.write("100 flags, dictionary: written into a request"),
        dictionary.count("100 flags: counted"),
        headers.write("64 flags, a header each: written into a request"),
    ];
    let figures = measure(&things);
    verdict(&[Check {
        what: "nanoseconds for 100 flags, decided and rendered",
        is: figures[0].median,
        most: 4000.0,
    }])
}

struct Route {
    bench: Bench,
    contexts: Vec<Context<'static>>,
    flags: usize,
    form: Form,
}

impl Route {
    fn new(flags: usize, form: Form) -> Rc<Self> {
        let bench = Bench::new(flags, form);
        let contexts = (0..KEYS).map(|number| {
            // As long as the process: there are few.
            let key = format!("user-{number:04}567890-abcdefghijklmn").leak();
            bench.context(key, "NL")
        });
        let route = Self {
            contexts: contexts.collect(),
            bench,
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
