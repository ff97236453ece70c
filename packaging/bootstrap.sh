#!/usr/bin/env bash
# Brings a fresh Debian 12 (with Rust and Node) to where ClinicVault builds, or builds and tests.
# Says what it installs; installs nothing that is there already.   usage: bootstrap.sh build|test
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:-build}

say() { printf 'setup: %s\n' "$*"; }
stop() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# 1.90 and 20 are the versions named in Cargo.toml (rust-version) and web-ui/package.json (engines).
command -v cargo >/dev/null || stop 'cargo is not here. Install Rust 1.90 or newer with rustup, open a new shell, and run this again.'
rust=$(rustc --version | sed -E 's/^rustc ([0-9]+)\.([0-9]+).*/\1 \2/')
read -r major minor <<<"$rust"
[ "$major" -gt 1 ] || [ "$minor" -ge 90 ] || stop "Rust $major.$minor is too old: 1.90 or newer is needed (rustup update)."
command -v node >/dev/null || stop 'node is not here. Install Node.js 20 or newer (with npm), and run this again.'
node_major=$(node -p 'process.versions.node.split(".")[0]')
[ "$node_major" -ge 20 ] || stop "Node.js $node_major is too old: 20 or newer is needed."

# command -> Debian package
wanted=()
need() { command -v "$1" >/dev/null || wanted+=("$2"); }
need npm npm
need cc gcc
[ -e /usr/include/stdio.h ] || wanted+=(libc6-dev)
# The transcription worker is C++ inside, and its instructions are looked at.
need cmake cmake
need c++ g++
need make make
need objdump binutils
if [ "$purpose" = test ]; then
  need openssl openssl # certificates of the peers of other makers
  [ -x /usr/sbin/sshd ] || wanted+=(openssh-server) # a server for backups
  [ -x /usr/lib/openssh/sftp-server ] || wanted+=(openssh-sftp-server)
  need espeak-ng espeak-ng # voices of the people who are heard in a browser walk
  [ -x "${CHROMIUM:-/usr/bin/chromium}" ] || wanted+=(chromium)
  python3 -c 'import venv, ensurepip' 2>/dev/null || wanted+=(python3-venv)
fi

if [ ${#wanted[@]} -gt 0 ]; then
  command -v apt-get >/dev/null || stop "missing: ${wanted[*]}; this is not a Debian, so install them your own way and run this again."
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || stop "missing: ${wanted[*]}; run as root: apt-get install ${wanted[*]}"
    as_root=(sudo)
  fi
  say "installing ${wanted[*]} (apt-get)"
  "${as_root[@]}" apt-get update -qq </dev/null
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}" </dev/null
fi
say "ready (rust $major.$minor, node $node_major)"
