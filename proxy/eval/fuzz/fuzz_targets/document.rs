//! See [`burgee_fuzz::document`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| burgee_fuzz::document::check(input));
