#!/usr/bin/env bash
# Measures the release binary and prints one table; bench-results.json holds the same. Nothing else should be busy.
# CLINICVAULT_BENCH=quick makes a short run of it, to see that everything works; CLINICVAULT_BENCH_ROUNDS=1 one round each;
# CLINICVAULT_BENCH=call measures calls alone (they print a table of their own).
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
cargo build --release --locked -p clinicvault --bin clinicvault
CLINICVAULT_BIN=$(cd "$target" && pwd)/release/clinicvault
export CLINICVAULT_BIN
case ${CLINICVAULT_BENCH:-} in '' | quick | call) cargo bench --quiet --locked -p clinicvault-media --bench call ;; esac
[ "${CLINICVAULT_BENCH:-}" != call ] || exit 0
exec cargo bench --quiet --locked -p clinicvault-tests --bench load
