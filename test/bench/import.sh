#!/bin/sh
# Routes of the kernel: how long a million take, their memory, and what a flow loses meanwhile. See
# import.py.
#
#     import.sh [--quick] [--json] [--routes N] [--flaps N]
#
# Runs as process 1 of namespaces of its own: what it has started, the kernel ends with it.
set -eu

BUILD=${BUILD:-build}
export BUILD
for program in router routerctl; do
	[ -x "$BUILD/$program" ] || {
		echo "import.sh: no $BUILD/$program; first: make" >&2
		exit 1
	}
done
as_root=
[ "$(id -u)" = 0 ] || as_root='--user --map-root-user'
exec unshare $as_root --net --mount --mount-proc --pid --fork --kill-child -- \
	"${PYTHON:-python3}" "$(dirname "$0")/import.py" "$@"
