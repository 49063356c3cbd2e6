//! What a plain scalar is in YAML 1.1, by the rules of `PyYAML` 6 (`resolver.py`), the reader that the
//! official Python evaluators use. They are not all of the specification's: `y` and `n` are texts.

/// What a scalar is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Text,
    Null,
    Boolean(bool),
    /// `None`: too large to be compared, or no number after all.
    Integer(Option<i128>, Notation),
    Float(Notation),
    Date,
    /// It has a type of its own that no value has, so that the whole document is refused.
    Refused,
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notation {
    Plain,
    /// In decimal, with `_` between digits.
    Grouped,
    Octal,
    Binary,
    Hexadecimal,
    Base60,
}

pub(super) fn read(text: &str) -> Reading {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Reading::Null,
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => {
            return Reading::Boolean(true);
        }
        "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
            return Reading::Boolean(false);
        }
        "=" | "<<" => return Reading::Refused,
        _ => {}
    }
    let (is_negative, unsigned) = match text.strip_prefix(['-', '+']) {
        Some(unsigned) => (text.starts_with('-'), unsigned),
        None => (false, text),
    };
    if let Some((value, notation)) = integer(unsigned) {
        let value = value.map(|value| if is_negative { -value } else { value });
        return Reading::Integer(value, notation);
    }
    if let Some(notation) = float(text, unsigned) {
        return Reading::Float(notation);
    }
    if is_date(text) {
        return Reading::Date;
    }
    Reading::Text
}

/// `0b[01_]+`, `0[0-7_]+`, `0|[1-9][0-9_]*`, `0x[0-9a-fA-F_]+` or `[1-9][0-9_]*(:[0-5]?[0-9])+`.
fn integer(text: &str) -> Option<(Option<i128>, Notation)> {
    let written = |digits: &str, radix: u32, notation: Notation| {
        let fits = |c: char| c == '_' || c.is_digit(radix);
        let digits = (!digits.is_empty() && digits.chars().all(fits)).then_some(digits)?;
        let value = i128::from_str_radix(&digits.replace('_', ""), radix).ok();
        Some((value, notation))
    };
    if let Some(rest) = text.strip_prefix('0') {
        if rest.is_empty() {
            return Some((Some(0), Notation::Plain));
        }
        return match rest.as_bytes()[0] {
            b'b' => written(&rest[1..], 2, Notation::Binary),
            b'x' => written(&rest[1..], 16, Notation::Hexadecimal),
            _ => written(text, 8, Notation::Octal),
        };
    }
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if let Some((first, places)) = text.split_once(':') {
        if !first.chars().all(|c| c == '_' || c.is_ascii_digit()) {
            return None;
        }
        let places: Vec<i128> = places.split(':').map(base_60).collect::<Option<_>>()?;
        let first = first.replace('_', "").parse::<i128>().ok();
        let value = first.and_then(|first| {
            let mut places = places.into_iter();
            places.try_fold(first, |value, place| {
                value.checked_mul(60)?.checked_add(place)
            })
        });
        return Some((value, Notation::Base60));
    }
    let notation = if text.contains('_') {
        Notation::Grouped
    } else {
        Notation::Plain
    };
    written(text, 10, notation)
}

/// `[0-5]?[0-9]`
fn base_60(place: &str) -> Option<i128> {
    let fits = matches!(place.len(), 1 | 2) && place.bytes().all(|b| b.is_ascii_digit());
    let place = place.parse::<i128>().ok().filter(|_| fits)?;
    (place < 60).then_some(place)
}

/// `[-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)?`, `\.[0-9][0-9_]*([eE][-+][0-9]+)?`,
/// `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*`, `[-+]?\.inf` or `\.nan`. An exponent has a sign, and what
/// begins with a point has none.
fn float(text: &str, unsigned: &str) -> Option<Notation> {
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Notation::Plain);
    }
    let digits = |text: &str| text.chars().all(|c| c == '_' || c.is_ascii_digit());
    let begins = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let (whole, rest) = unsigned.split_once('.')?;
    let (fraction, exponent) = match rest.split_once(['e', 'E']) {
        Some((fraction, exponent)) => (fraction, Some(exponent)),
        None => (rest, None),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let power = exponent.strip_prefix(['-', '+']);
        power.is_some_and(|power| !power.is_empty() && power.bytes().all(|b| b.is_ascii_digit()))
    });
    if !exponent_fits || !digits(fraction) {
        return None;
    }
    if whole.is_empty() {
        let fits = text == unsigned && begins(fraction);
        return fits.then(|| grouped(text));
    }
    let (first, places) = match whole.split_once(':') {
        Some((first, places)) => (first, Some(places)),
        None => (whole, None),
    };
    if !begins(first) || !digits(first) {
        return None;
    }
    match places {
        None => Some(grouped(text)),
        Some(places) => {
            let fit = exponent.is_none() && places.split(':').all(|place| base_60(place).is_some());
            fit.then_some(Notation::Base60)
        }
    }
}

fn grouped(text: &str) -> Notation {
    if text.contains('_') {
        Notation::Grouped
    } else {
        Notation::Plain
    }
}

