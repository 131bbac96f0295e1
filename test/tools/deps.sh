#!/bin/sh
# Install those of the named Debian packages that are missing; silent when there is nothing to do.
set -eu
missing=$(for package in "$@"; do
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
done)
[ -n "$missing" ] || exit 0
as_root=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || {
		echo "missing packages; as root: apt-get install -y" $missing >&2
		exit 1
	}
	as_root=sudo
fi
echo "installing:" $missing
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
