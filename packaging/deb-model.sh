#!/usr/bin/env bash
# Packs the transcription models that `make model` made, for places without internet: <target>/deb/clinicvault-model-base_VERSION_all.deb
# usage: deb-model.sh MODELS-FOLDER    (DEB_COMPRESS and DEB_OUT as in deb.sh)
set -euo pipefail
cd "$(dirname "$0")/.."
models=${1:?which folder of models?}
target=${CARGO_TARGET_DIR:-target}
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 1767225600)}
export SOURCE_DATE_EPOCH
name=clinicvault-model-base
out=${DEB_OUT:-$target/deb}
root=$out/root-$name
rm -rf "$root"
install -d "$root"/{DEBIAN,usr/share/clinicvault/models,usr/share/doc/$name}

# One size for captions, one for transcripts, and the voice detector. Files are named by their hash, so a wrong one is noticed here.
found=0
for file in "$models"/*.bin; do
  [ -e "$file" ] || break
  sum=$(sha256sum "$file" | cut -d' ' -f1)
  [ "$sum.bin" = "$(basename "$file")" ] || { echo "deb: $file is not what its name says"; exit 1; }
  install -m 0644 "$file" "$root/usr/share/clinicvault/models/"
  found=$((found + 1))
done
[ "$found" -ge 2 ] || { echo "deb: no models in $models; make model makes them"; exit 3; }
install -m 0644 packaging/deb-model/copyright "$root/usr/share/doc/$name/"
packaging/deb/changelog.sh "$version" $name | gzip -9 -n >"$root/usr/share/doc/$name/changelog.gz"
chmod 0644 "$root/usr/share/doc/$name/changelog.gz"
(cd "$root" && find usr -type f -printf '%P\n' | sort | sed 's|^|usr/|' | xargs md5sum) >"$root/DEBIAN/md5sums"
size=$(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f1)
sed "s/@VERSION@/$version/; s/@SIZE@/$size/" packaging/deb-model/control.in >"$root/DEBIAN/control"
find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

package=$out/${name}_${version}_all.deb
# Weights hardly shrink: the fast way costs a few per cent.
dpkg-deb --root-owner-group -Z"${DEB_COMPRESS:-gzip}" -b "$root" "$package" >/dev/null
rm -rf "$root"
echo "deb: $package, $(stat -c %s "$package") bytes, $found models"
