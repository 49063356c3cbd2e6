//! The command line, checked: every option that gets past here is within its bounds.

use std::time::Duration;

use clap::Parser;
use http::{HeaderName, HeaderValue, Uri};

use crate::report::Limits;
use crate::schedule::{Schedule, Users};

/// The longest that requests may be sent for.
const LONGEST_RUN: Duration = Duration::from_mins(10);
/// The longest that one request may be waited for.
const LONGEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Drives a running proxy open-loop over HTTP/1.1 and reports latency percentiles and errors.
///
/// Requests start at a fixed rate, whatever the target answers, and latencies are measured from when a
/// request should have started. Interrupting the run reports what was measured until then.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "burgee-loadtest",
    version,
    after_help = "Examples:
  burgee-loadtest --url http://127.0.0.1:8080/ --rate 2000 --duration 10s
  burgee-loadtest --url http://127.0.0.1:8080/ --header 'cf-ipcountry: DE' --max-p99 20ms --json

Exit code: 0 when the target held; 1 when --max-errors or --max-p99 was passed; 2 when the run could not start."
)]
pub struct Options {
    /// What to request, with GET. Only `http`.
    #[arg(long, default_value = "http://127.0.0.1:8080/")]
    pub url: Uri,

    /// Requests to start per second, at most 100,000.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rate: u32,

    /// How long to measure, at most 10 minutes.
    #[arg(long, default_value = "10s", value_parser = run_time)]
    pub duration: Duration,

    /// How long to send at the same rate before that, unmeasured.
    #[arg(long, default_value = "1s", value_parser = run_time)]
    pub warmup: Duration,

    /// Keep-alive connections; a request that finds all of them busy waits, and its latency says so.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub connections: u16,

    /// Requests that may wait for a connection; one more is dropped and counted as an error.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub queue: u32,

    /// A request fails this long after it should have started; at most 60s.
    #[arg(long, default_value = "5s", value_parser = timeout)]
    pub timeout: Duration,

    /// Different users, `user-0` and up.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub users: u32,

    /// The header that carries the user.
    #[arg(long, default_value = "x-user-id", value_name = "NAME")]
    pub user_header: HeaderName,

    /// Which user makes which request: the same seed gives the same sequence.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// A header of every request. Repeatable.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub headers: Vec<(HeaderName, HeaderValue)>,

    /// The share of requests, from 0 to 1, that may fail: no answer, or status 4xx or 5xx.
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    pub max_errors: f64,

    /// The longest 99th percentile that passes, e.g. 20ms. Default: any.
    #[arg(long, value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub max_p99: Option<Duration>,

    /// Threads that send and receive. More than one takes cores from a target on the same machine.
    #[arg(long, default_value_t = 1, value_parser = threads)]
    pub threads: usize,

    /// Allow a target that is not a loopback address. Only for one that you own.
    #[arg(long)]
    pub allow_remote: bool,

    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
}

impl Options {
    /// When requests start.
    pub fn schedule(&self) -> Schedule {
        Schedule::new(self.rate, self.warmup, self.duration)
    }

    /// Who makes them.
    pub fn users(&self) -> Users {
        Users::new(self.seed, self.users)
    }

    /// What the target has to hold.
    pub fn limits(&self) -> Limits {
        Limits {
            max_errors: self.max_errors,
            max_p99: self.max_p99,
        }
    }
}

fn run_time(text: &str) -> Result<Duration, String> {
    at_most(text, LONGEST_RUN)
}

fn timeout(text: &str) -> Result<Duration, String> {
    let timeout = at_most(text, LONGEST_TIMEOUT)?;
    if timeout.is_zero() {
        return Err("must be longer than 0s".into());
    }
    Ok(timeout)
}

fn at_most(text: &str, longest: Duration) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if duration > longest {
        return Err(format!("at most {}", humantime::format_duration(longest)));
    }
    Ok(duration)
}

fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads @ 1..=64) => Ok(threads),
        _ => Err("a number from 1 to 64".into()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a number from 0 to 1".into()),
    }
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("expected 'name: value'")?;
    let name = name
        .trim()
        .parse()
        .map_err(|error| format!("name: {error}"))?;
    let value = value
        .trim()
        .parse()
        .map_err(|error| format!("value: {error}"))?;
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
        Options::try_parse_from([&["burgee-loadtest"], arguments].concat())
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Options::command().debug_assert();
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        for arguments in [
            ["--rate", "0"],
            ["--rate", "100001"],
            ["--duration", "601s"],
            ["--warmup", "11m"],
            ["--connections", "0"],
            ["--timeout", "0s"],
            ["--timeout", "61s"],
            ["--users", "0"],
            ["--max-errors", "1.5"],
            ["--max-errors", "NaN"],
            ["--threads", "0"],
            ["--header", "no colon"],
            ["--header", "bad name: x"],
        ] {
            assert!(parse(&arguments).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn headers_are_read_as_they_are_written_on_the_wire() {
        let options =
            parse(&["--header", "CF-IPCountry: DE", "--header", "x-time:12:30"]).expect("valid");
        assert_eq!(options.headers[0].0, "cf-ipcountry");
        assert_eq!(options.headers[0].1, "DE");
        assert_eq!(options.headers[1].1, "12:30");
    }
}
