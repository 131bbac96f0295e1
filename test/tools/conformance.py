"""What the requirement walks name, run and told: conformance.py [--build DIRECTORY] [--only KIND] [WALK...]

Prints each requirement with its tests and their results, and writes the same as JUnit XML to
conformance.xml in the build directory. KIND is scenario, unit, differential or net, WALK the name of
a file in test/rfc, or of a requirement; default is all. Nothing is run twice. The exit status is 1 if
a test failed, or if walks, tests and sources do not agree (walks.py).
"""

import argparse
import re
import sys
import xml.etree.ElementTree as xml
from collections import Counter

import check
import tap
import walks
from tap import FAILED, PASSED, SKIPPED, Result

NOT_RUN = "not run"
KINDS = ("scenario", "unit", "differential", "net")


def kind_of(test):
    return test.split("/")[0]


def together(test, results, others=()):
    """One result out of those of a test's variants; if it did not run, others may tell why."""
    if not results:
        why = [line for r in others if r.status == FAILED for line in [r.name, *r.detail]]
        return Result(test, FAILED, ["did not run", *why])
    for status in (FAILED, SKIPPED):
        met = [r for r in results if r.status == status]
        if met:
            return Result(test, status, [line for r in met for line in ([r.name] if len(results) > 1 else []) + r.detail])
    return Result(test, PASSED)


def sorted_out(tests, results, name_of):
    """Results by the test that they are of. name_of() gives a test's name in a result, which may go on
    with what tells its variants apart."""
    by_name = {}
    for r in results:
        by_name.setdefault(re.match(r"[^\s,\[(:]*", r.name)[0], []).append(r)
    return {test: together(test, by_name.get(name_of(test), []), results) for test in tests}


def scenario(tests, build):
    files = [f"test/{test}" for test in tests]
    results = tap.results_of([build / "test/play", *files], 10 * check.MINUTE, check.environment(), check.ROOT)
    return sorted_out(tests, results, lambda test: test.removeprefix("scenario/").removesuffix(".nat"))


def unit(tests, build):
    found = {}
    for program in sorted({walks.UNIT.fullmatch(test)[1] for test in tests}):
        results = tap.results_of([build / "test" / program.removesuffix(".c")], 5 * check.MINUTE,
                                 check.environment(), check.ROOT)
        own = [test for test in tests if test.startswith(program + ":")]
        found |= sorted_out(own, results, lambda test: test.split(":")[1])
    return found


def differential(tests, build):
    results = check.differential(build)
    return {test: together(test, results) for test in tests}


def net(tests, build):
    results = check.network(build, [f"test/{test}" for test in tests])
    return sorted_out(tests, results, lambda test: "test." + re.sub(r"/|::", ".", test.replace(".py", "")))


def run(tests, build, kinds):
    """The result of each test; those of other kinds are not run."""
    found = {test: Result(test, NOT_RUN) for test in tests}
    for kind, work in zip(KINDS, (scenario, unit, differential, net)):
        asked = [test for test in tests if kind_of(test) == kind and not walks.missing(test)]
        if kind in kinds and asked:
            found |= work(asked, build)
    for test in tests:
        wrong = walks.missing(test)
        if wrong:
            found[test] = Result(test, FAILED, [wrong])
    return found


def rows(requirement, results):
    """(what, status, detail) of each line of a requirement."""
    for test in requirement.tests:
        yield test, results[test].status, results[test].detail
    for kind, texts in (("gap", requirement.gaps), ("no test", requirement.reasons)):
        for text in texts:
            yield kind, SKIPPED, [text]


def standing(requirement, results):
    statuses = {results[test].status for test in requirement.tests}
    if not requirement.tests:
        return "without a test"
    if FAILED in statuses:
        return "failed"
    return "in part" if requirement.gaps or statuses != {PASSED} else "shown"


