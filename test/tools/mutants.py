"""Plants the bugs of test/mutants/mutants.txt, one at a time: mutants.py --build DIRECTORY [NAME ...]

Each is built in a copy of the tree, and met by the tests that need no network, the quick ones first;
what they let by, by the same with sanitizers. One line says who saw it, and after how long; the last
line counts. The exit status is 1 if a bug was not seen, or not even built.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIST = ROOT / "test" / "mutants" / "mutants.txt"
FOLDERS = ("nat", "router", "include", "test", "fuzz", "doc")
FILES = ("Makefile", "router.conf", "README.md")
WAYS = {"plain": ["CFLAGS=-O1"], "sanitized": ["SANITIZE=address,undefined", "CFLAGS=-O1 -g"]}
PATIENCE = 300  # seconds until a test counts as stuck, which is a way to see a bug


@dataclass
class Mutant:
    name: str
    what: str
    file: str
    was: str
    now: str


def mutants():
    """A block per bug, with an empty line between them; a line of a hunk begins with - or +."""
    blocks = LIST.read_text().split("\n\n")
    for block in blocks:
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        if not lines:
            continue
        name, what = lines[0].split(": ", 1)
        hunk = lines[2:]
        sides = ["".join(line[1:] + "\n" for line in hunk if line[0] == sign) for sign in "-+"]
        yield Mutant(name, what, lines[1], *sides)


def plant(tree, mutant):
    path = tree / mutant.file
    text = path.read_text()
    if text.count(mutant.was) != 1:
        sys.exit(f"{LIST.name}: {mutant.name}: its line is {text.count(mutant.was)} times in {mutant.file}")
    path.write_text(text.replace(mutant.was, mutant.now))


def make(tree, build, *targets):
    """Where a bug keeps the tree from being built, it is none."""
    done = subprocess.run(["make", f"-j{os.cpu_count()}", f"BUILD={build}", *WAYS[build.name], *targets],
                          cwd=tree, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"this does not build:\n{done.stderr}")


def fails(command, tree):
    env = os.environ | {"CMOCKA_MESSAGE_OUTPUT": "TAP"}
    try:
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, errors="replace",
                              timeout=PATIENCE, env=env)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0 or "\nnot ok" in "\n" + done.stdout


def programs(tree, build, mutant):
    """What to build and to run, in order: those of the file itself, all orders of threads, the stories, what fuzzers know,
    the differential, and all other units."""
    units = sorted(f.relative_to(tree).with_suffix("") for f in tree.glob("test/unit/*/test_*.c"))
    stem = pathlib.Path(mutant.file).stem
    own = [u for u in units if stem in u.name]
    for unit in own:
        yield unit, [build / unit]
    if build.name == "plain" and mutant.file.startswith("router/"):
        yield pathlib.Path("test/explore"), [build / "test/explore"]
    stories = sorted(str(s.relative_to(tree)) for s in tree.glob("test/scenario/*.nat"))
    yield pathlib.Path("test/play"), [build / "test/play", *stories]
    for source in sorted(tree.glob("fuzz/fuzz_*.c")):
        target = source.stem.removeprefix("fuzz_")
        folders = [f for kind in ("corpus", "regress") if (f := tree / "fuzz" / kind / target).is_dir()]
        yield pathlib.Path("fuzz") / target, [build / "fuzz" / target, *folders]
    yield pathlib.Path("test/differential"), [build / "test/differential"]
    for unit in units:
        if unit not in own:
            yield unit, [build / unit]


def hunt(tree, builds, mutant):
    """Who sees it, and after how many seconds of running; None: nobody."""
    seconds = 0
    for build in builds:
        for target, command in programs(tree, build, mutant):
            make(tree, build, str(build / target))
            began = time.monotonic()
            seen = fails(command, tree)
            seconds += time.monotonic() - began
            if seen:
                return f"{target} ({build.name})", seconds
    return None, seconds


def copy(tree):
    """Newer than whatever an earlier run has built."""
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tree / folder, copy_function=shutil.copy)
    for file in FILES:
        shutil.copy(ROOT / file, tree / file)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    tree, *builds = (options.build.absolute() / "mutants" / name for name in ("tree", *WAYS))
    wanted = [m for m in mutants() if not options.names or m.name in options.names]
    copy(tree)
    make(tree, builds[0], "units")
    survivors = 0
    for mutant in wanted:
        path = tree / mutant.file
        original = path.read_text()
        plant(tree, mutant)
        by, seconds = hunt(tree, builds, mutant)
        path.write_text(original)
        survivors += by is None
        print(f"{mutant.name:24} {f'seen by {by}, {seconds:.1f} s' if by else 'NOT SEEN: ' + mutant.what}",
              flush=True)
    print(f"{len(wanted) - survivors} of {len(wanted)} bugs were seen")
    return 1 if survivors or not wanted else 0


if __name__ == "__main__":
    sys.exit(main())
