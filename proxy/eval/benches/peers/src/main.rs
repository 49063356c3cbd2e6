//! Burgee's evaluation beside published evaluators, in one run: `just bench`.
//!
//! Every one of them decides the same flag, "a country in a list of three, then 10/90 by targeting
//! key", as fast as its interface allows: compiled once, the context prepared, nothing but the
//! decision in the loop. Each must first decide sensibly, over many keys, before it is timed. Then
//! they take turns, so that a machine that is busy for a while is busy for all of them.

mod burgee;
mod datalogic;
#[cfg(feature = "open-feature-flagd")]
mod flagd;
mod launchdarkly;
#[path = "../../rounds/mod.rs"]
mod rounds;
mod unleash;

use std::process::ExitCode;

use rounds::{Check, Thing, measure, verdict};

/// As in the proxy.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// 30 bytes, as an identifier with a prefix has.
const KEY: &str = "user-1234567890-abcdefghijklmn";
const COUNTRY: &str = "NL";
const FLAG: &str = "new-checkout";

/// Whether the flag is on for a key in a country.
type Decide = Box<dyn Fn(&str, &str) -> bool>;

/// Something that decides the flag.
struct Subject {
    name: &'static str,
    /// `None`: it only hashes.
    decide: Option<Decide>,
    /// Decides for [`KEY`] in [`COUNTRY`] so many times.
    repeat: Box<dyn Fn(u32)>,
}

fn main() -> ExitCode {
    let things = subjects().into_iter().map(|subject| Thing {
        name: subject.name.to_owned(),
        verify: Box::new(move || verify(subject.name, subject.decide.as_ref())),
        repeat: subject.repeat,
    });
    let figures = measure(&things.collect::<Vec<_>>());
    let [ours, hash, others @ ..] = &*figures else {
        unreachable!("there are more than two subjects")
    };
    let others = others.iter().map(|other| other.ratio);
    let fastest = others.fold(f64::INFINITY, f64::min);
    verdict(&[
        Check {
            what: "nanoseconds",
            is: ours.median,
            most: 40.0,
        },
        Check {
            what: "times a bare hash",
            is: 1.0 / hash.ratio,
            most: 4.5,
        },
        Check {
            what: "of the fastest other",
            is: 1.0 / fastest,
            most: 0.5,
        },
    ])
}

/// Ours first, the bare hash second, the others after.
fn subjects() -> Vec<Subject> {
    vec![
        burgee::subject(),
        burgee::bare_hash(),
        datalogic::with_its_own_operator(),
        datalogic::with_our_operator(),
        unleash::subject(),
        launchdarkly::subject(),
        #[cfg(feature = "open-feature-flagd")]
        flagd::subject(),
    ]
}

/// A share of one in ten in the listed countries, nobody elsewhere, and the same answer every time.
fn verify(name: &str, decide: Option<&Decide>) {
    const KEYS: usize = 10_000;
    let Some(decide) = decide else {
        return;
    };
    let keys: Vec<String> = (0..KEYS).map(|number| format!("user-{number}")).collect();
    for country in ["DE", "FR", "NL"] {
        let on = keys.iter().filter(|key| decide(key, country)).count();
        // Five standard deviations around a tenth.
        assert!(
            (850..=1150).contains(&on),
            "{name}: {on} of {KEYS} in {country}"
        );
    }
    for country in ["US", "de", ""] {
        let on = keys.iter().filter(|key| decide(key, country)).count();
        assert_eq!(on, 0, "{name} in {country:?}");
    }
    for key in &keys[..100] {
        assert_eq!(decide(key, COUNTRY), decide(key, "DE"), "{name}: {key}");
    }
}
