"""Whether the checks can fail: selftest.py BUILD

Each check is shown something bad, which it must refuse, and something good, which it must not.
"""

import pathlib
import subprocess
import sys
import tempfile
import textwrap

import check
import fuzz_coverage
import purity
import style
import tap

TAP_TEXTS = [  # text, its results
    ("1..2\nok 1 - a\nok 2 - b\n", "passed passed"),
    ("1..2\nok 1 - a\nnot ok 2 - b\n# why\n", "passed failed"),
    ("1..1\nnot ok 1 # SKIP a\n", "skipped"),
    ("1..1\nok 1 - a # SKIP no root\n", "skipped"),
    ("ok 1 a\n1..1\n", "passed"),
    ("okay, this is no result\n1..0\n", ""),
]

PROGRAMS = [  # shell command, results
    ("echo ok 1 - a; echo 1..1", "passed"),
    ("echo ok 1 - a; echo 1..1; exit 3", "passed failed"),
    ("echo not ok 1 - a; echo 1..1; exit 1", "failed"),
    ("echo not ok 1 - a; echo 1..1; exit 0", "failed"),
    ("echo 1..2; echo ok 1 - a; kill -SEGV $$", "passed failed"),
    ("echo ok 1 - a", "passed failed"),
    ("true", "failed"),
    ("echo 1..0", "failed"),
    ("echo 1..1; echo ok 1 - a; sleep 60", "passed failed"),
]

UNIT = """title  a story
conf   pool 198.51.100.2
0s     in>   udp 10.0.0.11:5000 > 203.0.113.10:53 text "hello"
"""
OUT = "out>  udp 198.51.100.2:5000 > 203.0.113.10:53"
PIECE = "\nin> udp 10.0.0.11:5000 > 203.0.113.10:53 len 100 piece "
STORIES = [  # what follows UNIT, what the runner says (nothing: it passes)
    (OUT, None),
    (OUT + "\n<out udp 203.0.113.10:53 > 198.51.100.2:5000\n<in udp 203.0.113.10:53 > 10.0.0.11:5000", None),
    ("out>  udp 198.51.100.2:5001 > 203.0.113.10:53", ":4: the octets differ"),
    ("out>  udp 198.51.100.3:5000 > 203.0.113.10:53", ":4: the octets differ"),
    (OUT + ' text "hell"', ":4: the octets differ"),
    (OUT + " ttl 63", ":4: the octets differ"),
    (OUT + " tos 1", ":4: the octets differ"),
    (OUT + " sum +1", ":4: the octets differ"),
    (OUT + " sum none", ":4: the octets differ"),
    (OUT + " header_sum +1", ":4: the octets differ"),
    ("<in  udp 198.51.100.2:5000 > 203.0.113.10:53", ":4: expected to come out"),
    ("drop filtered", ":4: expected to be dropped"),
    ("unmatched", ":4: expected to be unmatched"),
    ("drop nothing", ':4: "nothing" is not known here'),
    ("sessions 1", ":4: what becomes of the datagram above"),
    (OUT + " color 3", ':4: "color" is no word of udp'),
    (OUT + " syn", ':4: "syn" is no word of udp'),
    (OUT + " ttl many", ':4: "many" is not a number'),
    (OUT + " ttl 256", ":4: 256 is more than 255"),
    (OUT + "\nsessions 2", ":5: another number"),
    (OUT + "\nports udp 0", ":5: another number"),
    (OUT + "\nstate established", ":5: another state"),
    (OUT + "\n301s state -", ":5: the session has ended"),
    (OUT + "\nexpect $p = 5000", ":5: a variable is not bound"),
    ("out>  udp 198.51.100.2:$p > 203.0.113.10:53\nexpect $p odd", ":5: does not hold"),
    (OUT + "\nmeanwhile", ':5: "meanwhile" is not known here'),
    (OUT + "\n5s sessions 1\n4s sessions 1", ":6: time runs backwards"),
    (OUT + "\nfor $i 1-2\nsessions $i\nend", ":6: another number"),
    (OUT + "\nfor $i 1-2", ": for without end"),
    (OUT + "\nend", ":5: end without for"),
    (OUT + "\nconf mapping somehow", ':5: "somehow" is not known here'),
    (OUT + "\n<out udp 203.0.113.10:53 > 198.51.100.2:5000\nunmatched", ":6: expected to be unmatched"),
    (OUT + PIECE + "48-108\nheld" + PIECE + "0-48\n" + OUT + "\nreleased " + OUT, None),
    (OUT + PIECE + "48-108\nheld" + PIECE + "0-48\n" + OUT, ":7: more that was held has come"),
    (OUT + PIECE + "48-108\nheld" + PIECE + "0-48\n" + OUT + PIECE + "0-48\n" + OUT,
     ":9: before this one, a datagram that was held has come"),
    (OUT + PIECE + "48-108\nheld\nreleased " + OUT, ":7: nothing that was held has come"),
    (OUT + PIECE + "48-108\n" + OUT, ":6: expected to come out"),
    (OUT + "\nreleased " + OUT, ":5: no datagram is held"),
]

