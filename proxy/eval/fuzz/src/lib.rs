//! What each fuzz target checks. Kept apart from libFuzzer, so that ordinary tests run the same
//! checks over the corpora: `proxy/eval/tests/corpus.rs` and `proxy/tests/corpus.rs`.
//!
//! What requests are made of is not public, so its check is in `burgee::edge::fuzzing`.

pub mod bucketing;
pub mod document;
pub mod evaluate;
pub mod mutate;
pub mod wire;
