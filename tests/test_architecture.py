"""The shape of the sources: how long, how many, named once. Imports and calls are checked by `make lint`."""

import ast
import configparser
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PRODUCT = sorted(path.relative_to(ROOT) for room in ("elect", "wire") for path in (ROOT / room).rglob("*.py"))
ALL = [*PRODUCT, *sorted(path.relative_to(ROOT) for room in ("tests", "bench") for path in (ROOT / room).rglob("*.py"))]

FILE_LINES_MAX, FUNCTION_LINES_MAX, FOLDER_FILES_MAX, TEST_NAME_MAX = 400, 50, 16, 60

ROOMS_OF_ELECT = {"api", "bridge", "cli", "config", "core", "joining", "monitoring", "runtime", "storage", "testing"}
ROOMS_OF_ELECT |= {"client", "mirror", "observing", "sites", "web"}
FILES_OF_ELECT = {"__init__.py", "ARCHITECTURE.md", "clock.py", "errors.py", "leader.py", "py.typed"}

NAMED_BY_PYTHON = ("__init__.py", "__main__.py")
"""A package is found by the one and run by the other; both may be in many folders."""

ABBREVIATION = re.compile(
    r"(^|_)(addr|arg|buf|cb|cfg|cnt|conf|conn|ctx|evt|fn|hb|idx|lst|mgr|msg|num|obj|params?|pkt|pos|prev|proc|ptr|req"
    r"|resp|ret|secs?|seq|sess|sig|srv|tmp|vals?|var)(_|$)"
)
"""Parts of names that stand for a word; `id`, `rng`, `ns`, `ms` are allowed."""

TIMELESS = ("unit", "property", "scenarios", "simulation")
"""Folders of tests in which nothing waits for time to pass."""


def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def too_long(text: str) -> list[str]:
    """The file, if it is too long, and each function that is."""
    functions = [each for each in ast.walk(ast.parse(text)) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [each.name for each in functions if (each.end_lineno or 0) - each.lineno + 1 > FUNCTION_LINES_MAX]
    return ["the file", *long] if text.count("\n") > FILE_LINES_MAX else long


def calls(module: ast.Module, *names: str) -> list[str]:
    """The calls of these functions, as they are written."""
    called = [ast.unparse(each.func) for each in ast.walk(module) if isinstance(each, ast.Call)]
    return [each for each in called if each in names]


def abbreviations(module: ast.Module) -> list[str]:
    """The names defined here that have an abbreviation as a part."""
    names = set()
    for each in ast.walk(module):
        match each:
            case ast.FunctionDef(name=name) | ast.arg(arg=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                names.add(name)
    return sorted(name for name in names if ABBREVIATION.search(name.lower()) and name[:2] != "__")


def long_tests(text: str) -> list[str]:
    """The test names that are too long."""
    return [name for name in re.findall(r"def (test_\w+)", text) if len(name) > TEST_NAME_MAX]


def doubles(names: list[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)


def test_files_and_functions_are_short():
    assert {str(path): long for path in ALL if (long := too_long((ROOT / path).read_text(encoding="utf-8")))} == {}


def test_folders_have_few_files():
    assert {
        str(folder) for folder, count in Counter(path.parent for path in PRODUCT).items() if count > FOLDER_FILES_MAX
    } == set()


def test_elect_has_its_rooms_and_small_files():
    names = {path.name for path in (ROOT / "elect").iterdir() if path.name != "__pycache__"}
    assert names == ROOMS_OF_ELECT | FILES_OF_ELECT


def test_no_file_has_the_name_of_another():
    assert doubles([path.name for path in PRODUCT if path.name not in NAMED_BY_PYTHON]) == []


def test_no_class_has_the_name_of_another():
    classes = [each.name for path in PRODUCT for each in ast.walk(tree(path)) if isinstance(each, ast.ClassDef)]
    assert doubles(classes) == []


def test_names_are_words():
    assert {str(path): names for path in PRODUCT if (names := abbreviations(tree(path)))} == {}


def test_test_names_are_short():
    tests = [path for path in ALL if path.parts[0] == "tests"]
    assert {str(path): long for path in tests if (long := long_tests((ROOT / path).read_text(encoding="utf-8")))} == {}


def test_timeless_tests_do_not_sleep():
    timeless = [path for path in ALL if path.parts[0] == "tests" and path.parts[1] in TIMELESS]
    assert timeless
    assert {str(path) for path in timeless if calls(tree(path), "time.sleep", "sleep")} == set()


def test_threads_are_reported_threads():
    """The hook that Python tells of a thread's error can block; a ReportedThread tells the log."""
    bare = {str(path) for path in PRODUCT if calls(tree(path), "threading.Thread")}
    assert bare == {"elect/testing/real_processes.py", "wire/common/call_queue.py"}


def test_coverage_gate_is_about_the_pure_rooms():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    assert parser["coverage:run"]["include"].split() == ["elect/core/*", "wire/protocol/*"]
    assert int(parser["coverage:report"]["fail_under"]) >= 95


def test_every_tool_is_configured_in_one_place():
    names = {path.name for path in ROOT.iterdir()}
    assert not names & {"tox.ini", "pytest.ini", "mypy.ini", ".mypy.ini", ".coveragerc", "ruff.toml", ".ruff.toml"}
    sections = re.findall(r"^\[([\w-]+(?:\.[\w-]+)?)", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert set(sections) == {"build-system", "tool.ruff"}


@pytest.mark.parametrize(
    ("check", "text", "found"),
    [
        (too_long, "x = 1\n" * 401, ["the file"]),
        (too_long, "x = 1\n" * 400, []),
        (too_long, "def f():\n" + "    x = 1\n" * 50, ["f"]),
        (too_long, "def f():\n" + "    x = 1\n" * 49, []),
        (lambda text: calls(ast.parse(text), "time.sleep"), "import time\ntime.sleep(1)", ["time.sleep"]),
        (lambda text: abbreviations(ast.parse(text)), "def send(msg, id): tmp_path = 1", ["msg", "tmp_path"]),
        (long_tests, f"def test_{'a' * 56}(): ...\ndef test_{'a' * 55}(): ...", [f"test_{'a' * 56}"]),
        (lambda text: doubles(text.split()), "a b a", ["a"]),
    ],
)
def test_a_check_can_fail(check, text, found):
    assert check(text) == found
