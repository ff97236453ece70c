#!/usr/bin/env bash
# Builds every fuzz target with the coverage instrumentation of libFuzzer and runs each for a few seconds.
# The flags are stable ones, so no nightly compiler and no cargo-fuzz is needed; there is no address sanitizer in this
# build (the product forbids unsafe code), so a finding is a panic, an overflow, a hang or too much memory.
# usage: fuzz.sh [SECONDS each, default 3] [TARGET...]
# CLINICVAULT_FUZZ_INPUTS=N: so many inputs each, however long that takes.
set -euo pipefail
cd "$(dirname "$0")/../tests/fuzz"
seconds=${1:-3}
[ $# -eq 0 ] || shift
inputs=${CLINICVAULT_FUZZ_INPUTS:-}
# Lengths and how far to go with each. Short inputs are tried ten times as fast and find nearly everything; what only
# shows in long ones gets a tenth of a long run.
if [ -n "$inputs" ]; then
  rounds=("-max_len=1024 -runs=$((inputs - inputs / 10))" "-max_len=65536 -runs=$((inputs / 10))")
else
  rounds=("-max_len=65536 -max_total_time=$seconds")
fi
host=$(rustc -vV | sed -n 's/^host: //p')
build=$(cd ../.. && mkdir -p "${CARGO_TARGET_DIR:-target}/fuzz" && cd "${CARGO_TARGET_DIR:-target}/fuzz" && pwd)

# The same instrumentation as `cargo fuzz` asks for; --target keeps it out of build scripts and macros.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares"
cargo build --release --locked --quiet --bins --target "$host" --target-dir "$build"

targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(sed -nE 's/^path = "targets\/(.*)\.rs"$/\1/p' Cargo.toml)
for target in "${targets[@]}"; do
  corpus=corpus/$target
  mkdir -p "$corpus" artifacts
  known=()
  [ ! -d "seeds/$target" ] || known=("seeds/$target")
  start=$SECONDS
  runs=0
  for round in "${rounds[@]}"; do
    # 10 s for one input and 1 GiB are far beyond what any bounded reader needs.
    # shellcheck disable=SC2086  # two options
    if ! "$build/$host/release/$target" $round -timeout=10 -rss_limit_mb=1024 \
      -artifact_prefix="artifacts/$target-" -print_final_stats=1 "$corpus" "${known[@]}" >"artifacts/$target.log" 2>&1; then
      tail -n 30 "artifacts/$target.log"
      echo "fuzz: $target failed; the input is kept under tests/fuzz/artifacts"
      exit 1
    fi
    runs=$((runs + $(sed -nE 's/^stat::number_of_executed_units: *//p' "artifacts/$target.log")))
  done
  echo "fuzz: $target, $runs inputs in $((SECONDS - start)) s, nothing found"
done
