//! How a user falls into a bucket: the specification of `fractional`.
//!
//! An edge decision and the decision of any OpenFeature SDK must be the same for every user, and an
//! upgrade must never move one. So the algorithm is written down here, is chosen by name
//! ([`Bucketing`]), and never changes under its name.
//!
//! # From a value to a hash
//!
//! The *bucketing value* is the first argument of `fractional`, unless that argument is an array: an
//! array is the first entry of the distribution, and the *short form* is used.
//!
//! | | [`Bucketing::V3`], the default | [`Bucketing::V2`] |
//! |---|---|---|
//! | bytes of a value | its deterministic CBOR (below) | its UTF-8, strings only |
//! | null as the value, written or computed | `fractional` gives null | `fractional` gives null |
//! | any other type (a number, a boolean, an object) | encoded as it is | `fractional` gives null |
//! | `""` as the value | encoded as it is | `fractional` gives null |
//! | bytes of the short form | the CBOR of the array `[flagKey, targetingKey]` | the UTF-8 of flagKey followed by targetingKey |
//! | short form without a targeting key (absent, empty, not a string) | null | null |
//!
//! In `V2` the official evaluators turn to the short form wherever the first argument is no string, and
//! leave that argument in the distribution. An array is its first entry; anything else, null included,
//! is no entry there, so that the operator gives null for everybody, with or without a targeting key.
//!
//! The hash is MurmurHash3 x86 32 bit of those bytes, seed 0 ([`Murmur`]).
//!
//! Deterministic CBOR is RFC 8949, section 4.2.1, of the JSON value: shortest heads, definite
//! lengths, members in the bytewise order of their encoded keys (so shorter keys come first). A
//! number without a fractional part, within -2^63 ..= 2^64 - 1, is an integer, so that 1, 1.0 and -0.0
//! do not depend on who wrote them; any other number is the shortest float that holds it.
//!
//! # From a hash to a variant
//!
//! An entry is `[variant]` or `[variant, weight]`. A weight is an integer, 1 where it is not given;
//! a negative one counts as 0. With `total`, the sum of all weights,
//!
//! ```text
//! bucket = (u64(hash) * total) >> 32
//! ```
//!
//! and the first entry whose cumulative weight exceeds the bucket has the user. A total of 0, a total
//! above 2^31 - 1, and an entry of another shape give null.
//!
//! So raising the weight of one entry while the total stays and no other weight rises moves nobody
//! out of it: its range of buckets starts no later and ends no earlier than before.
//!
//! # From a user to a slot of a layer
//!
//! A layer (`delivery.<flag>.layer`) has [`LAYER_SLOTS`] slots, numbered from 0. A user's slot is
//!
//! ```text
//! hash = murmur3(CBOR of the array ["layer", name, targetingKey])
//! slot = (u64(hash) * 10000) >> 32
//! ```
//!
//! whatever the flag, its set and their bucketing are. Without a targeting key (absent, empty, not a
//! string) there is no slot. No bucketing hashes an array of three items, so the slot of a user says
//! nothing about the user's bucket in any flag. [`slot`] is this function.

mod cbor;

/// Which algorithm. A set pins it in `metadata.bucketing`, a flag in `delivery.<flag>.bucketing`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Bucketing {
    /// Murmur over UTF-8: the official evaluators before their second major version.
    V2,
    /// Murmur over deterministic CBOR.
    #[default]
    V3,
}

impl Bucketing {
    /// `v2` or `v3`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "v2" => Some(Self::V2),
            "v3" => Some(Self::V3),
            _ => None,
        }
    }

    /// The name that a document gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V3 => "v3",
        }
    }
}

/// The largest total weight: 2^31 - 1.
pub const MAX_TOTAL_WEIGHT: u32 = i32::MAX as u32;

/// The bucket of a hash, in `0..total`.
#[inline]
pub fn bucket(hash: u32, total: u32) -> u32 {
    let scaled = (u64::from(hash) * u64::from(total)) >> 32;
    u32::try_from(scaled).expect("hash < 2^32, so the result is below total")
}

/// Slots of a layer.
pub const LAYER_SLOTS: u32 = 10_000;

/// The slot of a user in a layer, in `0..LAYER_SLOTS`; `targeting_key` is not empty.
pub fn slot(layer: &str, targeting_key: &str) -> u32 {
    slot_after(layer_prefix(layer), targeting_key)
}

/// What is hashed of a layer before the targeting key.
pub(crate) fn layer_prefix(layer: &str) -> Murmur {
    let mut prefix = Murmur::new();
    prefix.cbor_array(3);
    prefix.cbor_text("layer");
    prefix.cbor_text(layer);
    prefix
}

/// The slot of a user, from [`layer_prefix`].
#[inline]
pub(crate) fn slot_after(mut prefix: Murmur, targeting_key: &str) -> u32 {
    prefix.cbor_text(targeting_key);
    bucket(prefix.finish(), LAYER_SLOTS)
}

/// MurmurHash3 x86 32 bit (Austin Appleby, public domain), seed 0, over bytes that come in pieces.
///
/// Copying it is how a constant prefix is hashed once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Murmur {
    hash: u32,
    /// Bytes that do not fill a word yet, little-endian, and zeros.
    tail: u32,
    length: u32,
}

impl Murmur {
    /// The state before any byte.
    pub fn new() -> Self {
        Self::default()
    }

    /// The hash of `bytes`, which are all there are.
    pub fn hash(bytes: &[u8]) -> u32 {
        let mut murmur = Self::new();
        let (words, rest) = bytes.as_chunks::<4>();
        for word in words {
            murmur.mix(u32::from_le_bytes(*word));
        }
        murmur.skip(words.len() * 4);
        murmur.push_few(rest);
        murmur.finish()
    }

    /// Takes more bytes. Pieces of whatever sizes give the hash of all of them in one.
    #[expect(
        clippy::inline_always,
        reason = "where a decision is made, the state must stay in registers: it saves a tenth"
    )]
    #[inline(always)]
    pub fn update(&mut self, bytes: &[u8]) {
        let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) else {
            return self.push_few(bytes);
        };
        // The word that has begun is completed; from there on words are read as they stand, wherever
        // they stand, which shifts nothing.
        self.mix(self.tail | u32::from_le_bytes(*first) << self.shift());
        let taken = 4 - (self.length % 4) as usize;
        let (words, rest) = bytes[taken..].as_chunks::<4>();
        for word in words {
            self.mix(u32::from_le_bytes(*word));
        }
        // What is left is the end of the last four bytes, at most three of them.
        let left = u64::from(u32::from_le_bytes(*last)) >> (32 - 8 * rest.len());
        self.tail = low(left);
        self.skip(bytes.len());
    }

    /// Takes fewer than four bytes.
    #[inline]
    fn push_few(&mut self, few: &[u8]) {
        match *few {
            [a] => self.push([a, 0, 0, 0], 1),
            [a, b] => self.push([a, b, 0, 0], 2),
            [a, b, c] => self.push([a, b, c, 0], 3),
            _ => {}
        }
    }

    /// Counts bytes that were taken in; the algorithm takes the length modulo 2^32.
    #[inline]
    fn skip(&mut self, bytes: usize) {
        #[allow(clippy::cast_possible_truncation)]
        let bytes = bytes as u32;
        self.length = self.length.wrapping_add(bytes);
    }

    /// Takes the first `count` of four bytes; the others are 0.
    #[inline]
    fn push(&mut self, bytes: [u8; 4], count: u32) {
        let pending = u64::from(self.tail) | u64::from(u32::from_le_bytes(bytes)) << self.shift();
        self.tail = low(pending);
        if self.length % 4 + count >= 4 {
            self.mix(low(pending));
            self.tail = low(pending >> 32);
        }
        self.length = self.length.wrapping_add(count);
    }

    /// Bits that the tail holds.
    #[inline]
    fn shift(&self) -> u32 {
        8 * (self.length % 4)
    }

    /// The hash of every byte so far.
    #[inline]
    pub fn finish(self) -> u32 {
        let mut hash = self.hash;
        if !self.length.is_multiple_of(4) {
            hash ^= scramble(self.tail);
        }
        hash ^= self.length;
        hash ^= hash >> 16;
        hash = hash.wrapping_mul(0x85eb_ca6b);
        hash ^= hash >> 13;
        hash = hash.wrapping_mul(0xc2b2_ae35);
        hash ^ (hash >> 16)
    }

    #[inline]
    fn mix(&mut self, word: u32) {
        self.hash = (self.hash ^ scramble(word))
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xe654_6b64);
    }
}

#[inline]
fn scramble(word: u32) -> u32 {
    word.wrapping_mul(0xcc9e_2d51)
        .rotate_left(15)
        .wrapping_mul(0x1b87_3593)
}

#[inline]
#[allow(clippy::cast_possible_truncation)] // The low half is what is wanted.
fn low(pending: u64) -> u32 {
    pending as u32
}

#[cfg(test)]
mod tests {
    use super::{LAYER_SLOTS, MAX_TOTAL_WEIGHT, Murmur, bucket, slot};

    #[test]
    fn murmur_is_murmur3_x86_32() {
        // From the reference implementation's verification and its users' published examples.
        let known: [(&[u8], u32); 6] = [
            (b"", 0),
            (b"\0\0\0\0", 0x2362_f9de),
            (b"test", 0xba6b_d213),
            (b"Hello, world!", 0xc036_3e43),
            (b"aaa", 0xb4d0_5fb7),
            (b"The quick brown fox jumps over the lazy dog", 0x2e4f_f723),
        ];
        for (bytes, hash) in known {
            assert_eq!(Murmur::hash(bytes), hash, "{bytes:?}");
        }
    }

    #[test]
    fn pieces_hash_as_one() {
        let bytes: Vec<u8> = (0..23).map(|byte| byte * 11).collect();
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let mut murmur = Murmur::new();
                murmur.update(&bytes[..first]);
                murmur.update(&bytes[first..second]);
                murmur.update(&bytes[second..]);
                assert_eq!(murmur.finish(), Murmur::hash(&bytes), "{first} {second}");
            }
        }
    }

    /// The bytes are written out, so that nothing that encodes them can change them unseen.
    #[test]
    fn a_slot_is_the_bucket_of_an_array_of_three() {
        let bytes = b"\x83\x65layer\x61x\x62u1";
        assert_eq!(slot("x", "u1"), bucket(Murmur::hash(bytes), LAYER_SLOTS));
        let long = "k".repeat(300);
        let mut bytes = b"\x83\x65layer\x6echeckout-tests\x79\x01\x2c".to_vec();
        bytes.extend(long.bytes());
        let expected = bucket(Murmur::hash(&bytes), LAYER_SLOTS);
        assert_eq!(slot("checkout-tests", &long), expected);
    }

    #[test]
    fn buckets_are_below_the_total() {
        for total in [1, 2, 100, MAX_TOTAL_WEIGHT] {
            assert_eq!(bucket(0, total), 0);
            assert_eq!(bucket(u32::MAX, total), total - 1);
        }
        assert_eq!(bucket(1 << 31, 100), 50);
        assert_eq!(bucket((1 << 31) - 1, 100), 49);
        assert_eq!(bucket(u32::MAX, 0), 0);
    }
}
