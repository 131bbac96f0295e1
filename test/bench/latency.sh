#!/bin/sh
# Request and response through the gateway and beside it: added round-trip times. See latency.py.
#
#     latency.sh [--quick] [--json] [--rounds N] [--polls MICROSECONDS,...]
set -eu

BUILD=${BUILD:-build}
export BUILD
for program in router routerctl bench/copier bench/latency; do
	[ -x "$BUILD/$program" ] || {
		echo "latency.sh: no $BUILD/$program; first: make bench" >&2
		exit 1
	}
done
as_root=
[ "$(id -u)" = 0 ] || as_root='--user --map-root-user'
exec unshare $as_root --net --mount --mount-proc --pid --fork --kill-child -- \
	"${PYTHON:-python3}" "$(dirname "$0")/latency.py" "$@"
