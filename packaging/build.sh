#!/usr/bin/env bash
# Makes a Debian package of build/release/eilpost in build/package. Called by ./dev package, which
# has built the program. It needs no root: dpkg-deb writes root as the owner of everything.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
binary=build/release/eilpost
[ -x "$binary" ] || { echo "package: there is no $binary; ./dev build makes it" >&2; exit 1; }

version=$("$binary" version | cut -d' ' -f2)
architecture=$(dpkg --print-architecture)
out=build/package
root=$out/root
rm -rf "$out"
mkdir -p "$root/DEBIAN" "$out/debian"

place() { install -D -m "$1" "$2" "$root/$3"; }  # place MODE FILE TARGET
place 755 "$binary" usr/bin/eilpost
strip --strip-unneeded "$root/usr/bin/eilpost"
place 644 packaging/eilpost.toml etc/eilpost/eilpost.toml
place 644 packaging/eilpost.service lib/systemd/system/eilpost.service
place 644 packaging/eilpost.bash usr/share/bash-completion/completions/eilpost
for page in eilpost.1 eilpost.toml.5; do
  place 644 "packaging/$page" "usr/share/man/man${page##*.}/$page"
  gzip -9n "$root/usr/share/man/man${page##*.}/$page"
done
place 644 LICENSE usr/share/doc/eilpost/copyright
place 644 README.md usr/share/doc/eilpost/README.md
place 644 CHANGELOG.md usr/share/doc/eilpost/changelog
gzip -9n "$root/usr/share/doc/eilpost/changelog"
for page in docs/*.md; do place 644 "$page" "usr/share/doc/eilpost/${page##*/}"; done
for script in postinst prerm postrm; do
  install -m 755 "packaging/debian/$script" "$root/DEBIAN/$script"
done
echo /etc/eilpost/eilpost.toml >"$root/DEBIAN/conffiles"

# dpkg-shlibdeps wants a source package around it.
printf 'Source: eilpost\n\nPackage: eilpost\nArchitecture: any\n' >"$out/debian/control"
needed=$(cd "$out" && dpkg-shlibdeps -O root/usr/bin/eilpost 2>/dev/null |
  sed -n 's/^shlibs:Depends=//p')
[ -n "$needed" ] || { echo "package: the libraries that it needs are not known" >&2; exit 1; }
cat >"$root/DEBIAN/control" <<TEXT
Package: eilpost
Version: $version
Section: mail
Priority: optional
Architecture: $architecture
Depends: adduser, $needed
Provides: imap-server
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Maintainer: Eilpost <eilpost@localhost>
Description: IMAP mail server
 Eilpost keeps mail, takes deliveries by LMTP, and serves any IMAP client:
 IMAP4rev1 and IMAP4rev2 with CONDSTORE and QRESYNC over TLS. One program,
 one configuration file, one data directory.
TEXT
# Not the builder's umask.
find "$root" -type d -exec chmod 755 {} +

package=$out/eilpost_${version}_${architecture}.deb
dpkg-deb --root-owner-group --build "$root" "$package" >/dev/null
rm -rf "$root" "$out/debian"
echo "$package"
