//! Numbers as text and text as numbers, the way Python's `float` and `%.15g` have them.

use std::fmt::{self, Write as _};

/// A short text on the stack, so that a number beside a string does not allocate.
pub(super) struct SmallText {
    bytes: [u8; 40],
    length: usize,
}

impl SmallText {
    pub(super) fn new() -> Self {
        Self {
            bytes: [0; 40],
            length: 0,
        }
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).expect("only whole strings are written")
    }
}

impl fmt::Write for SmallText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes
            .get_mut(self.length..end)
            .ok_or(fmt::Error)?
            .copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// Integers as they are; other numbers with up to 15 significant digits, as `%.15g` writes them.
pub(super) fn write_number(value: f64, out: &mut impl fmt::Write) -> fmt::Result {
    const SAFE: f64 = 9_007_199_254_740_991.0;
    if !value.is_finite() {
        return out.write_str(if value.is_nan() {
            "nan"
        } else if value > 0.0 {
            "inf"
        } else {
            "-inf"
        });
    }
    if value == 0.0 {
        return out.write_str(if value.is_sign_negative() { "-0" } else { "0" });
    }
    if value.fract() == 0.0 && value.abs() <= SAFE {
        #[allow(clippy::cast_possible_truncation)] // Integral and in range.
        return write!(out, "{}", value as i64);
    }
    let mut scientific = SmallText::new();
    write!(scientific, "{value:.14e}")?;
    let (mantissa, exponent) = scientific.as_str().split_once('e').ok_or(fmt::Error)?;
    let exponent: i32 = exponent.parse().map_err(|_| fmt::Error)?;
    if (-4..15).contains(&exponent) {
        let mut fixed = SmallText::new();
        let digits = usize::try_from(14 - exponent).map_err(|_| fmt::Error)?;
        write!(fixed, "{value:.digits$}")?;
        return out.write_str(without_zeros(fixed.as_str()));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    write!(
        out,
        "{}e{sign}{:02}",
        without_zeros(mantissa),
        exponent.abs()
    )
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

/// The number that a text says, or not a number. `inf` is none, `infinity` is one.
pub(crate) fn parse_number(text: &str) -> f64 {
    let text = text.trim();
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if unsigned.eq_ignore_ascii_case("inf") {
        return f64::NAN;
    }
    if text.contains('_') {
        return parse_grouped(text);
    }
    text.parse().unwrap_or(f64::NAN)
}

/// Single underscores between digits group them.
fn parse_grouped(text: &str) -> f64 {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(u8::is_ascii_digit)
    };
    let well_placed = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'_')
        .all(|(at, _)| digit(at.checked_sub(1)) && digit(Some(at + 1)));
    if well_placed {
        text.replace('_', "").parse().unwrap_or(f64::NAN)
    } else {
        f64::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::parse_number;

    /// Python's `strip` takes the four separators for blanks, and its `float` does not.
    #[test]
    fn separators_are_no_blanks_around_a_number() {
        for text in ["\u{1c}3", "3\u{1f}", "\u{a0}\u{1c}3", "\u{feff}3"] {
            assert!(parse_number(text).is_nan(), "{text:?}");
        }
        for text in [
            " 3",
            "3\n",
            "\u{b}3\u{c}",
            "\u{85}3",
            "\u{a0}3\u{2028}",
            "\u{3000}3",
        ] {
            assert!((parse_number(text) - 3.0).abs() < f64::EPSILON, "{text:?}");
        }
    }
}
