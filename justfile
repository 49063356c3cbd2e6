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
    cargo bench -p burgee-eval --locked
    cargo bench -p burgee --bench route --features bench --locked
    cargo run --release --locked --manifest-path proxy/eval/benches/peers/Cargo.toml --target-dir target \
        $(command -v protoc >/dev/null && echo --features open-feature-flagd)

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
