//! See [`burgee::edge::fuzzing`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| burgee::edge::fuzzing::check(input));
