//! See [`burgee_fuzz::evaluate`].

#![no_main]

use burgee_fuzz::mutate::mutate;

/// Where the fuzzer begins without a corpus.
const START: &str = r#"{"sets":[{"flags":{"a":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"==":[{"var":"a"},"b"]},"on",null]}}}}],"context":{"targetingKey":"user-1","a":"b"},"now":0}"#;

libfuzzer_sys::fuzz_target!(|input: &[u8]| burgee_fuzz::evaluate::check(input));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate(data, size, max_size, seed, START)
});
