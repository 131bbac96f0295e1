"""doc/recipes.md as a whole."""

import pathlib
import re

import pytest

from recipe import DOCUMENT, shows, steps


def test_every_section_is_followed():
    tests = "".join(path.read_text() for path in pathlib.Path(__file__).parent.glob("test_recipes_*.py"))
    titles = re.findall(r"^## (.+)$", DOCUMENT.read_text(), re.MULTILINE)
    assert titles and not [title for title in titles if f'follow("{title}"' not in tests]


def test_steps_are_read():
    text = "```console\n# one \\\n  two\nb# three &\nshown\n more\n```\n"
    assert steps(text) == [("", "one \\\n  two", ""), ("b", "three &", "shown\n more\n")]


@pytest.mark.parametrize("block", ["said by nobody\n# one\n", "", "one\n"])
def test_what_is_no_step_is_told(block):
    with pytest.raises(AssertionError):
        steps(f"```console\n{block}```\n")


@pytest.mark.parametrize("shown, said, right", [
    ("", "anything", True), ("a ... z\n", "a b\nc z", True), ("a\n b\n", " a \r\nb", True),
    ("a.c", "abc", False), ("a", "a\nb", False), ("... a", "b", False), ("a\nb", "b\na", False)])
def test_what_is_shown_is_compared(shown, said, right):
    assert shows(shown, said) is right