/// `YYYY-MM-DD`; or with a time, and then months and days of one digit, too.
fn is_date(text: &str) -> bool {
    let mut rest = Scanner(text);
    let Some([_, month, day]) = rest.day() else {
        return false;
    };
    if rest.0.is_empty() {
        return (month, day) == (2, 2);
    }
    rest.time()
}

/// What is left of a text.
struct Scanner<'t>(&'t str);

impl Scanner<'_> {
    /// How many digits are next, if at least and at most so many.
    fn digits(&mut self, least: usize, most: usize) -> Option<usize> {
        let found = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let fits = (least..=most).contains(&found);
        self.0 = &self.0[if fits { found } else { 0 }..];
        fits.then_some(found)
    }

    fn one_of(&mut self, characters: &[char]) -> Option<()> {
        self.0 = self.0.strip_prefix(characters)?;
        Some(())
    }

    fn blanks(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    /// How many digits the year, the month and the day have.
    fn day(&mut self) -> Option<[usize; 3]> {
        let year = self.digits(4, 4)?;
        self.one_of(&['-'])?;
        let month = self.digits(1, 2)?;
        self.one_of(&['-'])?;
        Some([year, month, self.digits(1, 2)?])
    }

    /// `([Tt]|[ \t]+)H:MM:SS(\.F*)?([ \t]*(Z|[-+]H(:MM)?))?`, and nothing behind.
    fn time(&mut self) -> bool {
        let mut time = || {
            self.one_of(&['T', 't', ' ', '\t'])?;
            self.blanks();
            self.digits(1, 2)?;
            self.one_of(&[':'])?;
            self.digits(2, 2)?;
            self.one_of(&[':'])?;
            self.digits(2, 2)?;
            if self.one_of(&['.']).is_some() {
                self.digits(0, usize::MAX)?;
            }
            if self.0.is_empty() {
                return Some(());
            }
            self.blanks();
            if self.one_of(&['Z']).is_some() {
                return Some(());
            }
            self.one_of(&['-', '+'])?;
            self.digits(1, 2)?;
            if self.one_of(&[':']).is_some() {
                self.digits(2, 2)?;
            }
            Some(())
        };
        time().is_some() && self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each as `yaml.safe_load` of `PyYAML` 6.0.3 reads it.
    #[test]
    fn scalars_are_what_pyyaml_reads() {
        use Notation::{Base60, Binary, Grouped, Hexadecimal, Octal, Plain};
        use Reading::{Boolean, Date, Float, Null, Refused, Text};
        let int = |value, notation| Reading::Integer(Some(value), notation);
        for (text, expected) in [
            ("~", Null),
            ("Yes", Boolean(true)),
            ("OFF", Boolean(false)),
            ("y", Text),
            ("oN", Text),
            ("=", Refused),
            ("<<", Refused),
            ("==", Text),
            ("0", int(0, Plain)),
            ("-0", int(0, Plain)),
            ("+12", int(12, Plain)),
            ("00", int(0, Octal)),
            ("-012", int(-10, Octal)),
            ("0_7", int(7, Octal)),
            ("0_", int(0, Octal)),
            ("08", Text),
            ("018", Text),
            ("0b1_1", int(3, Binary)),
            ("0b_", Reading::Integer(None, Binary)),
            ("0b2", Text),
            ("0x1f", int(31, Hexadecimal)),
            ("-0x1F", int(-31, Hexadecimal)),
            ("0x_1", int(1, Hexadecimal)),
            ("0x", Text),
            ("0o17", Text),
            ("1_000", int(1000, Grouped)),
            ("_1", Text),
            ("1:5", int(65, Base60)),
            ("190:20:30", int(685_230, Base60)),
            ("01:30", Text),
            ("10:99", Text),
            ("1:", Text),
            ("1.", Float(Plain)),
            ("1.5", Float(Plain)),
            ("00.5", Float(Plain)),
            ("-0.0", Float(Plain)),
            (".5", Float(Plain)),
            ("-.5", Text),
            ("._5", Text),
            (".", Text),
            ("1e3", Text),
            ("1.5e3", Text),
            ("1.e3", Text),
            ("1.5e", Text),
            ("1.5e+3", Float(Plain)),
            (".5E-3", Float(Plain)),
            ("1_0.5", Float(Grouped)),
            ("12:30.5", Float(Base60)),
            ("01:30.5", Float(Base60)),
            ("12:30.5e+1", Text),
            ("1.2.3", Text),
            ("-.inf", Float(Plain)),
            (".nan", Float(Plain)),
            ("2027-03-31", Date),
            ("2027-3-31", Text),
            ("2027-03-31x", Text),
            ("2027-03-31T", Text),
            ("2027-3-1T1:02:03", Date),
            ("2027-03-31T10:00:00Z", Date),
            ("2027-03-31 10:00:00.5 +01:00", Date),
            ("2027-03-31 x", Text),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        let long = "9".repeat(50);
        assert_eq!(read(&long), Reading::Integer(None, Plain));
    }
}
