#!/bin/sh
# Make a Debian package of what is in BUILD, and print its name. Usage: build.sh BUILD [VERSION];
# called by `make deb`.
set -eu
build=$1
here=$(dirname "$0")
root=$(cd "$here/../.." && pwd)
version=${2:-$(sed -n 's/^#define ROUTER_VERSION "\(.*\)"/\1/p' "$root/include/router/version.h")}
stage=$build/deb
tree=$stage/debian/tree
doc=$tree/usr/share/doc/usernat-router

# The date of the sources, so that the same sources make the same package.
newest() {
	find "$root/doc" "$root/include" "$root/router" "$root/nat" -type f -printf '%T@\n' |
		sort -n | tail -n 1 | cut -d. -f1
}
: "${SOURCE_DATE_EPOCH:=$(newest)}"
export SOURCE_DATE_EPOCH

rm -rf "$stage"
install -d "$tree/DEBIAN" "$tree/etc/router" "$tree/usr/sbin" "$tree/usr/bin" "$doc/examples" \
	"$tree/lib/systemd/system" "$tree/usr/share/man/man5" "$tree/usr/share/man/man8"
chmod -R u=rwX,go=rX "$tree"
install -m 755 "$build/router" "$tree/usr/sbin/"
install -m 755 "$build/routerctl" "$tree/usr/bin/"
strip --strip-unneeded --remove-section=.comment --remove-section=.note \
	"$tree/usr/sbin/router" "$tree/usr/bin/routerctl"
install -m 644 "$root/doc/router.service" "$tree/lib/systemd/system/"
install -m 644 "$here/router.conf" "$tree/etc/router/"
install -m 644 "$root/router.conf" "$doc/examples/"
install -m 644 "$here/copyright" "$doc/"
for section in 5 8; do
	install -m 644 "$root"/doc/*.$section "$tree/usr/share/man/man$section/"
	gzip -9n "$tree/usr/share/man/man$section"/*
done
sed "s/@VERSION@/$version/; s/@DATE@/$(date -u -R -d "@$SOURCE_DATE_EPOCH")/" "$here/changelog" \
	> "$stage/debian/changelog"
gzip -9nc "$stage/debian/changelog" > "$doc/changelog.gz"
install -m 644 "$here/control" "$stage/debian/"
install -m 755 "$here/postinst" "$here/prerm" "$here/postrm" "$tree/DEBIAN/"
echo /etc/router/router.conf > "$tree/DEBIAN/conffiles"
(cd "$tree" && find usr lib -type f -exec md5sum {} +) > "$tree/DEBIAN/md5sums"

(cd "$stage" && dpkg-shlibdeps -Tdebian/substvars debian/tree/usr/sbin/router \
	debian/tree/usr/bin/routerctl && dpkg-gencontrol -Pdebian/tree -Tdebian/substvars)
dpkg-deb --root-owner-group --build "$tree" "$build" >/dev/null
echo "$build/usernat-router_${version}_$(dpkg --print-architecture).deb"
