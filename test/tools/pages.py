"""The pages below doc/: pages.py BUILD

They are what the tables of the code make of them, man(1) has nothing to say against them, and they
agree with what the programs say of themselves.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

import tap

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ("router.8", "routerctl.8", "router.conf.5")


def run(*words):
    return subprocess.run([str(w) for w in words], cwd=ROOT, capture_output=True, text=True, check=True,
                          env=os.environ | {"LC_ALL": "C.UTF-8", "MANWIDTH": "100"})


def is_generated(build):
    with tempfile.TemporaryDirectory() as directory:
        run("sh", "test/tools/manual.sh", build, directory)
        return [f"doc/{page} is not what test/tools/manual.sh writes" for page in PAGES
                if (ROOT / "doc" / page).read_bytes() != pathlib.Path(directory, page).read_bytes()]


def is_well_formed():
    """-Z: formatted, and printed by nobody."""
    return [line for page in PAGES
            for line in run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z",
                            ROOT / "doc" / page).stderr.splitlines()]


def section(page, name):
    text = run("man", "-l", ROOT / "doc" / page).stdout
    return re.search(rf"^ *{name}\n(.*?)(?=^ {{0,3}}\S|\Z)", text, re.DOTALL | re.MULTILINE)[1]


def agrees_with_help(build):
    """Each command of --help is in the synopsis or among the commands, and each of those in --help."""
    ours = set(re.findall(r"^(?:usage:| {6}) router (\w+)", run(build / "router", "--help").stdout, re.M))
    page = set(re.findall(r"\brouter (\w+) -c", section("router.8", "SYNOPSIS")))
    asked = set(re.findall(r"^  ([a-z]+) ", run(build / "routerctl", "--help").stdout, re.M))
    listed = set(re.findall(r"^ {7}([a-z]+)\b", section("routerctl.8", "Commands"), re.M))
    nothing = [] if ours and asked else ["--help lists no command"]
    return nothing + [f"{name}: in one of --help and the page only" for name in ours ^ page | asked ^ listed]


def options_are_described(build):
    """Each option of --help is in the page."""
    faults = []
    for program in ("router", "routerctl"):
        page = run("man", "-l", ROOT / "doc" / f"{program}.8").stdout
        options = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", run(build / program, "--help").stdout, re.I))
        faults += [f"{program}: {option} is not in its page" for option in sorted(options)
                   if not re.search(rf"(?<![\w-]){option}\b", page)]
    return faults


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    return tap.report([
        ("pages are what the code makes of them", is_generated(build)),
        ("pages are well formed", is_well_formed()),
        ("pages and --help have the same commands", agrees_with_help(build)),
        ("options of --help are in the pages", options_are_described(build)),
    ])


if __name__ == "__main__":
    sys.exit(main())
