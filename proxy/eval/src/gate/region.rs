//! Patterns of regions: `*` stands for any run of characters, the empty one included.

use crate::room::{PIECE, text_bytes};

/// One pattern, cut at its wildcards.
#[derive(Debug)]
pub(crate) struct Pattern {
    text: Box<str>,
    /// What it begins with.
    first: Box<str>,
    /// What follows each `*`, in order; the last of them ends the region. Empty: there is no wildcard.
    rest: Box<[Box<str>]>,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        let mut parts = text.split('*').map(Box::from);
        Self {
            text: text.into(),
            first: parts.next().unwrap_or_default(),
            rest: parts.collect(),
        }
    }

    /// As authored.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// What it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        let Self { text, first, rest } = self;
        let rest = rest
            .iter()
            .map(|part| size_of::<Box<str>>() + text_bytes(part));
        size_of::<Self>() + text_bytes(text) + text_bytes(first) + PIECE + rest.sum::<usize>()
    }

    /// Whether it stands for all of `region`. Each part is looked for where the one before it ended,
    /// and never further back: the earliest place leaves the most to those that follow. So the region is
    /// read once, however many wildcards there are.
    pub(crate) fn matches(&self, region: &str) -> bool {
        let Some((last, middle)) = self.rest.split_last() else {
            return *self.first == *region;
        };
        let Some(mut left) = region.strip_prefix(&*self.first) else {
            return false;
        };
        for part in middle {
            match left.find(&**part) {
                Some(at) => left = &left[at + part.len()..],
                None => return false,
            }
        }
        left.ends_with(&**last)
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn a_star_is_any_run_of_characters() {
        for (pattern, matches, others) in [
            ("eu", &["eu"][..], &["", "e", "eu-1", "aeu", "EU"][..]),
            (
                "eu-*",
                &["eu-", "eu-1", "eu-west-1"],
                &["eu", "us-1", "aeu-1"],
            ),
            ("*", &["", "eu", "*"], &[]),
            ("**", &["", "eu"], &[]),
            ("*-1", &["-1", "eu-1", "eu-1-1"], &["eu-11", "1", "eu-1-"]),
            (
                "eu*eu",
                &["eueu", "eu-eu", "eueueu"],
                &["eu", "eue", "eu-eu-"],
            ),
            (
                "a*b*c",
                &["abc", "a-b-c", "abbc", "abcbc"],
                &["acb", "ab", "abcd"],
            ),
            ("*b*b*", &["bb", "abab", "bbb"], &["b", "ab"]),
            ("a*ab", &["aab", "aaab", "abab"], &["ab", "aba"]),
        ] {
            let compiled = Pattern::new(pattern);
            assert_eq!(compiled.as_str(), pattern);
            for region in matches {
                assert!(compiled.matches(region), "{pattern} matches {region:?}");
            }
            for region in others {
                assert!(
                    !compiled.matches(region),
                    "{pattern} does not match {region:?}"
                );
            }
        }
    }

    /// Against the definition itself, on every short pattern and region of two letters.
    #[test]
    fn it_is_what_the_definition_says() {
        fn defined(pattern: &[u8], region: &[u8]) -> bool {
            match pattern.split_first() {
                None => region.is_empty(),
                Some((b'*', rest)) => (0..=region.len()).any(|skip| defined(rest, &region[skip..])),
                Some((byte, rest)) => region.first() == Some(byte) && defined(rest, &region[1..]),
            }
        }
        fn words(letters: &[char], longest: usize) -> Vec<String> {
            let mut words = vec![String::new()];
            let mut from = 0;
            for _ in 0..longest {
                let to = words.len();
                for at in from..to {
                    for letter in letters {
                        let word = format!("{}{letter}", words[at]);
                        words.push(word);
                    }
                }
                from = to;
            }
            words
        }
        let regions = words(&['a', 'b'], 6);
        for pattern in words(&['a', 'b', '*'], 5) {
            let compiled = Pattern::new(&pattern);
            for region in &regions {
                let expected = defined(pattern.as_bytes(), region.as_bytes());
                assert_eq!(compiled.matches(region), expected, "{pattern} {region}");
            }
        }
    }
}
