//! Taking turns.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::Subject;

/// An odd number, so that there is one in the middle.
const ROUNDS: usize = 301;
/// How long one turn takes, about: long beside the clock's grain, short beside a disturbance.
const TURN: Duration = Duration::from_millis(2);

/// What the turns of one subject say.
pub(crate) struct Figures {
    pub(crate) name: &'static str,
    /// Nanoseconds for one decision.
    pub(crate) median: f64,
    /// Between them lies the middle half.
    pub(crate) quartiles: (f64, f64),
    /// Of the first subject's time in the same round: the median over all rounds.
    pub(crate) ratio: f64,
}

/// Times every subject in every round, each round in another order.
pub(crate) fn measure(subjects: &[Subject]) -> Vec<Figures> {
    let times: Vec<u64> = subjects.iter().map(calibrate).collect();
    let mut rounds: Vec<Vec<f64>> = vec![Vec::with_capacity(ROUNDS); subjects.len()];
    for round in 0..ROUNDS {
        for place in 0..subjects.len() {
            let subject = (place + round) % subjects.len();
            rounds[subject].push(turn(&subjects[subject], times[subject]));
        }
    }
    let figures = |(subject, took): (&Subject, &Vec<f64>)| {
        let ratios = took
            .iter()
            .zip(&rounds[0])
            .map(|(took, first)| took / first);
        let ratios = sorted(ratios.collect());
        let took = sorted(took.clone());
        Figures {
            name: subject.name,
            median: took[ROUNDS / 2],
            quartiles: (took[ROUNDS / 4], took[ROUNDS - 1 - ROUNDS / 4]),
            ratio: ratios[ROUNDS / 2],
        }
    };
    subjects.iter().zip(&rounds).map(figures).collect()
}

/// How many decisions fill a turn; warms up by the way.
fn calibrate(subject: &Subject) -> u64 {
    let mut times = 64;
    loop {
        let ns = turn(subject, times) * times as f64;
        if ns > TURN.as_nanos() as f64 {
            return times;
        }
        times *= 2;
    }
}

/// Nanoseconds for one decision, over so many.
fn turn(subject: &Subject, times: u64) -> f64 {
    let started = processor_time();
    (subject.repeat)(times);
    (processor_time() - started).as_nanos() as f64 / times as f64
}

/// What this thread has had of a processor: what others take meanwhile does not count.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.try_into().expect("it is not negative")
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}
