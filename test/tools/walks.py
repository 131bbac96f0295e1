"""Whether the requirement walks, the tests and the sources agree: walks.py [BUILD]

A walk (test/rfc/*.md) is a list of requirements, each with what shows it:

    ## 4787-R5 (MUST)
    An idle UDP mapping lives at least two minutes.
    - test: scenario/4787-r5-two-minutes.nat
    - gap: what these tests leave open
    - also: REQ-5b

or "- none: why" where nothing does. A test is scenario/NAME.nat, unit/FOLDER/test_NAME.c:function,
net/test_NAME.py::function (or ::Class::function), or differential. "RFC 4787 REQ-5" and "4787-R5"
are the same requirement, "RFC 7857 section 2.1" and "7857-S2.1" are, and what "also" names is part of
it. A letter that no walk knows is part of the requirement without it: REQ-14a of 4787-R14.
"""

import ast
import functools
import pathlib
import re
import sys
from dataclasses import dataclass, field

import tap

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("nat", "router", "include", "test")
CODE = ("nat", "router", "include")
SECTIONED = ("7857",)  # RFCs whose sections are their requirements


@dataclass
class Requirement:
    id: str
    level: str
    place: str
    walk: str
    rule: str = ""
    tests: list = field(default_factory=list)
    gaps: list = field(default_factory=list)
    reasons: list = field(default_factory=list)
    also: list = field(default_factory=list)


HEADING = re.compile(r"## (\S+)(?: \((.+)\))?")
ITEM = re.compile(r"- (test|gap|none|also): (.+)")


def read_lines(path):
    """The lines of a file, with the number of each; what is indented belongs to the item above."""
    lines = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("  ") and lines and lines[-1][1].startswith("- "):
            lines[-1] = (lines[-1][0], lines[-1][1] + " " + line.strip())
        elif line.strip():
            lines.append((number, line.rstrip()))
    return lines


def add(requirement, line):
    """Take in one line below a heading; False if it cannot be understood."""
    item = ITEM.fullmatch(line)
    if not item:
        requirement.rule = f"{requirement.rule} {line}".strip()
        return not line.startswith(("-", "#"))
    kind, text = item.groups()
    into = dict(test=requirement.tests, gap=requirement.gaps, none=requirement.reasons, also=requirement.also)
    into[kind].extend(re.split(r",\s*", text) if kind == "also" else [text])
    return True


def read_walk(path, root=ROOT):
    """The requirements of a walk, and the lines that are none of its language."""
    requirements, faults = [], []
    for number, line in read_lines(path):
        place = f"{path.relative_to(root)}:{number}"
        heading = HEADING.fullmatch(line)
        if heading:
            requirements.append(Requirement(heading[1], heading[2] or "", place, path.stem))
        elif requirements and not add(requirements[-1], line):
            faults.append(f"{place}: not understood: {line}")
    return requirements, faults


def read(root=ROOT):
    """All requirements, and all faults of form."""
    requirements, faults = [], []
    for path in sorted(root.glob("test/rfc/*.md")):
        if path.name != "README.md":
            found, wrong = read_walk(path, root)
            requirements += found
            faults += wrong if found else [*wrong, f"{path.relative_to(root)}: no requirement in it"]
    seen = set()
    for r in requirements:
        if r.id in seen:
            faults.append(f"{r.place}: {r.id} is there already")
        if not r.rule:
            faults.append(f"{r.place}: {r.id} does not say what is required")
        faults += [f"{r.place}: {r.id} names {test} twice" for test in {t for t in r.tests if r.tests.count(t) > 1}]
        seen.add(r.id)
    return requirements, faults or ([] if requirements else ["test/rfc: no walk was found"])


class Known:
    """Requirements by the names that they go by."""

    def __init__(self, requirements):
        self.names = {}
        for r in requirements:
            rfc = r.id.split("-")[0]
            for name in [r.id, *(re.sub(r"^REQ-", f"{rfc}-R", a) for a in r.also)]:
                self.names.setdefault(name.lower(), []).append(r)
        self.stems = {}
        for name, found in list(self.names.items()):
            self.stems.setdefault(self.stem(name), []).extend(found)

    @staticmethod
    def stem(name):
        return re.sub(r"(?<=\d)[a-z]$", "", name)

    def find(self, name):
        name = name.lower()
        return self.names.get(name) or self.stems.get(self.stem(name)) or []

    def walks(self, kind):
        """Whether any requirement begins so: "4787-R"."""
        return any(name.startswith(kind.lower()) for name in self.names)


def unproved(requirements):
    for r in requirements:
        if not r.tests and not r.reasons:
            yield f"{r.place}: {r.id} has neither a test nor a reason why there is none"
        if r.tests and r.reasons:
            yield f"{r.place}: {r.id} has a test and a reason why there is none"
        if r.gaps and not r.tests:
            yield f"{r.place}: {r.id} has a gap but no test"


UNIT = re.compile(r"(unit/\w+/test_\w+\.c):(\w+)")
NET = re.compile(r"(net/test_\w+\.py)((?:::\w+){1,2})")
STORY = re.compile(r"scenario/\S+\.nat")


@functools.lru_cache(maxsize=None)
def text_of(path):
    return path.read_text(errors="replace")


def has_unit(text, function):
    """A test is defined, and named once more, where it is run."""
    return re.search(rf"\bvoid {function}\(void \*\*", text) and len(re.findall(rf"\b{function}\b", text)) > 1


