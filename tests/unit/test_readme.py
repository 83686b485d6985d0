"""The documents agree with the code: commands, calls, settings, links, and the examples that need no node."""

import ast
import configparser
import importlib.util
import inspect
import os
import re
import statistics
import subprocess
from pathlib import Path

import pytest

import elect
from elect import Client, Config, Election, Leadership, Node
from elect.cli import _parser, _split
from elect.errors import ConfigError
from tests.documents import DOCUMENTS, ROOT, TEXTS, block, blocks, codes, prose

RUN_ELSEWHERE = {
    "import os\nimport signal": "integration/test_readme.py",
    "from elect import Client": "integration/test_readme.py",
    "import asyncio": "integration/test_readme.py",
    "from asyncio import": "integration/test_readme.py",
    "from urllib.request": "integration/test_readme.py",
    "# gunicorn.conf.py": "integration/test_readme.py",
    "import gevent.monkey": "integration/test_readme.py",
    "import eventlet": "integration/test_readme.py",
}
"""The beginning of each example, and the tests that run it."""

HANDLES = {"client": Client, "node": Node, "election": Election, "leadership": Leadership}
EXAMPLES = [
    pytest.param(text, id=f"{document}: {text.splitlines()[0]}")
    for document in DOCUMENTS
    for text in blocks(document, "python")
    if not text.startswith(tuple(RUN_ELSEWHERE))
]
CODES = sorted({code for document in DOCUMENTS for code in codes(document)})


def sentences(document: str) -> list[str]:
    """Return the sentences of the text without tables and headings."""
    kept = [line for line in prose(document).splitlines() if not line.startswith(("|", "#", "["))]
    text = " ".join(line or "¶" for line in kept)
    return [each for each in re.split(r"(?<=[.?!:])\**\s+|¶|- \*\*", text) if len(each.split()) > 1]


def test_the_readme_is_short():
    """New users read the whole README."""
    assert len(TEXTS["README.md"].splitlines()) <= 200


@pytest.mark.parametrize("document", DOCUMENTS)
def test_half_of_the_sentences_have_at_most_12_words(document):
    assert statistics.median(len(each.split()) for each in sentences(document)) <= 12


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs(example, tmp_path, monkeypatch):
    """An example runs unchanged; one without asserts has a test of its own below."""
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "example", "exec"), {})


def test_every_example_is_run():
    """Each beginning of an example that runs elsewhere is one of an example."""
    texts = [text for document in DOCUMENTS for text in blocks(document, "python")]
    assert len(texts) == len(EXAMPLES) + len(RUN_ELSEWHERE)


def test_the_example_of_a_token_refuses_an_older_one(tmp_path, monkeypatch):
    """A later leader's write stays."""
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(block("elect/cli/OPERATIONS.md", "python", "sqlite3"), "example", "exec"), names)
    assert [names["write"]("sales", f"by {token}", token) for token in (1, 3, 2, 3)] == [True, True, False, True]
    assert names["database"].execute("SELECT text, token FROM report").fetchall() == [("by 3", 3)]
    names["database"].close()


@pytest.mark.parametrize(
    ("status", "code", "expected"), [("200", 0, 0), ("421", 0, 75), ("000", 7, 75), ("500", 0, 1), ("000", 28, 1)]
)
def test_the_script_of_a_call_is_run_again_when_it_should(tmp_path, status, code, expected):
    """It says so with 75, when the leader has moved or is gone."""
    (tmp_path / "curl").write_text(f'#!/bin/sh\necho "$@" > said\nprintf {status}\nexit {code}\n')
    (tmp_path / "curl").chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "ELECT_REMAINING": "9", "ELECT_LEADER_METADATA_HTTP": "b:80"}
    script = block("elect/cli/OPERATIONS.md", "", "curl")
    assert subprocess.run(["sh", "-c", script], cwd=tmp_path, env=environ, check=False).returncode == expected
    assert (tmp_path / "said").read_text().endswith("http://b:80/orders/1\n")


def test_the_settings_file_is_good_and_has_the_defaults(tmp_path):
    """Every value that is called a default is one."""
    (tmp_path / "node.toml").write_text(block("elect/cli/OPERATIONS.md", "toml", "[timing]"))
    config = Config.load(tmp_path / "node.toml")
    least = Config(node="a", cluster="orders", listen=config.listen, data_dir=config.data_dir)
    for name in ("priority", "heartbeat_interval", "support_duration", "clock_drift", "grace"):
        assert getattr(config, name) == getattr(least, name)


def test_the_settings_of_a_join_are_good_and_have_the_defaults(tmp_path):
    """The table takes the place of [peers], in a file that is whole."""
    (tmp_path / "node.toml").write_text(block("elect/cli/OPERATIONS.md", "toml", "[join]"))
    config = Config.load(tmp_path / "node.toml")
    assert len(config.seeds) == 2
    least = Config(node="a", cluster="orders", listen="127.0.0.1:1", data_dir=config.data_dir)
    for name in ("bootstrap", "kind", "join_attempts", "join_backoff_max"):
        assert getattr(config, name) == getattr(least, name)


