#!/usr/bin/env bash
# Builds the transcription worker twice, for processors with AVX2 and for every x86-64, looks whether each has only the
# instructions that it may, and leaves them packed in <target>/workers, where the box's build takes them from.
# usage: workers.sh [lint]   `lint` runs clippy over the worker, with what the build made.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
[ "$(uname -m)" = x86_64 ] || { echo 'workers: only x86-64 is built here; this box will have no transcription'; exit 0; }

baseline=(GGML_AVX=OFF GGML_AVX2=OFF GGML_FMA=OFF GGML_F16C=OFF GGML_BMI2=OFF)
worker=appliance/scribe/worker
# The C++ is compiled when cargo says so, and cargo does not look at these settings: a change of this file starts anew.
settings=$(sha256sum packaging/workers.sh .cargo/config.toml | sha256sum | cut -c1-16)

run() { # variant, cargo arguments...
  local variant=$1; shift
  local folder=$target/workers-build/$variant set=(SCRIBE_VARIANT="$variant")
  [ "$variant" = avx2 ] || set+=("${baseline[@]}")
  [ -e "$folder/$settings" ] || rm -rf "$folder"
  mkdir -p "$folder" && touch "$folder/$settings"
  (cd "$worker" && env -u CARGO_TARGET_DIR -u RUSTFLAGS "${set[@]}" cargo "$1" --release --locked --quiet --target-dir "$folder" "${@:2}")
}

if [ "${1:-}" = lint ]; then
  (cd "$worker" && cargo fmt --check)
  run avx2 clippy --all-targets -- -D warnings
  exit 0
fi

mkdir -p "$target/workers"
for variant in avx2 baseline; do
  run "$variant" build
  built=$target/workers-build/$variant/release/clinicvault-scribe-worker
  packed=$target/workers/$variant.gz
  [ ! "$packed" -nt "$built" ] || continue
  # zmm: AVX-512. ymm and xmm with a v: AVX and later.
  never='%zmm'
  [ "$variant" = avx2 ] || never='%[yz]mm'
  if objdump -d --no-show-raw-insn "$built" | grep -m1 -E "$never" >"$target/workers/why"; then
    echo "workers: the $variant worker has instructions that it must not have:"
    cat "$target/workers/why"
    exit 1
  fi
  rm -f "$target/workers/why"
  gzip -9 -n -c "$built" >"$packed.new"
  mv "$packed.new" "$packed"
  echo "workers: $variant, $(stat -c %s "$built") bytes, $(stat -c %s "$packed") packed"
done
rm -f "$target/workers/why"
