//! Several things are timed by taking turns, so that a machine that is busy for a while, or becomes
//! slower, is so for all of them. Shared by the benchmarks that compare.

use std::process::ExitCode;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What takes long has fewer, so that it ends within a minute. Odd numbers, so that there is one in the
/// middle.
const MOST_ROUNDS: usize = 301;
const LEAST_ROUNDS: usize = 21;
const ALL_ROUNDS: Duration = Duration::from_secs(10);
/// How long one turn takes, about: long beside the clock's grain, short beside a disturbance.
const TURN: Duration = Duration::from_millis(2);

/// Something to time.
pub(crate) struct Thing {
    pub(crate) name: String,
    /// Panics where it does not do what it should.
    pub(crate) verify: Box<dyn Fn()>,
    /// Does it so many times.
    pub(crate) repeat: Box<dyn Fn(u32)>,
}

/// What the turns of one thing say.
pub(crate) struct Figures {
    pub(crate) name: String,
    /// Nanoseconds for doing it once.
    pub(crate) median: f64,
    /// Between them lies the middle half.
    quartiles: (f64, f64),
    /// Of the first thing's time in the same round: the median over all rounds.
    pub(crate) ratio: f64,
}

/// Verifies each thing, times it in every round, each round beginning with another one, and prints a
/// table. With
/// `--only NAME TIMES` it does one thing so many times, for whoever counts instructions, and ends.
pub(crate) fn measure(things: &[Thing]) -> Vec<Figures> {
    if let Some((name, times)) = only(std::env::args()) {
        let thing = things.iter().find(|thing| thing.name.starts_with(&name));
        (thing.expect("it begins a name in the table").repeat)(times);
        std::process::exit(0);
    }
    for thing in things {
        (thing.verify)();
    }
    let times: Vec<u32> = things.iter().map(calibrate).collect();
    let calibrated = things.iter().zip(&times);
    let round: Duration = calibrated.map(|(thing, times)| took(thing, *times)).sum();
    let count = (LEAST_ROUNDS..MOST_ROUNDS)
        .step_by(2)
        .find(|count| round * u32::try_from(*count).expect("there are few") > ALL_ROUNDS)
        .unwrap_or(MOST_ROUNDS);
    let mut rounds: Vec<Vec<f64>> = vec![Vec::with_capacity(count); things.len()];
    for round in 0..count {
        for place in 0..things.len() {
            let thing = (place + round) % things.len();
            rounds[thing].push(turn(&things[thing], times[thing]));
        }
    }
    let figures: Vec<Figures> = things
        .iter()
        .zip(&rounds)
        .map(|(thing, took)| {
            let ratios = took
                .iter()
                .zip(&rounds[0])
                .map(|(took, first)| took / first);
            let ratios = sorted(ratios.collect());
            let took = sorted(took.clone());
            Figures {
                name: thing.name.clone(),
                median: took[count / 2],
                quartiles: (took[count / 4], took[count - 1 - count / 4]),
                ratio: ratios[count / 2],
            }
        })
        .collect();
    print(&figures);
    figures
}

/// A figure that must not exceed its budget.
pub(crate) struct Check {
    pub(crate) what: &'static str,
    pub(crate) is: f64,
    pub(crate) most: f64,
}

/// Prints every verdict; a failure where one budget is broken.
pub(crate) fn verdict(checks: &[Check]) -> ExitCode {
    println!();
    for Check { what, is, most } in checks {
        let verdict = if is <= most { "within" } else { "over" };
        println!("{is:.2} {what}: {verdict} the budget of {most}");
    }
    if checks.iter().all(|check| check.is <= check.most) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn print(figures: &[Figures]) {
    println!("| | ns, median | quartiles | times the first |");
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

fn only(mut arguments: impl Iterator<Item = String>) -> Option<(String, u32)> {
    arguments.find(|argument| argument == "--only")?;
    Some((arguments.next()?, arguments.next()?.parse().ok()?))
}

/// How many times fill a turn; warms up by the way.
fn calibrate(thing: &Thing) -> u32 {
    let mut times = 1;
    while took(thing, times) < TURN {
        times *= 2;
    }
    times
}

/// Nanoseconds for doing it once, over so many.
fn turn(thing: &Thing, times: u32) -> f64 {
    took(thing, times).as_secs_f64() * 1e9 / f64::from(times)
}

/// How much of a processor this thread has for it: what others take meanwhile does not count.
fn took(thing: &Thing, times: u32) -> Duration {
    let processor_time = || -> Duration {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.try_into().expect("it is not negative")
    };
    let started = processor_time();
    (thing.repeat)(times);
    processor_time().saturating_sub(started)
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}
