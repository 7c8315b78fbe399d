#!/bin/sh
# Fuzzes targets one after the other: run.sh TARGET-FOLDER SECONDS NAME...
# What is found on the way is kept in TARGET-FOLDER/fuzz, so that the next run goes on from there; what breaks a promise ends the run,
# and its input is named.
set -eu
cd "$(dirname "$0")/../.."
target=$1 seconds=$2
shift 2

CARGO_TARGET_DIR=$target RUSTC_WORKSPACE_WRAPPER=$PWD/tests/fuzz/rustc.sh cargo build --locked --example fuzz
# Another build without instrumentation would take its place.
cp "$target/debug/examples/fuzz" "$target/fuzz-program"
for name in "$@"; do
    mkdir -p "$target/fuzz/$name"
    log=$target/fuzz/$name.log
    if ! INKPRINT_FUZZ=$name "$target/fuzz-program" -max_total_time="$seconds" -timeout=20 -max_len=2048 \
        -artifact_prefix="$target/fuzz/$name-" "$target/fuzz/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        echo "fuzz target $name broke a promise: see $log" >&2
        exit 1
    fi
    echo "fuzz target $name: $(tail -n 1 "$log")"
done
