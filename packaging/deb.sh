#!/usr/bin/env bash
# Packs a release binary for Debian: <target>/deb/clinicvault_VERSION_ARCH.deb. Needs dpkg-deb and binutils, no network.
# usage: deb.sh BINARY [ARCH]   DEB_COMPRESS=none packs fast and large, for tests; DEB_OUT names another folder for the result
set -euo pipefail
cd "$(dirname "$0")/.."
binary=${1:?which binary?}
arch=${2:-$(dpkg --print-architecture)}
target=${CARGO_TARGET_DIR:-target}
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
# What is packed is as old as the source, so that the same source makes the same package.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 1767225600)}
export SOURCE_DATE_EPOCH

out=${DEB_OUT:-$target/deb}
root=$out/root-$arch
rm -rf "$root"
install -d "$root"/{DEBIAN,usr/bin,usr/lib/systemd/system,usr/lib/sysusers.d,etc/clinicvault,usr/share/doc/clinicvault,usr/share/man/man1}

install -m 0755 "$binary" "$root/usr/bin/clinicvault"
strip=strip
[ "$arch" != arm64 ] || [ "$(uname -m)" = aarch64 ] || strip=aarch64-linux-gnu-strip
"$strip" --strip-unneeded "$root/usr/bin/clinicvault"
install -m 0644 systemd/*.service systemd/*.socket systemd/*.slice "$root/usr/lib/systemd/system/"
install -m 0644 systemd/clinicvault.sysusers "$root/usr/lib/sysusers.d/clinicvault.conf"
install -m 0644 packaging/deb/clinicvault.toml "$root/etc/clinicvault/"
install -m 0644 packaging/deb/copyright "$root/usr/share/doc/clinicvault/"
packaging/deb/changelog.sh "$version" | gzip -9 -n >"$root/usr/share/doc/clinicvault/changelog.gz"
gzip -9 -n -c packaging/deb/clinicvault.1 >"$root/usr/share/man/man1/clinicvault.1.gz"
find "$root" -type f -name '*.gz' -exec chmod 0644 {} +

# The floor that the package promises: an old library would refuse the program with a riddle.
floor=$(objdump -T "$root/usr/bin/clinicvault" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)
case $floor in
GLIBC_2.[0-9] | GLIBC_2.[0-9].* | GLIBC_2.[12][0-9] | GLIBC_2.[12][0-9].* | GLIBC_2.3[0-4]) ;;
*) echo "deb: the program needs $floor; the package promises 2.34"; exit 1 ;;
esac
foreign=$(readelf -d "$root/usr/bin/clinicvault" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | grep -vE '^(libc|libm|libgcc_s|ld-linux-[a-z0-9-]+)\.so\.[0-9]+$' || true)
[ -z "$foreign" ] || { echo "deb: the program needs libraries that the package does not name: $foreign"; exit 1; }

for script in postinst prerm postrm; do install -m 0755 "packaging/deb/$script" "$root/DEBIAN/"; done
echo /etc/clinicvault/clinicvault.toml >"$root/DEBIAN/conffiles"
(cd "$root" && find usr -type f -printf '%P\n' | sort | sed 's|^|usr/|' | xargs md5sum) >"$root/DEBIAN/md5sums"
size=$(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f1)
sed "s/@VERSION@/$version/; s/@ARCH@/$arch/; s/@SIZE@/$size/" packaging/deb/control.in >"$root/DEBIAN/control"
find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

package=$out/clinicvault_${version}_$arch.deb
dpkg-deb --root-owner-group -Z"${DEB_COMPRESS:-xz}" -b "$root" "$package" >/dev/null
echo "deb: $package, $(stat -c %s "$package") bytes, $floor"
