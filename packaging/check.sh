#!/usr/bin/env bash
# Formatting, lints and licences; `check.sh all` (the default) tests and builds the web UI as well.
# usage: check.sh [lint|all]
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1:-all}" = all ]; then
  make ui
fi
echo '-- formatting'
cargo fmt --all --check
echo '-- lints'
cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
echo '-- the transcription worker'
packaging/workers.sh lint
echo '-- licences'
node packaging/licences.mjs
if [ "${1:-all}" = all ]; then
  packaging/test.sh
fi
