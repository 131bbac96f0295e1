#!/bin/sh
# Floods on the outside, of each kind: what is left of conversations that began inside. See flood.py.
#
#     flood.sh [--json] [--nice N] [--seconds N] [--rounds N] [--ways FAMILY-WORKERS[-WITHOUT],...]
set -eu

BUILD=${BUILD:-build}
export BUILD
for program in router routerctl bench/flood; do
	[ -x "$BUILD/$program" ] || {
		echo "flood.sh: no $BUILD/$program; first: make bench" >&2
		exit 1
	}
done
as_root=
[ "$(id -u)" = 0 ] || as_root='--user --map-root-user'
exec unshare $as_root --net --mount --mount-proc --pid --fork --kill-child -- \
	"${PYTHON:-python3}" "$(dirname "$0")/flood.py" "$@"
