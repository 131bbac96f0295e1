#!/bin/sh
# Write again what of the pages below doc/ follows from tables of the code.
# Usage: manual.sh [BUILD [DIRECTORY]]: into DIRECTORY, doc if not given.
set -eu
build=${1:-build}
to=${2:-doc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

make --no-print-directory -s BUILD="$build" "$build/test/manual" >/dev/null
"$build/test/manual" conf > "$work/router.conf.5"
for page in router.8 routerctl.8; do
	"$build/test/manual" fill < "doc/$page" > "$work/$page"
done
for page in router.conf.5 router.8 routerctl.8; do
	cmp -s "$work/$page" "$to/$page" || cat "$work/$page" > "$to/$page"
done