@pytest.mark.parametrize(
    "line", [code for code in CODES if re.match(r"(tls|key_file|insecure|pins|trust_close|priority) ?=", code)]
)
def test_a_setting_in_the_text_is_one(line, tmp_path):
    """A file takes it, but for fingerprints, which are left out."""
    name = line.partition("=")[0].strip()
    section = {"trust_close": "timing", "priority": "node"}.get(name, "security")
    lines = {"node": ['id = "a"', 'cluster = "c"', 'listen = "127.0.0.1:1"', 'data_dir = "d"'], "timing": []}
    lines.setdefault(section, []).append(line)
    text = "\n".join(f"[{each}]\n" + "\n".join(lines[each]) for each in lines)
    (tmp_path / "node.toml").write_text(text + '\n[peers]\nb = "127.0.0.1:2"\n')
    if name == "pins":
        with pytest.raises(ConfigError, match="pin of b must be one SHA-256"):
            Config.load(tmp_path / "node.toml")
    else:
        Config.load(tmp_path / "node.toml")


@pytest.mark.parametrize("code", [code for code in CODES if code.startswith("elect ")])
def test_a_command_in_the_text_is_one(code):
    """The command takes its arguments."""
    arguments = [each.replace("ADDRESS", "127.0.0.1:9101") for each in code.split()[1:]]
    if arguments not in (["run"], ["status"], ["members"], ["mirror"]):  # named only
        _parser(arguments).parse_args(_split(arguments)[0])


def test_a_target_in_the_text_is_one():
    """The Makefile has each target that a document names."""
    targets = re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = {code.split()[1] for code in CODES if code.startswith("make ")}
    assert {"demo", "test", "check"} <= named
    assert named <= set(targets)


def test_a_module_and_an_extra_in_the_text_are_there():
    """`python -m`, `python FILE`, `pip install elect[…]`."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    for code in CODES:
        if found := re.match(r"python -m (\S+)", code):
            assert importlib.util.find_spec(found[1])
        if found := re.match(r"python (\S+\.py)", code):
            assert (ROOT / found[1]).exists()
        if found := re.match(r"pip install elect\[(\w+)\]", code):
            assert found[1] in setup["options.extras_require"]


@pytest.mark.parametrize(
    "code", [code for code in CODES if re.match(r"(with |@)?(client|node|election|leadership)\.\w+(\(|$)", code)]
)
def test_a_call_in_the_text_can_be_made(code):
    """The object has the name, and takes the arguments."""
    text = code.removeprefix("with ").removeprefix("@").partition(" as ")[0]
    expression = ast.parse(text.replace("…", "..."), mode="eval").body
    function = expression.func if isinstance(expression, ast.Call) else expression
    named = inspect.getattr_static(HANDLES[function.value.id], function.attr, None)
    assert named is not None
    if isinstance(expression, ast.Call):
        keywords = {each.arg: None for each in expression.keywords}
        inspect.signature(named).bind(None, *expression.args, **keywords)


def test_a_name_of_config_in_the_text_is_one():
    """Config or Node has a parameter of this name."""
    calls = [code for code in CODES if re.match(r"(Config|Node)\(.*=", code)]
    assert calls
    for code in calls:
        maker, keyword = re.match(r"(\w+)\((?:\w+, )?(\w+)=", code).groups()
        assert keyword in inspect.signature(getattr(elect, maker)).parameters


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_link_leads_somewhere(document):
    """Files exist, and so do the headings in them."""
    for target, heading in re.findall(r"\]\(([^)#:]+)(?:#([^)]+))?\)", prose(document)):
        path = (ROOT / document).parent / target
        assert path.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^a-z0-9 -]", "", each.lower()).replace(" ", "-") for each in headings}


def rows(heading: str) -> list[list[str]]:
    """The cells of the tables in a section of the page about the architecture."""
    section = TEXTS["elect/ARCHITECTURE.md"].partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("| ") and "`" in line]


def test_a_file_in_the_architecture_is_there():
    """Every path, every room, and the files to read first in a room."""
    paths = [code for code in codes("elect/ARCHITECTURE.md") if "/" in code]
    for names, _, first in rows("Rooms"):
        rooms = re.findall(r"`(\w+)`", names)
        paths += [*rooms, *(f"{rooms[0]}/{each}" for each in re.findall(r"`(\w+)`", first))]
    assert len(paths) > 40
    places = [f"{at}/{{}}{ending}" for at in (ROOT, ROOT / "elect", ROOT / "wire") for ending in ("", ".py")]
    assert [path for path in paths if not any(Path(place.format(path)).exists() for place in places)] == []


def test_a_thread_in_the_architecture_is_one():
    """Its owner is a class, and its name is in the sources."""
    paths = [path for room in ("elect", "wire") for path in (ROOT / room).rglob("*.py")]
    source = "".join(path.read_text(encoding="utf-8") for path in paths)
    assert len(rows("Threads")) > 10
    for names, owner, *_ in rows("Threads"):
        assert f"\nclass {owner.strip(' `')}" in source
        for part in re.findall(r"(-[a-z]+)(?:-[A-Z]+)?`", names):
            assert part in source


def test_the_changelog_of_the_first_release_is_short():
    """At most 15 lines and as many about bugs of a build from the repository, in a user's words."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# Changelog",
        "## [Unreleased]",
        "### Added",
        "### Fixed",
    ]
    added, _, fixed = text.partition("### Added\n\n")[2].partition("\n### Fixed\n\n")
    assert max(len(added.splitlines()), len(fixed.splitlines())) <= 15