def has_function(text, names):
    body = ast.parse(text).body
    for name in names:
        body = next((n.body for n in body if isinstance(n, (ast.ClassDef, ast.FunctionDef)) and n.name == name), None)
        if body is None:
            return False
    return True


def missing(test, root=ROOT):
    """What is wrong with the name of a test, or None."""
    unit, net = UNIT.fullmatch(test), NET.fullmatch(test)
    if test == "differential":
        return None
    if not (unit or net or STORY.fullmatch(test)):
        return "is no name of a test"
    path = root / "test" / (unit[1] if unit else net[1] if net else test)
    if not path.is_file():
        return "is not there"
    if unit and not has_unit(text_of(path), unit[2]) or net and not has_function(text_of(path), net[2].split("::")[1:]):
        return "is not in that file"
    return None


def missing_tests(requirements, root=ROOT):
    for r in requirements:
        for test in r.tests:
            wrong = missing(test, root)
            if wrong:
                yield f"{r.place}: {r.id}: {test} {wrong}"


NAME = r"\d{3,4}-[A-Z]{1,3}\d+[a-z]?(?:\.\d+)?|(?:ABU|ALG|ENV|FWD|IGD|LOG|MSS|OTH)-[A-Z0-9]+"
NAMED = re.compile(rf"(?<![\w./-])(?:{NAME})(?!\w)")
NUMBERED = re.compile(r"\bRFC (\d+)((?:,? (?:and )?REQ-\w+)+)")
SECTION = re.compile(r"\bRFC (\d+) sections? (\d+(?:\.\d+)*)")


def tags(text):
    """The requirements that a text speaks of: (line, as written, name in a walk) each. A comment may
    be broken anywhere."""
    flat = re.sub(r"\n(?:[ \t]*(?:\*|//|#))?[ \t]*", lambda m: " " * len(m[0]), text)
    squeezed, places = [], []
    for match in re.finditer(r"\s+|\S+", flat):
        squeezed.append(match[0] if match[0].strip() else " ")
        places += range(match.start(), match.start() + len(squeezed[-1]))
    line = "".join(squeezed)

    def where(match):
        return text.count("\n", 0, places[match.start()]) + 1

    for match in NAMED.finditer(line):
        yield where(match), match[0], match[0]
    for match in NUMBERED.finditer(line):
        for number in re.findall(r"REQ-(\w+)", match[2]):
            yield where(match), f"RFC {match[1]} REQ-{number}", f"{match[1]}-R{number}"
    for match in SECTION.finditer(line):
        if match[1] in SECTIONED:
            yield where(match), match[0], f"{match[1]}-S{match[2]}"


def sources(root=ROOT, folders=FOLDERS):
    """Where requirements are spoken of; the tools do it only as examples."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            away = path.is_relative_to(root / "test/rfc") or path.is_relative_to(root / "test/tools")
            if path.suffix in (".c", ".h", ".py", ".sh", ".nat", ".md") and path.is_file() and not away:
                yield path


def tags_of(root, folders=FOLDERS):
    for path in sources(root, folders):
        for line, written, name in tags(text_of(path)):
            yield f"{path.relative_to(root)}:{line}", written, name


def unknown_tags(requirements, root=ROOT):
    """What is spoken of and in no walk; of REQ-5 of an RFC only if that has a walk."""
    known = Known(requirements)
    for place, written, name in tags_of(root):
        walked = not written.startswith("RFC ") or known.walks(re.match(r"\d+-[A-Z]", name)[0])
        if walked and not known.find(name):
            yield f"{place}: {written} is in no walk"


def empty_claims(requirements, root=ROOT):
    """Tags in code are claims: something must show that they are true."""
    known = Known(requirements)
    for place, written, name in tags_of(root, CODE):
        found = known.find(name)
        if found and not any(r.tests for r in found):
            yield f"{place}: {written}: {' and '.join(r.id for r in found)} has no test"


STORY_NAME = re.compile(rf"({NAME})(?=-|$)", re.IGNORECASE)


def unnamed_stories(requirements, root=ROOT):
    """A story whose name begins with a requirement stands in its walk, and one whose name begins with
    an RFC that is walked, anywhere."""
    known = Known(requirements)
    everywhere = {test for r in requirements for test in r.tests}
    for path in sorted((root / "test/scenario").glob("*.nat")):
        test = f"scenario/{path.name}"
        match = STORY_NAME.match(path.stem)
        found = known.find(match[1]) if match else []
        if match and not found:
            yield f"test/{test}: {match[1].upper()} is in no walk"
        elif match and not any(test in r.tests for r in found):
            yield f"test/{test} is not named in the walk of {' or '.join(r.id for r in found)} ({found[0].place})"
        elif not match and known.walks(path.stem.split("-")[0] + "-") and test not in everywhere:
            yield f"test/{test} is not named in any walk"


CHECKS = [
    ("every requirement has a test, or a reason why there is none", lambda r, root: unproved(r)),
    ("every test that a walk names exists", missing_tests),
    ("every requirement that tests and sources speak of is in a walk", unknown_tags),
    ("every story is named in the walk of its requirement", unnamed_stories),
    ("every requirement that the code claims to meet has a test", empty_claims),
]


def faults(root=ROOT):
    """(what is checked, its faults) pairs."""
    requirements, ill_formed = read(root)
    return [("the walks are well formed", ill_formed)] + [
        (name, list(check(requirements, root))) for name, check in CHECKS]


if __name__ == "__main__":
    sys.exit(tap.report(faults()))
