#!/bin/sh
# unpack.sh FOLDER PACKAGE...: Debian packages unpacked there, not installed; silent when there is nothing
# to do. Of a kernel's meta package it is the kernel. What cannot be had is told; its tests are skipped.
set -eu
folder=$1
shift
mkdir -p "$folder"
cd "$folder"

get() {
	real=$(apt-cache depends "$1" 2>/dev/null | sed -n 's/.*Depends: \(linux-image-.*\)/\1/p')
	apt-get download -qq -o APT::Sandbox::User=root "${real:-$1}"
}

updated=
update() {
	[ -z "$updated" ] && [ "$(id -u)" = 0 ] && updated=yes && apt-get update -qq
}

for package in "$@"; do
	[ -e ".$package" ] && continue
	echo "unpacking: $package"
	if get "$package" 2>/dev/null || { update && get "$package"; }; then
		for file in ./*.deb; do dpkg-deb -x "$file" .; done
		touch ".$package"
	else
		echo "unpack.sh: no $package" >&2
	fi
	rm -f ./*.deb
done
