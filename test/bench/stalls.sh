#!/bin/sh
# What one conversation notices of what the gateway does beside it for all others. See stalls.py.
#
#     stalls.sh [--json] [--sessions N] [--ways FAMILY-WORKERS[-WITHOUT],...]
set -eu

BUILD=${BUILD:-build}
export BUILD
for program in router routerctl bench/latency; do
	[ -x "$BUILD/$program" ] || {
		echo "stalls.sh: no $BUILD/$program; first: make bench" >&2
		exit 1
	}
done
as_root=
[ "$(id -u)" = 0 ] || as_root='--user --map-root-user'
exec unshare $as_root --net --mount --mount-proc --pid --fork --kill-child -- \
	"${PYTHON:-python3}" "$(dirname "$0")/stalls.py" "$@"
