#!/usr/bin/env bash
# FHIR clients and HL7 v2 peers of other makers against the built box (tests/clients). usage: clients.sh [node|python|places]
# The box is $CLINICVAULT_BIN, or the debug build in the cargo target folder.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
clients=tests/clients

walk_node() {
  [ "$clients/node/node_modules/.package-lock.json" -nt "$clients/node/package-lock.json" ] ||
    ( cd "$clients/node" && npm ci --no-audit --no-fund --ignore-scripts )
  node "$clients/run.mjs" node
}

# A machine that reaches npm and cargo alone has no way to these packages: that is said, and counts as nothing.
walk_python() {
  local venv=$target/clients-venv stamp log
  stamp=$venv/$(sha256sum "$clients/python/requirements.txt" | cut -c1-16)
  if [ ! -e "$stamp" ]; then
    rm -rf "$venv"
    if ! log=$(python3 -m venv "$venv" 2>&1 && "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 \
      --timeout 10 --only-binary :all: --require-hashes --requirement "$clients/python/requirements.txt" 2>&1); then
      rm -rf "$venv"
      echo "Python clients were not run: $(grep -v '^$' <<<"$log" | tail -n 1)"
      return
    fi
    touch "$stamp"
  fi
  node "$clients/run.mjs" python "$(cd "$venv/bin" && pwd)/python"
}

# An S3 server of another maker, for the tests of places for backups; they say when it is not there.
make_places() {
  local venv=$target/places-venv stamp log
  stamp=$venv/$(sha256sum "$clients/python/places.txt" | cut -c1-16)
  [ ! -e "$stamp" ] || return 0
  rm -rf "$venv"
  if log=$(python3 -m venv "$venv" 2>&1 && "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 \
    --timeout 10 --only-binary :all: --require-hashes --requirement "$clients/python/places.txt" 2>&1); then
    touch "$stamp"
  else
    rm -rf "$venv"
    echo "no S3 server for tests: $(grep -v '^$' <<<"$log" | tail -n 1)"
  fi
}

case ${1:-} in
  node) walk_node ;;
  places) make_places ;;
  python) walk_python ;;
  '')
    status=0
    packaging/clients.sh node || status=$?
    packaging/clients.sh python || status=$?
    exit "$status"
    ;;
  *) echo 'usage: clients.sh [node|python|places]' >&2; exit 2 ;;
esac
