#!/usr/bin/env bash
# Every test, stage by stage: Rust, web UI, browser walks, clients of other makers. All stages run even when one fails;
# the last line is the sum over them, `N passed, N failed`, and the exit status follows it.
set -uo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
passed=0 failed=0
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

# stage NAME COUNTER COMMAND...: runs, shows the output, adds up what COUNTER finds in it.
# A command that fails without naming a failed test counts as one failure.
stage() {
  local name=$1 counter=$2 start=$SECONDS status p f; shift 2
  printf '\n== %s\n' "$name"
  "$@" 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  read -r p f < <(sed -E 's/\x1b\[[0-9;]*m//g' "$log" | "$counter" "$status")
  [ "$status" -eq 0 ] || [ "$f" -gt 0 ] || f=1
  passed=$((passed + p)) failed=$((failed + f))
  printf '== %s: %d passed, %d failed, %d s\n' "$name" "$p" "$f" $((SECONDS - start))
}

# Counters read the output on stdin, get the exit status, and print "PASSED FAILED".
whole() { cat >/dev/null; if [ "$1" -eq 0 ]; then echo 1 0; else echo 0 1; fi; }
# The last `N passed` and `N failed` (nextest, vitest and the browser walks close like that).
closing() {
  awk '/[0-9]+ passed/ && !/test result/ { p = 0; f = 0
         if (match($0, /[0-9]+ passed/)) p = substr($0, RSTART, RLENGTH) + 0
         if (match($0, /[0-9]+ failed/)) f = substr($0, RSTART, RLENGTH) + 0 }
       END { print p + 0, f + 0 }'
}
# One `test result:` line for each test binary (cargo test).
each() {
  awk '/^test result:/ { match($0, /[0-9]+ passed/); p += substr($0, RSTART, RLENGTH)
         match($0, /[0-9]+ failed/); f += substr($0, RSTART, RLENGTH) } END { print p + 0, f + 0 }'
}

browser_walks() {
  ( cd tests/browser &&
    { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund; } &&
    node run.mjs )
}

# The box embeds its transcription workers, so they come first; the models come after, made by the box.
stage 'transcription workers' whole packaging/workers.sh
# Box and tests in one build: built apart they would resolve other features and compile the dependencies twice.
stage 'build the box and its tests' whole cargo build --locked --workspace --bins --tests --example call_server
CLINICVAULT_BIN=$(cd "$target" && pwd)/debug/clinicvault
export CLINICVAULT_BIN
# Tests that need a model say `skipped: no model` where none can be had.
packaging/models.sh "$CLINICVAULT_BIN" || true
# The same for an S3 server; OpenSSH comes with packaging/bootstrap.sh.
packaging/clients.sh places || true
if cargo nextest --version >/dev/null 2>&1; then
  stage 'rust tests' closing cargo nextest run --workspace --locked --no-fail-fast --status-level fail --final-status-level slow
else
  stage 'rust tests' each cargo test --workspace --locked --no-fail-fast --quiet
fi
if [ -f web-ui/package.json ]; then
  stage 'web UI units' closing npm --prefix web-ui run --silent test
  stage 'web UI types' whole npm --prefix web-ui run --silent check
  stage 'web UI contrast' whole npm --prefix web-ui run --silent contrast
fi
if [ -f tests/browser/run.mjs ]; then
  stage 'browser walks' closing browser_walks
fi
stage 'FHIR clients from npm' closing packaging/clients.sh node
stage 'FHIR clients from PyPI' closing packaging/clients.sh python

printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
