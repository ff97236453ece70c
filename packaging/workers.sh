#!/usr/bin/env bash
# Builds the transcription worker twice, for processors with AVX2 and for every x86-64, looks whether each has only the
# instructions that it may, and leaves them packed in <target>/workers, where the box's build takes them from.
# usage: workers.sh [lint|vulkan|cuda]   `lint` runs clippy over the worker, with what the build made; `vulkan` and `cuda` build
# the worker for a graphics card into <target>/graphics, the folder for the setting scribe.graphics_dir.
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
  case $variant in
    # The bindings that come with the crate: no libclang is needed.
    avx2) set+=(WHISPER_DONT_GENERATE_BINDINGS=1) ;;
    baseline) set+=(WHISPER_DONT_GENERATE_BINDINGS=1 "${baseline[@]}") ;;
  esac
  [ -e "$folder/$settings" ] || rm -rf "$folder"
  mkdir -p "$folder" && touch "$folder/$settings"
  (cd "$worker" && env -u CARGO_TARGET_DIR -u RUSTFLAGS "${set[@]}" cargo "$1" --release --locked --quiet --target-dir "$folder" "${@:2}")
}

if [ "${1:-}" = lint ]; then
  (cd "$worker" && cargo fmt --check)
  run avx2 clippy --all-targets -- -D warnings
  exit 0
fi

case ${1:-} in
vulkan | cuda)
  need() { command -v "$1" >/dev/null || { echo "workers: $1 is not here; $2"; exit 1; }; }
  # The bindings that come with the crate know no graphics card; new ones are made.
  need clang 'install clang and libclang-dev'
  case $1 in
    vulkan) need glslc 'install glslc, libvulkan-dev (1.3.275 or newer, else name an SDK in VULKAN_SDK) and spirv-headers' ;;
    cuda) need nvcc 'install the CUDA toolkit' ;;
  esac
  run "$1" build --features "$1"
  mkdir -p "$target/graphics"
  install -m 0755 "$target/workers-build/$1/release/clinicvault-scribe-worker" "$target/graphics/$1"
  echo "workers: $target/graphics/$1, $(stat -c %s "$target/graphics/$1") bytes; name the folder in scribe.graphics_dir"
  exit 0
  ;;
esac

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
