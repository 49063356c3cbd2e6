//! What the fuzzer has found worth keeping, as ordinary tests. The corpora of the core are replayed by
//! `eval/tests/corpus.rs`, that of requests by `edge/fuzzing.rs`.

#[allow(unreachable_pub, reason = "elsewhere it is a library")]
#[path = "../eval/fuzz/src/wire.rs"]
mod wire;

#[test]
fn wire() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/eval/fuzz/corpus/wire");
    let mut inputs = 0;
    let mut failed = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the corpus is in the repository") {
        let path = entry.expect("the corpus can be read").path();
        let input = std::fs::read(&path).expect("an input can be read");
        if std::panic::catch_unwind(|| wire::check(&input)).is_err() {
            failed.push(path);
        }
        inputs += 1;
    }
    assert!(inputs > 0, "no inputs in {folder}");
    assert!(failed.is_empty(), "these fail: {failed:#?}");
}
