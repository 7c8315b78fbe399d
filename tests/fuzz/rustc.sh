#!/bin/sh
# Compiles this crate, and nothing that it depends on, so that libFuzzer sees which branches an input takes. Cargo calls it in
# rustc's place (RUSTC_WORKSPACE_WRAPPER): dependencies, the C++ engine before all, are used as they were built for the tests.
case " $* " in
    *" build_script_build "*) exec "$@" ;;
esac
exec "$@" --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
