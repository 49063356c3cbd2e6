//! A constant list of strings, made for asking whether a string is in it.

/// Strings to search in.
#[derive(Debug)]
pub(crate) enum Strings {
    /// All at most eight bytes long, as country codes and plans are, so that comparing two is
    /// comparing two integers.
    Short(Box<[Packed]>),
    /// Of any length.
    Long(Box<[Box<str>]>),
}

/// From how many strings on a binary search is faster than looking at each of them. Below, they stay
/// in the order in which they were written; from here on they are sorted.
const MANY: usize = 12;

impl Strings {
    pub(super) fn new(strings: Vec<Box<str>>) -> Self {
        let packed: Option<Vec<Packed>> = strings.iter().map(|text| Packed::new(text)).collect();
        match packed {
            Some(packed) => Self::Short(sorted_if_many(packed)),
            None => Self::Long(sorted_if_many(strings)),
        }
    }

    #[inline]
    pub(super) fn contains(&self, text: &str) -> bool {
        match self {
            Self::Short(strings) if strings.len() < MANY => {
                Packed::new(text).is_some_and(|text| strings.contains(&text))
            }
            _ => self.contains_elsewhere(text),
        }
    }

    /// Never inlined, for it needs more registers than the list that is short.
    #[inline(never)]
    fn contains_elsewhere(&self, text: &str) -> bool {
        match self {
            Self::Short(strings) => {
                Packed::new(text).is_some_and(|text| strings.binary_search(&text).is_ok())
            }
            Self::Long(strings) if strings.len() < MANY => {
                strings.iter().any(|string| **string == *text)
            }
            Self::Long(strings) => strings
                .binary_search_by(|string| (**string).cmp(text))
                .is_ok(),
        }
    }
}

fn sorted_if_many<T: Ord>(mut strings: Vec<T>) -> Box<[T]> {
    if strings.len() >= MANY {
        strings.sort();
    }
    strings.into()
}

/// The names of a flag's variants, in their order, for finding one by name. Empty where that does not
/// pay: many, or a long one among them.
#[derive(Debug)]
pub(crate) struct Names(Box<[Packed]>);

impl Names {
    pub(crate) fn new<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> Self {
        if names.len() > MANY {
            return Self(Box::default());
        }
        Self(
            names
                .map(Packed::new)
                .collect::<Option<_>>()
                .unwrap_or_default(),
        )
    }

    /// Whether there are any to look through.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        let name = Packed::new(name)?;
        self.0.iter().position(|other| *other == name)
    }
}

/// A string of at most eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Packed {
    length: usize,
    bytes: u64,
}

impl Packed {
    /// `None` for a longer string. Two reads that may overlap cover every length without a loop.
    #[inline]
    fn new(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        let bytes = if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
        } else if let (Some(first), Some(last)) = (text.first_chunk(), text.last()) {
            u64::from(u16::from_le_bytes(*first)) | u64::from(*last) << 16
        } else {
            text.first().copied().map_or(0, u64::from)
        };
        (text.len() <= 8).then_some(Self {
            length: text.len(),
            bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{MANY, Strings};

    const TEXTS: [&str; 16] = [
        "", "a", "b", "ab", "ba", "abc", "abd", "aabb", "aaab", "12345", "123456", "1234567",
        "12345678", "é", "日本", "DE",
    ];

    fn check(extra: &[&str]) {
        for length in [3, MANY - 1, MANY, TEXTS.len() - 1] {
            let list = TEXTS[..length].iter().chain(extra);
            let strings = Strings::new(list.map(|text| Box::from(*text)).collect());
            for (index, text) in TEXTS.iter().enumerate() {
                assert_eq!(
                    strings.contains(text),
                    index < length,
                    "{text:?} in {length}"
                );
            }
            assert!(!strings.contains("123456789"));
            assert!(extra.iter().all(|text| strings.contains(text)));
        }
    }

    #[test]
    fn finds_what_is_there_and_nothing_else() {
        check(&[]);
        check(&["longer than eight bytes"]);
    }
}