def print_table(requirements, results):
    widest = max(len(r.id) for r in requirements)
    broad = max((len(test) for r in requirements for test in r.tests), default=0)
    for r in requirements:
        label = r.id
        for what, status, detail in rows(r, results):
            told = f"{what:{broad}}  {status}" if what in r.tests else f"{what}: {detail[0]}"
            print(f"{label:{widest}}  {told}")
            label = ""


def print_failures(results):
    """What failed and what was skipped, and why; what several have to say only once."""
    said = set()
    for r in results.values():
        if r.status in (FAILED, SKIPPED):
            print(f"{r.status.upper()} {r.name}")
            for line in r.detail if tuple(r.detail) not in said else ["as above"]:
                print(f"    {line}")
            said.add(tuple(r.detail))


def sums(requirements, results):
    of_rows = Counter(standing(r, results) for r in requirements)
    of_tests = Counter(r.status for r in results.values())
    kinds = ("shown", "in part", "failed", "without a test")
    told = [f"{of_tests[s]} {s}" for s in (PASSED, FAILED, SKIPPED, NOT_RUN) if of_tests[s] or s != NOT_RUN]
    return (f"{len(requirements)} requirements: {', '.join(f'{of_rows[k]} {k}' for k in kinds)}; "
            f"{len(results)} tests: {', '.join(told)}")


def plain(text):
    """What XML can hold."""
    return re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)


def add_case(suite, requirement, what, status, detail):
    case = xml.SubElement(suite, "testcase", classname=requirement.id, name=plain(what))
    if status == FAILED:
        failure = xml.SubElement(case, "failure", message=plain(detail[0] if detail else "failed"))
        failure.text = plain("\n".join(detail))
    elif status != PASSED:
        xml.SubElement(case, "skipped", message=plain(" ".join(detail) or "not asked for"))


def junit(requirements, results):
    """A suite for each walk, and in it a case for each requirement and test."""
    root = xml.Element("testsuites", name="requirements")
    for walk in dict.fromkeys(r.walk for r in requirements):
        suite = xml.SubElement(root, "testsuite", name=walk)
        for r in requirements:
            if r.walk == walk:
                for what, status, detail in rows(r, results):
                    add_case(suite, r, what, status, detail)
        for element, name in (("testcase", "tests"), ("failure", "failures"), ("skipped", "skipped")):
            suite.set(name, str(len(list(suite.iter(element)))))
        suite.set("errors", "0")
    return root


def shape(root):
    """Everything that a reader of the file can know."""
    return [(e.tag, sorted(e.attrib.items()), e.text or "") for e in root.iter()]


def write(root, path):
    """Write, and read back what a reader would read."""
    xml.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    if shape(xml.parse(path).getroot()) != shape(root):
        raise ValueError(f"{path} does not say what was written")


def chosen(requirements, names):
    """Those of these walks, or of these names; all without names."""
    return [r for r in requirements if not names or r.walk in names or r.id in names]


def main():
    parser = argparse.ArgumentParser(description="Run what the requirement walks name.")
    parser.add_argument("--build", default="build", help="directory with what was built")
    parser.add_argument("--only", action="append", choices=KINDS, help="kinds of tests to run; default all")
    parser.add_argument("walk", nargs="*", help="walks, or single requirements; default all")
    arguments = parser.parse_args()
    everything, _ = walks.read()
    unknown = set(arguments.walk) - {r.walk for r in everything} - {r.id for r in everything}
    if unknown or not everything:
        parser.error(f"no such walk or requirement: {', '.join(sorted(unknown))}")
    requirements = chosen(everything, arguments.walk)
    build = (check.ROOT / arguments.build).resolve()
    tests = list(dict.fromkeys(test for r in requirements for test in r.tests))
    results = run(tests, build, arguments.only or KINDS)
    write(junit(requirements, results), build / "conformance.xml")
    faults = [fault for _, found in walks.faults() for fault in found]
    print_table(requirements, results)
    print_failures(results)
    for fault in faults:
        print(f"DISAGREEMENT {fault}")
    print(sums(requirements, results))
    return 1 if faults or any(r.status == FAILED for r in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
