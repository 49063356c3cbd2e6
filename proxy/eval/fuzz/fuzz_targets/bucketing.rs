//! See [`burgee_fuzz::bucketing`].

#![no_main]

use burgee_fuzz::mutate::mutate;

/// Where the fuzzer begins without a corpus.
const START: &str = r#"{"value":"user-1","flag":"f","key":"user-1","bits":0}"#;

libfuzzer_sys::fuzz_target!(|input: &[u8]| burgee_fuzz::bucketing::check(input));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate(data, size, max_size, seed, START)
});
