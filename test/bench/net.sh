#!/bin/sh
# Between real network stacks: the gateway, what it is compared with, and the ratios. See net.py.
#
#     net.sh [--quick] [--json] [--rounds N] [--ways NAME,...] [--traffic NAME,...]
#
# Runs as process 1 of namespaces of its own: what it has started, the kernel ends with it.
set -eu

BUILD=${BUILD:-build}
export BUILD
for program in router routerctl bench/copier bench/copier_xdp bench/udp; do
	[ -x "$BUILD/$program" ] || {
		echo "net.sh: no $BUILD/$program; first: make bench" >&2
		exit 1
	}
done
as_root=
[ "$(id -u)" = 0 ] || as_root='--user --map-root-user'
exec unshare $as_root --net --mount --mount-proc --pid --fork --kill-child -- \
	"${PYTHON:-python3}" "$(dirname "$0")/net.py" "$@"
