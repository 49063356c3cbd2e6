//! `x-flags-revision`: equal on equal proxies, whichever way they got what they serve.

use http::HeaderValue;
use sha2::{Digest as _, Sha256};

use crate::envelope::Digest;

/// The first 16 hex digits of a SHA-256 over, in this order: `burgee revision v1`; the number of sets; for
/// each set in order of name, the length of its name, its name, and the SHA-256 of its text; the number
/// of overrides in force, and the SHA-256 of each one's document, sorted. Numbers are 8 bytes, big-endian.
pub(super) fn header<'s>(
    sets: impl IntoIterator<Item = (&'s str, Digest)>,
    overrides: &[Digest],
) -> HeaderValue {
    let mut sets: Vec<(&str, Digest)> = sets.into_iter().collect();
    sets.sort_unstable();
    let mut hash = Sha256::new();
    hash.update(b"burgee revision v1");
    hash.update(length(sets.len()));
    for (name, digest) in sets {
        hash.update(length(name.len()));
        hash.update(name);
        hash.update(digest.0);
    }
    hash.update(length(overrides.len()));
    for digest in overrides {
        hash.update(digest.0);
    }
    let text = Digest(hash.finalize().into()).to_string();
    HeaderValue::from_str(&text[..16]).expect("hex digits are a header value")
}

fn length(length: usize) -> [u8; 8] {
    (length as u64).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_arrival_does_not_matter_and_everything_else_does() {
        let (a, b) = (("a", Digest([1; 32])), ("b", Digest([2; 32])));
        let both = header([a, b], &[]);
        assert_eq!(both, header([b, a], &[]));
        assert_eq!(both.len(), 16);
        assert_ne!(both, header([a], &[]));
        assert_ne!(both, header([("a", b.1), ("b", a.1)], &[]));
        assert_ne!(both, header([a, b], &[Digest([3; 32])]));
    }
}
