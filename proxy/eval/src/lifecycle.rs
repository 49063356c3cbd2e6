//! A flag's lifecycle, as its metadata tells it: whose it is, what for, how far along, and until when.
//!
//! It changes no decision: a flag that has expired is served as authored, for one that changes by itself
//! at midnight is an outage with a date. flagd's metadata is free, so that what is malformed is a warning
//! and counts as absent.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::code;
use crate::flag::Flag;
use crate::pointer::join_pointer;
use crate::problem::{Problem, Problems, Severity};

/// What a flag's metadata says of its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lifecycle<'f> {
    /// Who answers for it: a team, a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<&'f str>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<&'f str>,
    /// How far along it is: `experiment`, `rollout`, `permanent`, whatever its owners call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<&'f str>,
    /// The last day on which it is meant to be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Date>,
}

impl<'f> Lifecycle<'f> {
    /// From metadata; what is malformed counts as absent.
    pub fn of(metadata: &'f Map<String, Value>) -> Self {
        let text = |key: &str| metadata.get(key).and_then(text);
        Self {
            owner: text("owner"),
            purpose: text("purpose"),
            stage: text("stage"),
            expires: metadata.get("expires").and_then(date),
        }
    }

    /// Whether its last day is over, in UTC. `now` is in Unix seconds.
    pub fn has_expired(&self, now: u64) -> bool {
        self.expires.is_some_and(|date| date.is_over(now))
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Flag {
    /// From its metadata and its set's.
    pub fn lifecycle(&self) -> Lifecycle<'_> {
        Lifecycle::of(&self.metadata)
    }
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.trim().is_empty())
}

fn date(value: &Value) -> Option<Date> {
    value.as_str()?.parse().ok()
}

/// Warns of what is malformed in metadata that stands at `path`.
pub(crate) fn check(metadata: &Map<String, Value>, path: &str, problems: &mut Problems) {
    let mut warn = |key: &str, message: String, help: &str| {
        let path = join_pointer(path, key);
        let problem = Problem::new(Severity::Warning, path, message);
        problems.push(problem.code(code::INVALID_LIFECYCLE).help(help));
    };
    // Lists, objects and null are no metadata at all, which is reported where it is read.
    let given = |key: &str| metadata.get(key).filter(|value| is_scalar(value));
    for key in ["owner", "purpose", "stage"] {
        if let Some(value) = given(key).filter(|value| text(value).is_none()) {
            let message = format!("{value} is no {key}, and counts as none");
            warn(key, message, "write it as a text, or remove it");
        }
    }
    if let Some(value) = given("expires").filter(|value| date(value).is_none()) {
        let message = format!("{value} is no date, so this never expires");
        warn("expires", message, "write the last day as \"2027-03-31\"");
    }
}

fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::Bool(_) | Value::Number(_) | Value::String(_))
}

/// A day of the Gregorian calendar, from 0000-01-01 to 9999-12-31.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// Not `YYYY-MM-DD`, or no day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date such as 2027-03-31")]
pub struct DateError;

impl Date {
    /// Whether the day is over in UTC. `now` is in Unix seconds.
    pub fn is_over(self, now: u64) -> bool {
        const DAY: u64 = 24 * 60 * 60;
        let today = i64::try_from(now / DAY).unwrap_or(i64::MAX);
        self.unix_day() < today
    }

    /// Days since 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    fn unix_day(self) -> i64 {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        // A year begins with March, so that the day that leap years add is its last.
        let year = i64::from(self.year) - i64::from(month <= 2);
        let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
        let month = (month + 9) % 12;
        let day_of_year = (153 * month + 2) / 5 + day - 1;
        let day_of_era = year * 365 + year / 4 - year / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468
    }
}

impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        let bytes = text.as_bytes();
        let shaped = bytes.len() == 10
            && bytes.iter().enumerate().all(|(at, byte)| match at {
                4 | 7 => *byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        let part = |range| -> Result<u16, DateError> {
            let digits: &str = text.get(range).ok_or(DateError)?;
            digits.parse().map_err(|_| DateError)
        };
        if !shaped {
            return Err(DateError);
        }
        let (year, month, day) = (part(0..4)?, part(5..7)?, part(8..10)?);
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            1..=12 => 31,
            _ => return Err(DateError),
        };
        if !(1..=days).contains(&day) {
            return Err(DateError);
        }
        let small = |part: u16| u8::try_from(part).map_err(|_| DateError);
        Ok(Self {
            year,
            month: small(month)?,
            day: small(day)?,
        })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day } = self;
        write!(formatter, "{year:04}-{month:02}-{day:02}")
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::Date;

    #[track_caller]
    fn date(text: &str) -> Date {
        text.parse().unwrap_or_else(|_| panic!("{text}"))
    }

    #[test]
    fn a_day_is_over_when_the_next_begins() {
        // Seconds as `date -u -d … +%s` gives them.
        for (text, begins) in [
            ("1970-01-01", 0),
            ("1999-12-31", 946_598_400),
            ("2000-02-29", 951_782_400),
            ("2024-02-29", 1_709_164_800),
            ("2027-03-31", 1_806_451_200),
            ("9999-12-31", 253_402_214_400),
        ] {
            let date = date(text);
            assert!(!date.is_over(begins), "{text}");
            assert!(!date.is_over(begins + 86_399), "{text}");
            assert!(date.is_over(begins + 86_400), "{text}");
            assert_eq!(date.to_string(), text);
        }
        assert!(date("1969-12-31").is_over(0));
        assert!(date("0000-01-01").is_over(0));
    }

    #[test]
    fn what_is_no_date() {
        for text in [
            "",
            "2027",
            "2027-3-31",
            "2027-03-31T00:00:00Z",
            "2027/03/31",
            "2027-13-01",
            "2027-00-10",
            "2027-04-31",
            "2027-02-29",
            "1900-02-29",
            "2027-03-00",
            "+027-03-01",
            "２０２７-03-31",
            "2027-03-3１",
        ] {
            assert_eq!(text.parse::<Date>(), Err(super::DateError), "{text}");
        }
    }
}
