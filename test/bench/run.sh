#!/bin/sh
# Every measurement, one after the other: run.sh BUILD. make bench builds and runs it.
# Leaves NAME.json for each and bench.txt with all of them in BUILD/bench.
set -eu
BUILD=$1
export BUILD
here=$(dirname "$0")
out=$BUILD/bench

# Members of a JSON object, one per line, those of inner objects with the outer name in front.
show() {
	python3 - "$1" <<-END
		import json, sys

		def rows(prefix, value):
		    if isinstance(value, dict):
		        for name, inner in value.items():
		            yield from rows(f"{prefix} {name}", inner)
		    elif isinstance(value, list):
		        for number, inner in enumerate(value):
		            yield from rows(f"{prefix} {number}", inner)
		    else:
		        yield prefix, value

		for name, value in rows("", json.load(open(sys.argv[1]))):
		    print(f" {name:44} {value:>14,}" if not isinstance(value, str) else f" {name:44} {value:>14}")
	END
}

# measure NAME COMMAND...: JSON to a file of that name, a table to the screen.
measure() {
	name=$1
	shift
	echo "== $name: $*"
	"$@" --json >"$out/$name.json"
	show "$out/$name.json"
}

rm -f "$out/complete"
{
	for sessions in 1 65536 1048576; do
		measure "engine-$sessions" "$out/engine" --sessions $sessions
	done
	measure fib "$out/fib"
	measure net sh "$here/net.sh" --quick
	touch "$out/complete"
} | tee "$out/bench.txt"
[ -e "$out/complete" ]
