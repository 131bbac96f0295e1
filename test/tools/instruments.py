"""The tests under instruments that are too slow for every day: instruments.py --build DIRECTORY threads

threads     ThreadSanitizer; what moves packets has four workers
valgrind    memcheck, over units and stories

What an instrument says fails the test in which it says so. The report is that of check.py.
"""

import argparse
import os
import sys

import check
from check import MINUTE, ROOT, TOOLS
from tap import FAILED, SKIPPED, Result

FEW_EVENTS = ["--events", "27000"]
PATIENCE = 15 * MINUTE
MEMCHECK = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full", "--show-leak-kinds=definite,indirect",
            "--errors-for-leak-kinds=definite,indirect", "--child-silent-after-fork=no", "--trace-children=no",
            f"--suppressions={TOOLS / 'memcheck.supp'}"]


def reported(work):
    """The group, with a failure for each report; who reports need not be who is waited for."""
    def all_of(build):
        folder = build / "reports"
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        return work(build) + [Result(path.name, FAILED, path.read_text().splitlines())
                              for path in sorted(folder.iterdir())]
    return all_of


def differential(build):
    return check.programs(([build / "test/differential", *FEW_EVENTS, "--workers", n] for n in (1, 2, 4)), PATIENCE)


def units(build):
    """test_nothing takes the place of what ThreadSanitizer takes the place of."""
    commands = check.unit_commands(build)
    left_out = [c for c in commands if c[0].name == "test_nothing"]
    return (check.programs((c for c in commands if c not in left_out), PATIENCE) +
            [Result(c[0].name, SKIPPED, ["watches pthread_mutex_lock() itself"]) for c in left_out])


THREADS = [("units", units),
           ("scenarios", lambda b: check.programs(check.story_commands(b), PATIENCE)),
           ("differential", differential),
           ("fuzz corpora", lambda b: check.programs(check.fuzz_commands(b), PATIENCE)),
           ("network", lambda b: check.network(b, patience=4 * PATIENCE))]


def watched(commands):
    return check.programs(([*MEMCHECK, *command] for command in commands), 4 * PATIENCE)


CHILDREN = "children that end where they stand, as memcheck does not like; AddressSanitizer watches them"
OUTSIDE = "memcheck cannot follow: a list of system calls, limits of memory"
SLOW = "is too slow under memcheck for what asks it"
UNWATCHED = {"test_priv": OUTSIDE, "test_fib": OUTSIDE, "test_arp_gateway": SLOW, "test_plug": SLOW,
             "test_guard": CHILDREN, "test_guard_install": CHILDREN, "test_io_packet": CHILDREN,
             "test_io_tun": CHILDREN, "test_io_tun_batch": CHILDREN, "test_offload": CHILDREN,
             "test_uring": CHILDREN}


def watched_units(build):
    commands = list(check.unit_commands(build))
    return (watched(c for c in commands if c[0].name not in UNWATCHED) +
            [Result(c[0].name, SKIPPED, [UNWATCHED[c[0].name]]) for c in commands if c[0].name in UNWATCHED])


VALGRIND = [("units", watched_units),
            ("scenarios", lambda b: watched(check.story_commands(b)))]


def threads(build):
    os.environ["TSAN_OPTIONS"] = (f"exitcode=66 suppressions={TOOLS / 'tsan.supp'} history_size=4 "
                                  f"log_path={build / 'reports' / 'report'}")
    os.environ["WORKERS"] = "4"
    return [(name, reported(work)) for name, work in THREADS]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--only", action="append", help="groups to run, by name; default all")
    parser.add_argument("instrument", choices=("threads", "valgrind"))
    arguments = parser.parse_args()
    build = (ROOT / arguments.build).resolve()
    groups = threads(build) if arguments.instrument == "threads" else VALGRIND
    return check.run_groups(groups, build, arguments.only)


if __name__ == "__main__":
    sys.exit(main())