LONG = "int f(void)\n{\n" + "\tg();\n" * 78 + "}\n"
HEADER = "/*\n * A header.\n */\n"
SOURCES = [  # check, file, bad, good
    (style.long_functions, "nat/a.c", LONG.replace("}", "\tg();\n}"), LONG.replace("\tg();\n", "", 1)),
    (style.many_parameters, "nat/a.c", "int f(int a, int b, int c, int d, int e, int g)\n{\n}\n",
     "int f(int a, int b, int (*c)(int, int), int d, int e)\n{\n}\n"),
    (style.many_parameters, "include/nat/a.h", "enum e f(int a, int b, int c, int d,\n\t int e, int g);\n",
     "void f(int a, const char *format, ...) __attribute__((format(printf, 2, 3)));\n"),
    (style.long_files, "nat/a.c", "\n" * 501, "\n" * 500),
    (style.silent_headers, "include/nat/a.h", HEADER + "\nint f(void);\n",
     HEADER + "\n/* What it does. */\nint f(void);\nint g(int a,\n      int b);\n"),
    (style.silent_headers, "include/nat/a.h", HEADER + "\n/* Of f. */\nint f(void);\n\nint g(void);\n",
     HEADER.replace("header", "header with f()") + "\nint f(void);\n"),
    (style.ill_formed_tags, "nat/a.c", "/* RF" "C4787 */", "/* RFC 4787 REQ-5, section 4.1 */"),
    (style.ill_formed_tags, "nat/a.c", "/* RF" "C 4787 REQ5 */", "/* RFC 4787 REQ-3a */"),
    (style.ill_formed_tags, "nat/a.c", "/* RF" "C 4787 R5 */", "/* 4787-R5 */"),
    (style.ill_formed_tags, "nat/a.c", "/* RF" "C 4787 REQ-15 */", "/* RFC 4787 REQ-14 */"),
    (style.ill_formed_tags, "nat/a.c", "/* RF" "C 791 REQ-1 */", "/* RFC 791 section 3.1 */"),
    (style.left_to_do, "nat/a.c", "/* TO" "DO: all */", "/* all done */"),
    (style.wrong_includes, "nat/a.c", '#include <stdio.h>\n', '#include <string.h>\n#include "nat/bytes.h"\n'),
    (style.wrong_includes, "nat/a.c", '#include "router/io.h"\n', '#include <stdint.h>\n'),
    (style.wrong_includes, "test/a.c", '#include "nat/nat.c"\n', '#include "nat/nat.h"\n'),
    (style.wrong_includes, "test/a.c", '#include "../../nat/core.h"\n', '#include <stdio.h>\n'),
]

OBJECTS = [  # what main() of purity.py would say about objects of these sources; bad, good
    (lambda o: purity.undefined(o) - purity.ALLOWED, "int puts(const char *);\nint f(void) { return puts(\"\"); }",
     "#include <string.h>\nvoid *f(void *a, void *b, size_t n) { return memcpy(a, b, n); }"),
    (purity.mutable, "int f(void);\nstatic int counter; int f(void) { return ++counter; }",
     "static const char *const names[] = { \"a\", \"b\" };\nconst char *f(int i);\nconst char *f(int i) { return names[i]; }"),
    (purity.mutable, "int counter = 1;", "const int counter = 1;"),
    (purity.mutable, "_Thread_local int counter;", "int f(void); int f(void) { int counter = 1; return counter; }"),
    (lambda o: purity.check_packet_path([o], ["step"]), "#include <stdlib.h>\n"
     "__attribute__((noinline)) static void *deep(size_t n) { return malloc(n + 1); }\n"
     "__attribute__((noinline)) static void *middle(size_t n) { return (char *)deep(n + 1) + 1; }\n"
     "void *step(size_t n) { return (char *)middle(n) + 1; }",
     "#include <stdlib.h>\nvoid *make(size_t n) { return malloc(n); }\nint step(int n) { return n + 1; }"),
    (lambda o: purity.check_packet_path([o], ["step"]), "#include <pthread.h>\n"
     "int step(pthread_mutex_t *m) { return pthread_mutex_lock(m) + 1; }", "int step(int n) { return n; }"),
    (lambda o: purity.check_packet_path([o], ["step"]), "#include <stdlib.h>\n"
     "void step(void (**way)(void *)) { *way = free; }", "int step(int n) { return n; }"),
    (lambda o: purity.check_packet_path([o], ["step"]), "int step(int (*f)(int)) { return f(1) + 1; }",
     "int step(int n) { return n; }"),
    (lambda o: purity.check_packet_path([o], ["step"]), "int other(int n) { return n; }", "int step(int n) { return n; }"),
]


def statuses(results):
    return " ".join(r.status for r in results)


def tap_faults(text, expected):
    came = statuses(tap.read(text)[0])
    return [] if came == expected else [f"{text!r}: {came}"]


def program_faults(command, expected):
    came = statuses(tap.results_of(["sh", "-c", command], 2))
    return [] if came == expected else [f"{command}: {came}"]


