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
mod rounds;
mod unleash;

use std::process::ExitCode;

use rounds::{Figures, measure};

/// As in the proxy.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// 30 bytes, as an identifier with a prefix has.
const KEY: &str = "user-1234567890-abcdefghijklmn";
const COUNTRY: &str = "NL";
const FLAG: &str = "new-checkout";

/// At most so much of a bare hash of the key.
const BUDGET_HASHES: f64 = 4.5;
/// At most so much of the fastest of the others.
const BUDGET_OF_FASTEST: f64 = 0.5;
/// At most so many nanoseconds.
const BUDGET_NS: f64 = 40.0;

/// Whether the flag is on for a key in a country.
type Decide = Box<dyn Fn(&str, &str) -> bool>;

/// Something that decides the flag.
struct Subject {
    name: &'static str,
    /// `None`: it only hashes.
    decide: Option<Decide>,
    /// Decides for [`KEY`] in [`COUNTRY`] so many times.
    repeat: Box<dyn Fn(u64)>,
}

fn main() -> ExitCode {
    let subjects = subjects();
    if let Some((name, times)) = only(std::env::args().skip(1)) {
        // For a profiler, or an instruction counter.
        let subject = subjects
            .iter()
            .find(|subject| subject.name.starts_with(&name));
        (subject.expect("it is one of the names in the table").repeat)(times);
        return ExitCode::SUCCESS;
    }
    for subject in &subjects {
        verify(subject);
    }
    let figures = measure(&subjects);
    print_table(&figures);
    if within_budget(&figures) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
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

/// `--only NAME TIMES`
fn only(mut arguments: impl Iterator<Item = String>) -> Option<(String, u64)> {
    arguments.find(|argument| argument == "--only")?;
    Some((arguments.next()?, arguments.next()?.parse().ok()?))
}

/// A share of one in ten in the listed countries, nobody elsewhere, and the same answer every time.
fn verify(subject: &Subject) {
    const KEYS: usize = 10_000;
    let Some(decide) = &subject.decide else {
        return;
    };
    let keys: Vec<String> = (0..KEYS).map(|number| format!("user-{number}")).collect();
    for country in ["DE", "FR", "NL"] {
        let on = keys.iter().filter(|key| decide(key, country)).count();
        // Five standard deviations around a tenth.
        assert!(
            (850..=1150).contains(&on),
            "{}: {on} of {KEYS} in {country}",
            subject.name
        );
    }
    for country in ["US", "de", ""] {
        let on = keys.iter().filter(|key| decide(key, country)).count();
        assert_eq!(on, 0, "{} in {country:?}", subject.name);
    }
    for key in &keys[..100] {
        assert_eq!(
            decide(key, COUNTRY),
            decide(key, "DE"),
            "{}: {key}",
            subject.name
        );
    }
}

fn print_table(figures: &[Figures]) {
    println!("| evaluator | ns, median | quartiles | times Burgee |");
    println!("|---|---|---|---|");
    for figures in figures {
        let Figures {
            name,
            median,
            quartiles: (low, high),
            ratio,
        } = figures;
        println!("| {name} | {median:.1} | {low:.1} to {high:.1} | {ratio:.2} |");
    }
}

fn within_budget(figures: &[Figures]) -> bool {
    let [ours, hash, others @ ..] = figures else {
        return false;
    };
    let fastest = others
        .iter()
        .map(|other| other.ratio)
        .fold(f64::INFINITY, f64::min);
    let checks = [
        ("nanoseconds", ours.median, BUDGET_NS),
        ("times a bare hash", 1.0 / hash.ratio, BUDGET_HASHES),
        ("of the fastest other", 1.0 / fastest, BUDGET_OF_FASTEST),
    ];
    println!();
    for (what, is, most) in checks {
        let verdict = if is <= most { "within" } else { "over" };
        println!("{is:.2} {what}: {verdict} the budget of {most}");
    }
    checks.iter().all(|(_, is, most)| is <= most)
}
