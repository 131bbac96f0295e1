#!/bin/sh
# Write doc/router.conf.5 again from the table of keys. Usage: manual.sh [BUILD]; after make.
set -eu
build=${1:-build}
page=$(mktemp)
program=$(mktemp)
trap 'rm -f "$page" "$program"' EXIT

printf '%s\n' '#include "router/conf.h"' 'int main(void) { conf_manual(stdout); return 0; }' |
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -Iinclude -o "$program" -x c - -x none \
		"$build/librouter.a" "$build/libnat.a" -lconfig
"$program" > "$page"
cat "$page" > doc/router.conf.5
