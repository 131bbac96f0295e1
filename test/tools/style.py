"""How the sources look, as far as a machine can say: style.py [BUILD]

Functions of at most 80 lines and five parameters, files of at most 500 lines, a comment for each
function of a public header, RFC tags in one form, nothing left to do, and includes that point one way.
"""

import pathlib
import re
import sys

import tap

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("include", "nat", "router", "test", "fuzz", "doc")
LINES_OF_A_FUNCTION, LINES_OF_A_FILE, PARAMETERS = 80, 500, 5


def sources(*endings):
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    found += [ROOT / "Makefile", ROOT / "README.md", ROOT / "router.conf"]
    return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts
                  and (not endings or path.suffix in endings))


def shown(path):
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name


def without_comments(text):
    """The same lines, with comments and strings blanked."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match[0]) if match[0].startswith("/") else '""'
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.DOTALL)


DECLARATION = re.compile(r"^(?!#|typedef|\}|_Static_assert|extern)"
                         r"[A-Za-z_][\w\s*]*?\b(\w+)\s*\((.*?)\)[^()={]*?(;|\n\{)", re.DOTALL | re.MULTILINE)
ATTRIBUTE = re.compile(r"__attribute__\s*\(\(.*?\)\)(?=\s*;)", re.DOTALL)


def functions(text):
    """(name, parameters, first line, last line, is a definition) at file scope. A definition ends with
    a brace in the first column."""
    code = ATTRIBUTE.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), without_comments(text))
    for match in DECLARATION.finditer(code):
        first = code.count("\n", 0, match.start()) + 1
        last = code.count("\n", 0, match.end()) + 1
        definition = match[3] != ";"
        if definition:
            end = code.find("\n}", match.end())
            last = code.count("\n", 0, end if end >= 0 else len(code)) + 2
        yield match[1], parameters(match[2]), first, last, definition


def parameters(text):
    """How many there are between the parentheses."""
    flat = re.sub(r"\([^()]*\)", "", re.sub(r"\([^()]*\)", "", text)).strip()
    return 0 if flat in ("", "void") else flat.count(",") + 1


def long_functions(path, text):
    for name, _, first, last, definition in functions(text):
        if definition and last - first + 1 > LINES_OF_A_FUNCTION:
            yield f"{shown(path)}:{first}: {name} has {last - first + 1} lines"


def many_parameters(path, text):
    for name, count, first, _, _ in functions(text):
        if count > PARAMETERS:
            yield f"{shown(path)}:{first}: {name} has {count} parameters"


def long_files(path, text):
    count = text.count("\n")
    if count > LINES_OF_A_FILE:
        yield f"{shown(path)}: {count} lines"


def silent_headers(path, text):
    """A comment stands above a function or above the group, without a blank line, that it is in; or the
    header's opening comment speaks of it. The body of an inline function speaks for itself."""
    lines = text.splitlines()
    opening = text.split("*/", 1)[0]
    for name, _, first, _, definition in functions(text):
        above = first - 2
        while above >= 0 and lines[above].strip() and not lines[above].rstrip().endswith("*/"):
            above -= 1
        spoken = above >= 0 and lines[above].rstrip().endswith("*/")
        if not definition and not spoken and not re.search(rf"\b{name}\b", opening):
            yield f"{shown(path)}:{first}: {name} has no comment"


REQUIREMENTS = {4787: 14, 5382: 10, 5508: 11, 5597: 13, 6888: 15}  # how many each RFC has
ILL_FORMED = [
    (re.compile(r"\bRFC[-_#]?\d"), "RFC and its number need a blank between them"),
    (re.compile(r"\b(?:rfc|Rfc) \d"), "RFC is written in capitals"),
    (re.compile(r"\bRFC \d+,? (?:Req|req|REQ(?!-\d))"), "a requirement is written as RFC 4787 REQ-5"),
    (re.compile(r"\bRFC \d+,? R\d"), "a requirement is written as RFC 4787 REQ-5"),
    (re.compile(r"\bRFC \d+,? (?:§|[Ss]ec\.|Section|sect\b|chapter)"), "a section is written as RFC 791 section 3.1"),
]
TAG = re.compile(r"\bRFC (\d+) REQ-(\d+)")
LINKS = re.compile(r"https?://\S+")


def ill_formed_tags(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        line = LINKS.sub("", line)
        for form, what in ILL_FORMED:
            if form.search(line):
                yield f"{shown(path)}:{number}: {what}: {line.strip()}"
        for rfc, requirement in TAG.findall(line):
            if int(rfc) not in REQUIREMENTS or not 1 <= int(requirement) <= REQUIREMENTS[int(rfc)]:
                yield f"{shown(path)}:{number}: no such requirement: RFC {rfc} REQ-{requirement}"


LEFT_TO_DO = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK")) + r")\b")


def left_to_do(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        if LEFT_TO_DO.search(line):
            yield f"{shown(path)}:{number}: {line.strip()}"


INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', re.MULTILINE)
PURE = {"assert.h", "cpuid.h", "emmintrin.h", "immintrin.h", "limits.h", "stdbool.h", "stddef.h", "stdint.h", "string.h"}


def wrong_includes(path, text):
    """nat/ knows itself and a few headers of C; tests see public headers; nobody includes a .c file."""
    layer = shown(path).parts[0] if path.is_relative_to(ROOT) else path.parts[0]
    pure = layer == "nat" or path.parent.name == "nat" and "include" in path.parts
    for name in INCLUDE.findall(text):
        own = "/" not in name and (path.parent / name).exists()
        if name.endswith(".c") or "../" in name:
            yield f"{shown(path)}: includes {name}"
        elif pure and not (name.startswith("nat/") or name in PURE or own):
            yield f"{shown(path)}: includes {name}, which nat/ must not know"


CHECKS = [
    (f"functions have at most {LINES_OF_A_FUNCTION} lines", long_functions, (".c", ".h")),
    (f"functions have at most {PARAMETERS} parameters", many_parameters, (".c", ".h")),
    (f"files have at most {LINES_OF_A_FILE} lines", long_files, (".c", ".h", ".py", ".sh")),
    ("functions of public headers have a comment", silent_headers, (".h",)),
    ("RFC tags are well formed", ill_formed_tags, (".c", ".h", ".py", ".nat", ".md", ".conf")),
    ("nothing is left to do", left_to_do, ()),
    ("includes point one way", wrong_includes, (".c", ".h")),
]


def faults(check, endings):
    paths = sources(*endings)
    if check is silent_headers:
        paths = [path for path in paths if path.is_relative_to(ROOT / "include")]
    return [fault for path in paths for fault in check(path, path.read_text(errors="replace"))] \
        if paths else ["no source was found"]


def main():
    return tap.report([(name, faults(check, endings)) for name, check, endings in CHECKS])


if __name__ == "__main__":
    sys.exit(main())
