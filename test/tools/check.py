"""Everything that `make check` runs: check.py --build DIRECTORY

A group is one kind of test. Each prints a line with its counts and its time, its failures with what
they said, and each skip with its reason. The last line is the sum of all; the exit status is 1 if
something failed or nothing ran.

Groups follow each other. The programs of one group do not know of each other: as many run at once as
there are processors.
"""

import argparse
import collections
import os
import pathlib
import sys
import time
import xml.etree.ElementTree as xml
from concurrent.futures import ThreadPoolExecutor

import tap
from tap import FAILED, PASSED, SKIPPED, Result

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "test" / "tools"
COVERAGE = ["CFLAGS=-O0 -g --coverage", "LDFLAGS=--coverage"]
SANITIZERS = ["SANITIZE=address,undefined", "CFLAGS=-O1 -g"]
MINUTE = 60
BATCHES = 16  # of stories, which are short


def environment(**more):
    """Ours, without what make leaves in it for makes below."""
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")}
    env.update(CMOCKA_MESSAGE_OUTPUT="TAP", UBSAN_OPTIONS="print_stacktrace=1", ASAN_OPTIONS="print_legend=0",
               **more)
    return env


def script(name, build):
    return tap.results_of([sys.executable, TOOLS / name, build], 5 * MINUTE, environment(), ROOT)


def side_by_side(work, items):
    """The results of work(item) for all items, in their order."""
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        return [r for results in pool.map(work, items) for r in results]
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        tap.stop_all()
        raise
    finally:
        pool.shutdown()


def programs(commands, patience=5 * MINUTE):
    return side_by_side(lambda command: tap.results_of(command, patience, environment(), ROOT), commands)


def unit_commands(build):
    """Each test_*.c is a program; one that was not built is a failure."""
    sources = sorted(ROOT.glob("test/unit/*/test_*.c"))
    return [[build / source.relative_to(ROOT).with_suffix("")] for source in sources]


def story_commands(build):
    stories = sorted(path.relative_to(ROOT) for path in ROOT.glob("test/scenario/*.nat"))
    return [[build / "test/play", *stories[i::BATCHES]] for i in range(BATCHES)]


def fuzz_commands(build):
    """What the fuzzers began with, and what they once found, without a fuzzer."""
    targets = [source.stem.removeprefix("fuzz_") for source in sorted(ROOT.glob("fuzz/fuzz_*.c"))]
    folders = {t: [f for kind in ("corpus", "regress") if (f := ROOT / "fuzz" / kind / t).is_dir()] for t in targets}
    return [[build / "fuzz" / t, *folders[t]] for t in targets]


def endurance_commands(build):
    """A few virtual minutes of what `make hour` does: with room for all sessions, and with the table full."""
    hour = build / "test/hour"
    return [[hour, "--minutes", "3", "--rate", "60000"],
            [hour, "--minutes", "3", "--rate", "30000", "--sessions", "20000"]]


def differential(build):
    return tap.results_of([build / "test/differential"], 15 * MINUTE, environment(), ROOT)


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


def coverage(build):
    """What the fuzzers' inputs reach of nat/, as make fuzz-coverage says it."""
    return make(build / "coverage", *COVERAGE, "fuzzers") + script("fuzz_coverage.py", build / "coverage")


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


def pytest(build, *arguments, patience=20 * MINUTE):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return tap.run(command, patience, environment(BUILD=str(build), PYTHONDONTWRITEBYTECODE="1"), ROOT)


def network_file(build, tests, planned, **options):
    """The tests of one file, or some of them; in a process of their own, with namespaces of its own."""
    name = tests[0].partition("::")[0]
    junit = build / "network" / f"{pathlib.Path(name).stem}.xml"
    junit.unlink(missing_ok=True)
    done = pytest(build, *tests, f"--junitxml={junit}", **options)
    said = done.out.splitlines()[-40:] + done.last_words()
    if done.timed_out or not junit.exists():
        return [Result(f"pytest {name}", FAILED, ["ran out of time" if done.timed_out else "no result"] + said)]
    results = read_junit(junit)
    if done.code and not any(r.status == FAILED for r in results):
        results.append(Result(f"pytest {name}", FAILED, [f"exit status {done.code}"] + said))
    if len(results) != planned and not any(r.status == FAILED for r in results):
        results.append(Result(f"pytest {name}", FAILED, [f"collected {planned} tests, ran {len(results)}"] + said))
    return results


def network(build, tests=(), **options):
    """Between network namespaces; pytest counts. options: of pytest(), for each file. The files with
    most tests come first, so that at the end nobody waits long."""
    files = {}
    for test in tests or sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("test/net/test_*.py")):
        files.setdefault(test.partition("::")[0], []).append(test)
    collected = pytest(build, "--collect-only", *(tests or ["test/net"])).out.splitlines()
    planned = collections.Counter(line.partition("::")[0] for line in collected if "::" in line)
    order = sorted(files, key=lambda file: -planned[file])
    (build / "network").mkdir(parents=True, exist_ok=True)
    return side_by_side(lambda file: network_file(build, files[file], planned[file], **options), order)


GROUPS = [
    ("checks of the checks", lambda b: script("selftest.py", b) + script("selftest_walks.py", b)),
    ("purity", lambda b: script("purity.py", b)),
    ("style", lambda b: script("style.py", b)),
    ("requirement walks", lambda b: script("walks.py", b)),
    ("units", lambda b: programs(unit_commands(b))),
    ("scenarios", lambda b: programs(story_commands(b))),
    ("differential", differential),
    ("orders of threads", lambda b: programs([[b / "test/explore"]])),
    ("golden captures", lambda b: script("golden.py", b)),
    ("endurance", lambda b: programs(endurance_commands(b))),
    ("fuzz corpora", lambda b: programs(fuzz_commands(b))),
    ("fuzz coverage", coverage),
    ("sanitized build", sanitized_build),
    ("sanitized units", lambda b: programs(unit_commands(b / "asan"))),
    ("sanitized scenarios", lambda b: programs(story_commands(b / "asan"))),
    ("sanitized differential", lambda b: differential(b / "asan")),
    ("sanitized endurance", lambda b: programs(endurance_commands(b / "asan"))),
    ("sanitized fuzz corpora", lambda b: programs(fuzz_commands(b / "asan"))),
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


def run_groups(groups, build, only=None):
    """The exit status: 1 if something failed or nothing ran."""
    everything = []
    for name, work in groups:
        if only and name not in only:
            continue
        began = time.monotonic()
        results = run_group(work, build)
        print_group(name, results, time.monotonic() - began)
        everything += results
    print(sentence(everything))
    return 1 if count(everything, FAILED) or not everything else 0


def main():
    parser = argparse.ArgumentParser(description="Run every test.")
    parser.add_argument("--build", default="build", help="directory with what was built")
    parser.add_argument("--only", action="append", help="groups to run, by name; default all")
    arguments = parser.parse_args()
    unknown = set(arguments.only or []) - {name for name, _ in GROUPS}
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    return run_groups(GROUPS, (ROOT / arguments.build).resolve(), arguments.only)


if __name__ == "__main__":
    sys.exit(main())