def story_faults(play, folder, rest, says):
    """A wrong story must fail in each of its runs, and say where."""
    path = folder / "story.nat"
    path.write_text(UNIT + rest + "\n")
    done = tap.run([str(play), str(path)], 60)
    results, _ = tap.read(done.out)
    failed = [r for r in results if r.status == tap.FAILED]
    if says is None:
        return [] if results and not failed and done.code == 0 else [rest] + done.out.splitlines()
    if failed and len(failed) == len(results) and done.code == 1 and says in done.out:
        return []
    return [rest, f"without: {says}"] + done.out.splitlines()


def source_faults(look, name, bad, good):
    path = style.ROOT / name
    faults = [] if list(look(path, bad)) else [f"{look.__name__} accepts {bad[:60]!r}"]
    return faults + [f"{look.__name__} refuses: {fault}" for fault in look(path, good)]


def compiled(folder, source):
    (folder / "a.c").write_text(source)
    subprocess.run(["cc", "-O2", "-c", "-o", folder / "a.o", folder / "a.c"], check=True)
    return folder / "a.o"


def object_faults(look, folder, bad, good):
    faults = [] if look(compiled(folder, bad)) else [f"accepts {bad!r}"]
    return faults + [f"refuses {good!r}: {fault}" for fault in look(compiled(folder, good))]


def group_faults():
    """A group in which nothing runs, or that breaks, has failed."""
    def breaks(_):
        raise ValueError("broken")

    groups = [(lambda b: [], "failed"), (breaks, "failed"),
              (lambda b: [tap.Result("a", tap.PASSED)], "passed"),
              (lambda b: check.side_by_side(breaks, [1, 2]), "failed"),
              (lambda b: check.side_by_side(lambda status: [tap.Result("a", status)],
                                            [tap.PASSED, tap.FAILED, tap.SKIPPED]), "passed failed skipped")]
    return [f"group {number}" for number, (work, expected) in enumerate(groups)
            if statuses(check.run_group(work, None)) != expected]


def junit_faults(folder):
    path = folder / "junit.xml"
    path.write_text(textwrap.dedent("""\
        <testsuites><testsuite name="pytest">
        <testcase classname="t" name="a"/>
        <testcase classname="t" name="b"><failure message="m">why</failure></testcase>
        <testcase classname="t" name="c"><error message="m">why</error></testcase>
        <testcase classname="t" name="d"><skipped message="no root">where</skipped></testcase>
        </testsuite></testsuites>"""))
    results = check.read_junit(path)
    good = statuses(results) == "passed failed failed skipped" and results[3].detail == ["no root"]
    return [] if good else [str(results)]


COUNTS = """\
{"files": [{"file": "nat/a.c", "lines": [{"line_number": 1, "count": 2}, {"line_number": 3, "count": 0}]}]}
{"files": [{"file": "nat/a.c", "lines": [{"line_number": 4, "count": 0}, {"line_number": 9, "count": 0}]},
 {"file": "nat/a.c", "lines": [{"line_number": 9, "count": 1}, {"line_number": 10, "count": 0}]}]}""".replace(",\n ", ", ")


def coverage_faults():
    """Two of five lines, one of them reached in the second of its places."""
    files = fuzz_coverage.report(fuzz_coverage.read_counts(COUNTS))
    wrong = [] if files == {"nat/a.c": {"lines": 5, "reached": 2, "unreached": [[3, 4], [10, 10]]}} else [str(files)]
    asked = [("nat/a.c", 40, True), ("nat", 40, True), ("nat", 41, False), ("nat/a", 1, False), ("router", 1, False)]
    return wrong + [f"{least} % of {place}" for place, least, good in asked
                    if bool(fuzz_coverage.shortfall(files, place, least)) == good]


def network_faults(folder):
    """A file of tests of which one was left out, or that is not there, has failed."""
    file = folder / "test_one.py"
    file.write_text("def test_one():\n    pass\n")
    (folder / "network").mkdir()
    asked = [(file, 1, "passed"), (file, 2, "passed failed"), (folder / "test_none.py", 1, "failed")]
    return [f"{path.name} with {planned} tests" for path, planned, expected in asked
            if statuses(check.network_file(folder, [str(path)], planned)) != expected]


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tests = [("reading TAP", sum((tap_faults(*row) for row in TAP_TEXTS), [])),
                 ("running programs", sum((program_faults(*row) for row in PROGRAMS), [])),
                 ("reading pytest's results", junit_faults(folder)),
                 ("files of network tests", network_faults(folder)),
                 ("what inputs reach", coverage_faults()),
                 ("groups in which nothing runs", group_faults())]
        tests += [(f"story {number}", story_faults(build / "test/play", folder, *row))
                  for number, row in enumerate(STORIES, 1)]
        tests += [(f"style {number}: {row[0].__name__}", source_faults(*row))
                  for number, row in enumerate(SOURCES, 1)]
        tests += [(f"purity {number}", object_faults(row[0], folder, *row[1:]))
                  for number, row in enumerate(OBJECTS, 1)]
    return tap.report(tests)


if __name__ == "__main__":
    sys.exit(main())
