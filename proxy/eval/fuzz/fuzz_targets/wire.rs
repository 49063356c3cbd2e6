//! See [`burgee_fuzz::wire`].

#![no_main]

use burgee_fuzz::mutate::mutate;

/// Where the fuzzer begins without a corpus.
const START: &str =
    r#"{"flags":{"a":{"state":"ENABLED","variants":{"on":true,"off":false}}},"delivery":{}}"#;

libfuzzer_sys::fuzz_target!(|input: &[u8]| burgee_fuzz::wire::check(input));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate(data, size, max_size, seed, START)
});
