"""Where a program spends its time, as a flame graph: flame.py BUILD OUT.svg TITLE PROGRAM [ARGUMENT...]

perf takes samples with their stacks; of those below drive(), the measured part of the engine, the
picture is made.
"""

import collections
import pathlib
import subprocess
import sys
import tempfile

import plot
from shares import in_kernel, stacks

ROOT = "drive"
KINDS = {"nat": "nat/", "router": "router/", "libc": "C library", "other": "benchmark", "kernel": "kernel"}


def symbols(archive):
    """Names of the functions that an archive defines."""
    lines = subprocess.run(["nm", "--defined-only", archive], capture_output=True, text=True).stdout
    return {fields[2] for fields in map(str.split, lines.splitlines()) if len(fields) == 3 and fields[1] in "tT"}


class Kinds:
    """Which part of the program a frame belongs to."""

    def __init__(self, build):
        self.parts = {kind: symbols(f"{build}/lib{kind}.a") for kind in ("nat", "router")}

    def of(self, symbol, where):
        if in_kernel(where):
            return "kernel"
        if "libc" in where:
            return "libc"
        plain = symbol.split(".")[0]
        return next((kind for kind, names in self.parts.items() if symbol in names or plain in names), "other")


def below(counted, kinds):
    """Outermost first, from ROOT on, with kinds."""
    folded = collections.Counter()
    for stack, count in counted.items():
        names = [symbol for symbol, _ in stack]
        if ROOT in names:
            inner = stack[:names.index(ROOT)]
            folded[tuple((symbol, kinds.of(symbol, where)) for symbol, where in reversed(inner))] += count
    return folded


def main(build, out, title, *command):
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/perf.data"
        done = subprocess.run(["perf", "record", "--quiet", "--event", "cpu-clock", "--freq", "499",
                               "--call-graph", "dwarf,32768", "--output", data, *command],
                              capture_output=True, text=True)
        if done.returncode:
            print(f"flame.py: perf record: {done.stderr.strip()}", file=sys.stderr)
            return 1
        folded = below(stacks(data), Kinds(build))
    if not folded:
        print(f"flame.py: no samples below {ROOT}()", file=sys.stderr)
        return 1
    pathlib.Path(out).write_text(plot.flame(title, folded, KINDS))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
