"""Whether the checks of the requirement walks can fail: selftest_walks.py [BUILD]

In a tree of its own everything agrees; then one thing is changed, and exactly that must be said.
"""

import pathlib
import sys
import tempfile

import conformance
import tap
import walks
from tap import FAILED, PASSED, SKIPPED, Result

TREE = {
    "test/rfc/5597.md": """# An example

## 5597-R1 (MUST)
The first.
- test: scenario/5597-r1-first.nat
- test: unit/nat/test_a.c:works
- gap: what is
  left open

## 5597-R2a (SHOULD)
The second.
- test: net/test_b.py::test_c
- test: net/test_b.py::TestD::test_e
- also: REQ-5, 5597-S7

## 5597-R3
The third.
- none: for a reason
""",
    "test/scenario/5597-r1-first.nat": "title  RFC 5597 REQ-1 and REQ-2: both\n",
    "test/scenario/unnumbered.nat": "title  nothing in particular\n",
    "test/unit/nat/test_a.c": "/* RFC 5597 REQ-2a, RFC 6888\n * REQ-12. */\nstatic void works(void **state)\nTEST(works)\n"
                              "static void idle(void **state)\n",
    "test/net/test_b.py": 'def test_c():\n    """5597-R3"""\n\nclass TestD:\n    def test_e(self):\n        pass\n',
    "test/tools/c.py": '"""ABU-77: an example."""\n',
    "nat/a.c": "/* RFC 5597 REQ-1b, REQ-5; 5597-S7 */\n",
}
WALK, STORY, CODE = "test/rfc/5597.md", "test/scenario/5597-r1-first.nat", "nat/a.c"
CHANGES = [  # file, what in it (None: the file is new), by what, what is said of it
    (WALK, "- gap: what is", "- gab: what is", "5597.md:7: not understood: - gab: what is left open"),
    (WALK, "## 5597-R3\n", "## 5597-R1\n", "5597.md:16: 5597-R1 is there already"),
    (WALK, "The third.\n", "", "5597.md:16: 5597-R3 does not say what is required"),
    (WALK, "TestD::test_e", "test_c", "5597.md:10: 5597-R2a names net/test_b.py::test_c twice"),
    (WALK, "- none: for a reason", "", "5597.md:16: 5597-R3 has neither a test nor a reason"),
    (WALK, "- none: for a", "- gap: for no", "5597.md:16: 5597-R3 has a gap but no test"),
    (WALK, "- gap: what", "- none: what", "5597.md:3: 5597-R1 has a test and a reason"),
    (WALK, "test_c\n", "test_f\n", "5597.md:10: 5597-R2a: net/test_b.py::test_f is not in that file"),
    (WALK, "TestD::test_e", "TestD::test_c", "net/test_b.py::TestD::test_c is not in that file"),
    (WALK, "test_a.c:works", "test_a.c:rests", "5597-R1: unit/nat/test_a.c:rests is not in that file"),
    (WALK, "test_a.c:works", "test_a.c:idle", "5597-R1: unit/nat/test_a.c:idle is not in that file"),
    (WALK, "test_a.c:works", "test_z.c:works", "5597-R1: unit/nat/test_z.c:works is not there"),
    (WALK, "unit/nat/test_a.c:works", "unit/nat/test_a.c", "5597-R1: unit/nat/test_a.c is no name of a test"),
    (WALK, "scenario/5597-r1-first.nat", "scenario/unnumbered.nat",
     "5597-r1-first.nat is not named in the walk of 5597-R1 (test/rfc/5597.md:3)"),
    ("test/scenario/5597-r2-second.nat", None, "title  the second\n",
     "5597-r2-second.nat is not named in the walk of 5597-R2a (test/rfc/5597.md:10)"),
    ("test/scenario/5597-r4-fourth.nat", None, "title  a fourth\n", "5597-r4-fourth.nat: 5597-R4 is in no walk"),
    ("test/scenario/5597-other.nat", None, "title  another\n", "5597-other.nat is not named in any walk"),
    (STORY, "and REQ-2", "and REQ-4", "5597-r1-first.nat:1: RFC 5597 REQ-4 is in no walk"),
    (STORY, "both", "ABU-33", "5597-r1-first.nat:1: ABU-33 is in no walk"),
    ("test/unit/nat/test_a.c", "RFC 6888\n", "RFC 5597\n", "test_a.c:1: RFC 5597 REQ-12 is in no walk"),
    ("test/net/test_b.py", "5597-R3", "768-R3.1", "test_b.py:2: 768-R3.1 is in no walk"),
    (CODE, "REQ-5", "REQ-3", "nat/a.c:1: RFC 5597 REQ-3: 5597-R3 has no test"),
]

