# Shortcuts. ./test is the authority: what it passes may be committed.

default:
    @just --list

# Build the proxy as it is released
build:
    cargo build --release -p burgee --locked

# Everything CI checks
test:
    ./test

# Everything CI checks, and the tests that take long
test-long:
    ./test --long

# Warnings are errors, as in CI
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Format in place
fmt:
    cargo fmt --all

# Every benchmark of deciding; the official provider takes part where `protoc` is installed
bench:
    cargo bench -p burgee-eval --bench evaluate --bench compile --locked
    cargo bench -p burgee --bench route --features bench --locked
    cargo run --release --manifest-path proxy/eval/benches/peers/Cargo.toml --target-dir target \
        $(command -v protoc >/dev/null && echo --features open-feature-flagd)

# Fuzz one target until stopped; e.g. `just fuzz request -max_total_time=600`
fuzz target *options:
    mkdir -p target/fuzz/{{ target }}
    cargo fuzz run --fuzz-dir proxy/eval/fuzz --sanitizer none {{ target }} "$PWD/target/fuzz/{{ target }}" "$PWD/proxy/eval/fuzz/corpus/{{ target }}" -- -max_len=8192 {{ options }}

# Make a target's corpus anew: the fewest inputs that reach all lines that it and the small ones of what was found reach
fuzz-corpus target:
    #!/usr/bin/env bash
    set -euo pipefail
    corpus=$PWD/proxy/eval/fuzz/corpus/{{ target }} found=$PWD/target/fuzz/{{ target }} work=$(mktemp -d)
    mkdir -p "$found" "$work/small" "$work/kept"
    find "$found" -type f -size -900c -exec cp -t "$work/small" {} +
    cargo fuzz run --fuzz-dir proxy/eval/fuzz --sanitizer none {{ target }} "$work/kept" "$corpus" "$work/small" -- -set_cover_merge=1 -use_counters=0 -max_len=8192
    rm -r "$corpus"
    mv "$work/kept" "$corpus"
    rm -r "$work"

# Two example backends and the proxy; e.g. `just demo --nats`
demo *options:
    ./demo {{ options }}

# Drive a running proxy; e.g. `just load --url http://127.0.0.1:8080/ --rate 2000 --duration 10s`
load *options:
    cargo run --release -p burgee-loadtest -- {{ options }}

# Licences, sources, duplicates and advisories (needs cargo-deny and a network)
deny:
    cargo deny check

# The crates' documentation
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked
