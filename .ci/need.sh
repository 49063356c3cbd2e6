# shellcheck shell=bash
# Sourced by ./demo and ./test: brings the commands that a fresh machine lacks, and says so.
#
#   need COMMAND WHY    afterwards COMMAND is there, or the script has ended with what to do
#
# Only Rust and compilers of C and C++ are never installed from here: which ones to use is the user's choice.

# Debian puts nats-server where only root's PATH looks, and cargo installs into its own folder.
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin:${CARGO_HOME:-$HOME/.cargo}/bin"

say() { printf '== %s\n' "$*"; }

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

need() {
    local command=$1 why=$2 install
    command -v "$command" >/dev/null && return
    case $command in
    cargo) die "cargo is missing ($why). Install Rust $(rust_version) or newer: see https://rustup.rs" ;;
    cc) die "cc is missing ($why). Install a C compiler: the package gcc, clang or build-essential" ;;
    c++) die "c++ is missing ($why). Install a C++ compiler: the package g++, clang or build-essential" ;;
    esac
    install=$(install_of "$command")
    [ -n "$install" ] ||
        die "$command is missing ($why), and no package of it is known here. Install it and run again."
    if needs_root "$install"; then
        can_sudo || die "$command is missing ($why). As root, run: $install"
        install="sudo $install"
    fi
    say "installing $command ($why): $install"
    run_install "$install" || die "could not install $command ($why): $install"
    hash -r
    command -v "$command" >/dev/null || die "$command is installed, but is not on the PATH"
    if [ "$command" = nats-server ] && [ -d /run/systemd/system ]; then
        say "the package may also have started a service on port 4222; systemctl disable --now nats-server ends it"
    fi
}

# The words of an install command are ours and separated by single spaces, so splitting is what we want.
# shellcheck disable=SC2086
run_install() (
    export DEBIAN_FRONTEND=noninteractive
    $1 </dev/null && return
    # A machine that has never listed its packages, or long ago, does not find them.
    case $1 in
    *apt-get*) ${1%%apt-get*}apt-get update -q </dev/null && $1 </dev/null ;;
    *) return 1 ;;
    esac
)

# The command that installs another one on this machine; empty when none is known.
install_of() {
    local command=$1 package=$1
    if [ "$command" = cargo-fuzz ]; then
        echo "cargo install -q --locked --version 0.13.2 cargo-fuzz"
    elif command -v apt-get >/dev/null; then
        echo "apt-get install -q -y --no-install-recommends $package"
    elif command -v dnf >/dev/null; then
        # Fedora has no package of nats-server.
        [ "$command" = nats-server ] || echo "dnf install -q -y $package"
    elif command -v apk >/dev/null; then
        echo "apk add -q $package"
    elif command -v brew >/dev/null; then
        [ "$command" = npm ] && package=node
        echo "brew install $package"
    fi
}

needs_root() { case $1 in brew* | cargo*) false ;; *) [ "$(id -u)" != 0 ] ;; esac }

# With a terminal, sudo may ask for a password; without one it must not.
can_sudo() { command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; }

rust_version() { sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml; }

# What compiling pingora takes: it builds zlib-ng from C, with cmake and make.
need_build_tools() {
    need cargo "builds Burgee"
    need cc "compiles the C parts of dependencies"
    need cmake "pingora builds zlib-ng with it"
    need make "cmake builds with it"
}
