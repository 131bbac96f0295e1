"""Everything that `make check` runs: check.py --build DIRECTORY

A group is one kind of test. Each prints a line with its counts and its time, its failures with what
they said, and each skip with its reason. The last line is the sum of all; the exit status is 1 if
something failed or nothing ran.
"""

import argparse
import os
import pathlib
import sys
import time
import xml.etree.ElementTree as xml

import tap
from tap import FAILED, PASSED, SKIPPED, Result

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "test" / "tools"
SANITIZERS = ["SANITIZE=address,undefined", "CFLAGS=-O1 -g"]
MINUTE = 60


def environment(**more):
    """Ours, without what make leaves in it for makes below."""
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")}
    env.update(CMOCKA_MESSAGE_OUTPUT="TAP", UBSAN_OPTIONS="print_stacktrace=1", ASAN_OPTIONS="print_legend=0",
               **more)
    return env


def script(name, build):
    return tap.results_of([sys.executable, TOOLS / name, build], 5 * MINUTE, environment(), ROOT)


def units(build):
    """Each test_*.c is a program; one that was not built is a failure."""
    results = []
    for source in sorted(ROOT.glob("test/unit/*/test_*.c")):
        program = build / source.relative_to(ROOT).with_suffix("")
        results += tap.results_of([program], 5 * MINUTE, environment(), ROOT)
    return results


def scenarios(build):
    stories = sorted(path.relative_to(ROOT) for path in ROOT.glob("test/scenario/*.nat"))
    return tap.results_of([build / "test/play", *stories], 5 * MINUTE, environment(), ROOT)


def differential(build):
    return tap.results_of([build / "test/differential"], 15 * MINUTE, environment(), ROOT)


def fuzz(build):
    """What the fuzzers began with, and what they once found, without a fuzzer."""
    results = []
    for source in sorted(ROOT.glob("fuzz/fuzz_*.c")):
        target = source.stem.removeprefix("fuzz_")
        folders = [ROOT / "fuzz" / kind / target for kind in ("corpus", "regress")]
        results += tap.results_of([build / "fuzz" / target, *(f for f in folders if f.is_dir())],
                                  5 * MINUTE, environment(), ROOT)
    return results


def make(build, *arguments):
    """Build silently: what a compiler or linker says is a failure even if it goes on."""
    command = ["make", f"-j{os.cpu_count()}", f"BUILD={build}", *arguments]
    done = tap.run(command, 20 * MINUTE, environment(), ROOT)
    name = " ".join(command)
    if done.timed_out or done.code or done.err:
        return [Result(name, FAILED, done.last_words() or [f"exit status {done.code}"])]
    return [Result(name, PASSED)]


def sanitized_build(build):
    return make(build / "asan", *SANITIZERS, "units")


def clang_build(build):
    return make(build / "clang", "CC=clang", "all", "units")


def read_junit(path):
    results = []
    for case in xml.parse(path).iter("testcase"):
        result = Result(f"{case.get('classname')}.{case.get('name')}", PASSED)
        for kind, status in (("failure", FAILED), ("error", FAILED), ("skipped", SKIPPED)):
            for found in case.iter(kind):
                result.status = status
                text = found.get("message") if status == SKIPPED else found.text
                result.detail = (text or "no reason given").splitlines()
        results.append(result)
    return results


def network(build, tests=("test/net",)):
    """Between network namespaces; pytest counts."""
    junit = build / "network.xml"
    junit.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests,
               f"--junitxml={junit}"]
    done = tap.run(command, 60 * MINUTE, environment(BUILD=str(build), PYTHONDONTWRITEBYTECODE="1"), ROOT)
    if done.timed_out or not junit.exists():
        return [Result("pytest test/net", FAILED,
                       ["ran out of time" if done.timed_out else "no result"] +
                       done.out.splitlines()[-40:] + done.last_words())]
    results = read_junit(junit)
    if done.code and not any(r.status == FAILED for r in results):
        results.append(Result("pytest test/net", FAILED, [f"exit status {done.code}"] + done.last_words()))
    return results


GROUPS = [
    ("checks of the checks", lambda b: script("selftest.py", b) + script("selftest_walks.py", b)),
    ("purity", lambda b: script("purity.py", b)),
    ("style", lambda b: script("style.py", b)),
    ("requirement walks", lambda b: script("walks.py", b)),
    ("units", units),
    ("scenarios", scenarios),
    ("differential", differential),
    ("fuzz corpora", fuzz),
    ("sanitized build", sanitized_build),
    ("sanitized units", lambda b: units(b / "asan")),
    ("sanitized scenarios", lambda b: scenarios(b / "asan")),
    ("sanitized differential", lambda b: differential(b / "asan")),
    ("sanitized fuzz corpora", lambda b: fuzz(b / "asan")),
    ("build with clang", clang_build),
    ("pages", lambda b: script("pages.py", b)),
    ("package", lambda b: script("package.py", b)),
    ("network", network),
]


def count(results, status):
    return sum(r.status == status for r in results)


def sentence(results):
    return ", ".join(f"{count(results, s)} {s}" for s in (PASSED, FAILED, SKIPPED))


def print_group(name, results, seconds):
    print(f"{name:24}{sentence(results):42}{seconds:8.1f} s", flush=True)
    for r in results:
        if r.status == FAILED:
            print(f"    FAILED {r.name}")
            for line in r.detail:
                print(f"        {line}")
        if r.status == SKIPPED:
            print(f"    skipped {r.name}: {' '.join(r.detail)}")
    sys.stdout.flush()


def run_group(work, build):
    """A group in which no test ran has failed."""
    try:
        return work(build) or [Result("nothing", FAILED, ["no test ran"])]
    except Exception as error:  # whatever a group meets, the others still run and the sum is printed
        return [Result(type(error).__name__, FAILED, [str(error)])]


def main():
    parser = argparse.ArgumentParser(description="Run every test.")
    parser.add_argument("--build", default="build", help="directory with what was built")
    parser.add_argument("--only", action="append", help="groups to run, by name; default all")
    arguments = parser.parse_args()
    unknown = set(arguments.only or []) - {name for name, _ in GROUPS}
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    build = (ROOT / arguments.build).resolve()
    everything = []
    for name, work in GROUPS:
        if arguments.only and name not in arguments.only:
            continue
        began = time.monotonic()
        results = run_group(work, build)
        print_group(name, results, time.monotonic() - began)
        everything += results
    print(sentence(everything))
    return 1 if count(everything, FAILED) or not everything else 0


if __name__ == "__main__":
    sys.exit(main())