SOUND = [  # text, the requirements that it speaks of
    ("RFC 7857 section 2.1, sections 3", ["7857-S2.1"]),
    ("RFC 4787 section 4.1", []),
    ("RFC 4787 REQ-1, REQ-3: two", ["4787-R1", "4787-R3"]),
    (" * (RFC 6888\n *\tREQ-12 to REQ-14)", ["6888-R12"]),
    ("UTF-8, 768-C3. ALG-SEC; a/4787-R1 and X-ABU-1", ["768-C3", "ALG-SEC"]),
]

OUTCOMES = [  # results of a test's variants, and of the test
    ("passed passed", PASSED), ("passed skipped", SKIPPED), ("skipped failed passed", FAILED), ("", FAILED),
]


def plant(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    walks.text_of.cache_clear()


def said(root):
    return [fault for _, found in walks.faults(root) for fault in found]


def change_faults(root, name, old, new, says):
    """Said once, as it should be, and nothing when it is as it was."""
    text = TREE.get(name)
    plant(root, {name: new if old is None else text.replace(old, new)})
    came = said(root)
    if text is None:
        (root / name).unlink()
    plant(root, {name: text} if text else {})
    return [] if any(says in fault for fault in came) else [f"{name}: {new!r}", f"without: {says}", *came]


def tag_faults(text, names):
    came = [name for _, _, name in walks.tags(text)]
    return [] if came == names else [f"{text!r}: {came}"]


def outcome_faults(statuses, expected):
    came = conformance.together("a", [Result("a", s) for s in statuses.split()]).status
    return [] if came == expected else [f"{statuses!r}: {came}"]


def sorting_faults():
    """Variants are of their test, and others that begin alike are not."""
    results = [Result("a-b, 1 worker: x", PASSED), Result("a-b, 2 workers: x", FAILED), Result("a-b-c, 1 worker: y", PASSED),
               Result("works (1 worker)", PASSED), Result("works_well", FAILED), Result("test.net.test_b.TestD.test_e[x.y-1]", PASSED)]
    names = {"scenario/a-b.nat": "a-b", "scenario/a-b-c.nat": "a-b-c", "u": "works", "n": "test.net.test_b.TestD.test_e"}
    came = [r.status for r in conformance.sorted_out(list(names), results, names.get).values()]
    return [] if came == [FAILED, PASSED, PASSED, PASSED] else [str(came)]


def report_faults(root, folder):
    """Every requirement and test is in the file, with its result, whatever octets a test has said."""
    requirements, _ = walks.read(root)
    tests = [test for r in requirements for test in r.tests]
    outcome = [(FAILED, ["\x1b[1mwhy\x00 & <because>"]), (PASSED, []), (SKIPPED, ["no root"]), (conformance.NOT_RUN, [])]
    results = {test: Result(test, *told) for test, told in zip(tests, outcome)}
    conformance.write(conformance.junit(requirements, results), folder / "conformance.xml")
    suite = conformance.xml.parse(folder / "conformance.xml").getroot().find("testsuite")
    cases = [(c.get("classname"), c.get("name"), [e.tag for e in c]) for c in suite]
    expected = [("5597-R1", tests[0], ["failure"]), ("5597-R1", tests[1], []), ("5597-R1", "gap", ["skipped"]),
                ("5597-R2a", tests[2], ["skipped"]), ("5597-R2a", tests[3], ["skipped"]), ("5597-R3", "no test", ["skipped"])]
    counts = [suite.get(n) for n in ("tests", "failures", "skipped")]
    total = conformance.sums(requirements, results)
    wanted = ("3 requirements: 0 shown, 1 in part, 1 failed, 1 without a test; "
              "4 tests: 1 passed, 1 failed, 1 skipped, 1 not run")
    return ([] if cases == expected and counts == ["6", "1", "4"] else [str(cases), str(counts)]) + \
        ([] if total == wanted else [total])


def main():
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        plant(root, TREE)
        tests = [("a tree in which everything agrees", said(root)),
                 ("a tree without walks", [] if said(root / "nat") else ["nothing was said"]),
                 ("results of variants", sum((outcome_faults(*row) for row in OUTCOMES), []) + sorting_faults()),
                 ("tags in text", sum((tag_faults(*row) for row in SOUND), [])),
                 ("the report as XML", report_faults(root, root))]
        tests += [(f"change {number}", change_faults(root, *row)) for number, row in enumerate(CHANGES, 1)]
        tests += [("the tree as it was", said(root))]
    return tap.report(tests)


if __name__ == "__main__":
    sys.exit(main())
