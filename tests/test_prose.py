"""The plain English of elect and wire: the rules of CONTRIBUTING.md that a search can check."""

import ast
import re

import pytest

from tests.documents import ROOT

SOURCES = {path: path.read_text(encoding="utf-8") for room in ("elect", "wire") for path in (ROOT / room).rglob("*.py")}

HIDDEN = re.compile(r"(What|Who|Whoever|Whom|It)\b")

BANNED = re.compile(
    r"\bso\s+(many|much|long|often)\b|\b(befalls?|befell|dwell(s|ed)?|hearsay|farewells?|vigils?|lulls?|whoever)\b"
    r"|\bprotocol's\s+thread|\bof\s+ours\b",
    re.IGNORECASE,
)


def hidden(text: str) -> list[str]:
    """The docstrings, also of attributes, that begin without the name of their subject."""
    statements = [each.value for each in ast.walk(ast.parse(text)) if isinstance(each, ast.Expr)]
    strings = [each.value for each in statements if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return [each for each in strings if HIDDEN.match(each.strip())]


def banned(text: str) -> list[str]:
    """The words that plain English has others for, in comments, docstrings and all other strings."""
    return [found[0] for found in BANNED.finditer(text)]


@pytest.mark.parametrize("check", [hidden, banned])
def test_the_sources_are_in_plain_english(check):
    assert {str(path.relative_to(ROOT)): found for path, text in SOURCES.items() if (found := check(text))} == {}


def test_a_check_can_fail():
    assert hidden('x = 1\n"""It is."""\ndef f():\n    """Whoever is."""\n') == ["It is.", "Whoever is."]
    assert banned("# so  long\nraise Gone('no vigil of ours')") == ["so  long", "vigil", "of ours"]
