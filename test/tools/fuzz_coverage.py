"""What the inputs of the fuzz targets reach of nat/: fuzz_coverage.py BUILD [--json FILE]

BUILD has the targets built with --coverage, as `make fuzz-coverage` does it. Each target runs on all of
its corpus/ and regress/; then, by file, how many lines were reached, those that no input reaches with
their text, and in TAP whether that is as much as it must be.
"""

import argparse
import json
import pathlib
import subprocess
import sys
from collections import defaultdict

import tap

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEAST = {"nat/packet.c": 100, "nat": 95}  # of a file, or of all below a folder, in percent
PATIENCE = 600


def replay(build):
    """(name, faults) of each target; its counters are beside the objects when it is done."""
    for old in build.rglob("*.gcda"):
        old.unlink()
    for source in sorted(ROOT.glob("fuzz/fuzz_*.c")):
        target = source.stem.removeprefix("fuzz_")
        folders = [ROOT / "fuzz" / kind / target for kind in ("corpus", "regress")]
        results = tap.results_of([build / "fuzz" / target, *(f for f in folders if f.is_dir())], PATIENCE, cwd=ROOT)
        yield f"inputs of {target}", [r.name for r in results if r.status == tap.FAILED]


def read_counts(text):
    """{file: {line: how often}} out of gcov's JSON, a document a line. What is inline is in several."""
    counts = defaultdict(lambda: defaultdict(int))
    for document in map(json.loads, text.splitlines()):
        for file in document["files"]:
            for line in file["lines"]:
                counts[file["file"]][line["line_number"]] += line["count"]
    return {file: dict(lines) for file, lines in counts.items()}


def count_lines(build):
    """Of nat/ and its headers."""
    counters = sorted((build / "obj" / "nat").glob("*.gcda"))
    done = subprocess.run(["gcov", "--json-format", "--stdout", *counters], cwd=ROOT, capture_output=True,
                          text=True, check=True)
    counts = read_counts(done.stdout)
    return {file: counts[file] for file in sorted(counts) if file.startswith(("nat/", "include/nat/"))}


def ranges(numbers, lines):
    """[first, last] of the numbers, where only lines that are none of the compiler's lie between."""
    found = []
    for number in sorted(numbers):
        if found and not any(n in lines for n in range(found[-1][1] + 1, number)):
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


def report(counts):
    """What --json has: of each file, lines, lines reached, and ranges of lines that are not."""
    return {file: {"lines": len(lines), "reached": sum(map(bool, lines.values())),
                   "unreached": ranges([n for n, often in lines.items() if not often], lines)}
            for file, lines in counts.items()}


def percent(files):
    lines = sum(f["lines"] for f in files)
    return 100 * sum(f["reached"] for f in files) / lines if lines else 0


def below(files, place):
    """The file, or the files of a folder: the library's has its headers elsewhere."""
    return [f for name, f in files.items()
            if name == place or name.startswith((f"{place}/", f"include/{place}/"))]


def print_report(files):
    for name, f in files.items():
        print(f"{name:32} {f['reached']:5} of {f['lines']:5} lines {percent([f]):6.1f} %")
    print(f"{'all':32} {sum(f['reached'] for f in files.values()):5} of {sum(f['lines'] for f in files.values()):5}"
          f" lines {percent(files.values()):6.1f} %")
    for name, f in files.items():
        text = (ROOT / name).read_text().splitlines()
        for first, last in f["unreached"]:
            print(f"\n{name}:{first}" + (f"-{last}" if last > first else ""))
            for line in text[first - 1:last]:
                print(f"    {line}")
    print()


def shortfall(files, place, least):
    found = below(files, place)
    reached = percent(found)
    return [] if reached >= least else [f"only {reached:.2f} %" if found else "no such lines"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    build = options.build.resolve()
    runs = list(replay(build))
    files = report(count_lines(build))
    print_report(files)
    if options.json:
        options.json.write_text(json.dumps(files, indent=1) + "\n")
    return tap.report(runs + [(f"{least} % of the lines of {place} are reached", shortfall(files, place, least))
                              for place, least in LEAST.items()])


if __name__ == "__main__":
    sys.exit(main())
