//! What the fuzzer has found worth keeping, as ordinary tests. `CONTRIBUTING.md` says how to fuzz.

use std::path::Path;

#[allow(unreachable_pub, reason = "elsewhere it is a library")]
#[path = "../fuzz/src/bucketing.rs"]
mod bucketing;
#[allow(unreachable_pub, reason = "elsewhere it is a library")]
#[path = "../fuzz/src/document.rs"]
mod document;
#[allow(unreachable_pub, reason = "elsewhere it is a library")]
#[path = "../fuzz/src/evaluate.rs"]
mod evaluate;

#[test]
fn document() {
    replay("document", document::check);
}

#[test]
fn evaluate() {
    replay("evaluate", evaluate::check);
}

#[test]
fn bucketing() {
    replay("bucketing", bucketing::check);
}

/// They are code to whoever clones the repository: `just fuzz-corpus` keeps no more than is needed.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the core reads no files; its corpora are some"
)]
fn all_corpora_stay_below_a_megabyte() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut bytes = 0;
    for corpus in std::fs::read_dir(folder).expect("the corpora are in the repository") {
        let corpus = corpus.expect("the corpora can be read").path();
        for input in std::fs::read_dir(corpus).expect("a corpus is a folder") {
            let input = input.expect("a corpus can be read");
            bytes += input.metadata().expect("an input is a file").len();
        }
    }
    assert!(bytes < 1_000_000, "{bytes} bytes");
}

/// Checks every input of a corpus, and names those that fail.
#[expect(
    clippy::disallowed_methods,
    reason = "the core reads no files; its corpora are some"
)]
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let folder = folder.join(target);
    let mut inputs = 0;
    let mut failed = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("the corpus is in the repository") {
        let path = entry.expect("the corpus can be read").path();
        let input = std::fs::read(&path).expect("an input can be read");
        if std::panic::catch_unwind(|| check(&input)).is_err() {
            failed.push(path);
        }
        inputs += 1;
    }
    assert!(inputs > 0, "no inputs in {}", folder.display());
    assert!(failed.is_empty(), "these fail: {failed:#?}");
}
