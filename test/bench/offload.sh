#!/bin/sh
# What super-packets bring, and what joining runs of packets to such brings. See offload.py.
#
#     offload.sh [--quick] [--json] [--rounds N]
#
# Runs as process 1 of namespaces of its own: what it has started, the kernel ends with it.
set -eu

BUILD=${BUILD:-build}
export BUILD
for program in router routerctl bench/udp; do
	[ -x "$BUILD/$program" ] || {
		echo "offload.sh: no $BUILD/$program; first: make bench" >&2
		exit 1
	}
done
as_root=
[ "$(id -u)" = 0 ] || as_root='--user --map-root-user'
exec unshare $as_root --net --mount --mount-proc --pid --fork --kill-child -- \
	"${PYTHON:-python3}" "$(dirname "$0")/offload.py" "$@"
