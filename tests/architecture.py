"""The checks of test_architecture.py: each takes a source and yields what is wrong with it, as text."""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50

PURE_STDLIB = frozenset(
    {"abc", "base64", "bisect", "collections", "dataclasses", "enum", "fractions", "functools", "hashlib", "heapq"}
    | {"hmac", "io", "ipaddress", "itertools", "math", "operator", "random", "re", "string", "struct", "types"}
    | {"typing", "urllib"}
)
"""What a pure file may use: nothing here has a clock, a socket, a thread, a disk or a log."""

EFFECTS = frozenset({"open", "print", "input", "breakpoint", "__import__"})
WALL_CLOCKS = frozenset(
    {"time.time", "time.time_ns", "time.localtime", "time.gmtime", "datetime.now", "datetime.utcnow"}
)
FROZEN_CLOCKS = frozenset({"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"})
SLIPS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
BARE_IGNORE = re.compile(r"type:\s*ignore(?!\[)|noqa(?!:)")

ABBREVIATIONS = frozenset(
    {
        "addr",
        "arg",
        "buf",
        "cb",
        "cfg",
        "conf",
        "conn",
        "ctx",
        "cnt",
        "evt",
        "fn",
        "hb",
        "idx",
        "lst",
        "mgr",
        "msg",
        "num",
    }
    | {
        "obj",
        "param",
        "params",
        "pkt",
        "pos",
        "prev",
        "proc",
        "ptr",
        "req",
        "resp",
        "ret",
        "sec",
        "secs",
        "seq",
        "sess",
    }
    | {"sig", "srv", "tmp", "val", "vals", "var"}
)
"""Parts of names that stand for a word; `id`, `rng`, `ns`, `ms` are allowed, and `sock` beside the module `socket`."""


@dataclass(frozen=True)
class Source:
    """One file.

    Attributes:
        name: of the module, with dots; "elect.core" for a package's `__init__`.
        text: its content.
        is_package: it is an `__init__`.
    """

    name: str
    text: str
    is_package: bool = False

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed text."""
        return ast.parse(self.text)

    @cached_property
    def comments(self) -> tuple[tokenize.TokenInfo, ...]:
        """All comments, with their places."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return tuple(token for token in tokens if token.type == tokenize.COMMENT)


Modules = Mapping[str, Source]


def read(root: Path, *folders: str) -> dict[str, Source]:
    """All sources below some folders, by module name."""
    sources = {}
    for path in sorted(path for folder in folders for path in (root / folder).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        sources[name] = Source(name, path.read_text(encoding="utf-8"), is_package)
    return sources


def is_match(name: str, pattern: str) -> bool:
    """Whether a module is what a row of the table means.

    "a.b" is that module alone, "a.*" one directly in the package a, "a.**" a and all below it.
    """
    if pattern.endswith(".**"):
        return name == pattern[:-3] or name.startswith(pattern[:-2])
    if pattern.endswith(".*"):
        return name.rpartition(".")[0] == pattern[:-2]
    return name == pattern


def imported(source: Source, modules: Modules) -> Iterator[tuple[int, str]]:
    """Line and name of each module imported, wherever in the file."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                below = f"{base}.{alias.name}"
                yield node.lineno, below if below in modules else base


def forbidden_imports(
    source: Source, modules: Modules, table: Mapping[str, tuple[str, ...]], parties: Mapping[str, tuple[str, ...]]
) -> Iterator[str]:
    """Imports that neither table allows.

    Args:
        source: the importing file.
        modules: all of ours.
        table: who may import whom of ours; the first row that fits a module holds.
        parties: who may import what is not ours and not the standard library's; "metrics" means any file of that name.
    """
    row = next((allowed for pattern, allowed in table.items() if is_match(source.name, pattern)), None)
    if row is None:
        yield f"{source.name}: no row of the table is about it"
        return
    ours = {name.partition(".")[0] for name in modules}
    for line, name in imported(source, modules):
        top = name.partition(".")[0]
        if top in ours:
            is_package = name in modules and modules[name].is_package
            matches = [each for each in row if is_match(name, each) and not (is_package and each.endswith(".*"))]
            if not matches:
                yield f"{source.name}:{line}: may not import {name}"
        elif top not in sys.stdlib_module_names:
            users = parties.get(top, ())
            if not any(is_match(source.name, user) or source.name.endswith(f".{user}") for user in users):
                yield f"{source.name}:{line}: may not import {name}"


def impurities(source: Source, modules: Modules, pure: tuple[str, ...]) -> Iterator[str]:
    """What a pure file must not have: another module than a pure one, an effect."""
    ours = {name.partition(".")[0] for name in modules}
    for line, name in imported(source, modules):
        top = name.partition(".")[0]
        if top in ours and not any(is_match(name, each) for each in pure):
            yield f"{source.name}:{line}: is pure, and imports {name}, which is not"
        if top in sys.stdlib_module_names and top not in PURE_STDLIB:
            yield f"{source.name}:{line}: is pure, and imports {name}"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in EFFECTS:
            yield f"{source.name}:{node.lineno}: is pure, and calls {node.func.id}()"


def global_random(source: Source) -> Iterator[str]:
    """Uses of the generator that everybody shares: no seed would repeat a run."""
    for node in ast.walk(source.tree):
        is_use = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "random"
        if is_use and isinstance(node, ast.Attribute) and node.attr not in ("Random", "SystemRandom"):
            yield f"{source.name}:{node.lineno}: random.{node.attr} is global; take a Random"
        if isinstance(node, ast.ImportFrom) and node.module == "random":
            for alias in node.names:
                if alias.name not in ("Random", "SystemRandom"):
                    yield f"{source.name}:{node.lineno}: random.{alias.name} is global; take a Random"


def wall_clocks(source: Source) -> Iterator[str]:
    """Clocks that people set."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            called = ast.unparse(node)
            if any(called == clock or called.endswith(f".{clock}") for clock in WALL_CLOCKS):
                yield f"{source.name}:{node.lineno}: {called} is a wall clock"


def frozen_clocks(source: Source) -> Iterator[str]:
    """Clocks that libraries freeze or shift in a test; a wait by one of them then never ends."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Attribute(value=ast.Name(id="time"), attr=clock) if clock in FROZEN_CLOCKS:
                yield f"{source.name}:{node.lineno}: time.{clock} may be frozen; take wire.common.deadline.now_s"
            case ast.ImportFrom(module="time", names=aliases):
                for clock in FROZEN_CLOCKS & {alias.name for alias in aliases}:
                    yield f"{source.name}:{node.lineno}: time.{clock} may be frozen; take wire.common.deadline.now_s"


def too_long(source: Source) -> Iterator[str]:
    """A file or a function that nobody can hold in mind."""
    if (lines := len(source.text.splitlines())) > FILE_LINES_MAX:
        yield f"{source.name}: {lines} lines; {FILE_LINES_MAX} are allowed"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield f"{source.name}:{node.lineno}: {node.name} has {lines} lines; {FUNCTION_LINES_MAX} are allowed"


def slips(source: Source) -> Iterator[str]:
    """Comments that put something off, or silence a tool without saying which of its complaints."""
    for token in source.comments:
        if SLIPS.search(token.string) or BARE_IGNORE.search(token.string):
            yield f"{source.name}:{token.start[0]}: {token.string}"


def calls(source: Source, *names: str) -> Iterator[str]:
    """Calls of functions that have no place here, as they are written: "print", "time.sleep"."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            called = ast.unparse(node.func)
            if called in names:
                yield f"{source.name}:{node.lineno}: calls {called}()"


def abbreviations(source: Source) -> Iterator[str]:
    """Names that a reader has to spell out: of what is defined here, not of what others defined."""
    for node in ast.walk(source.tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.arg(arg=name):
                pass
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                pass
            case _:
                continue
        for part in ABBREVIATIONS & set(name.strip("_").lower().split("_")):
            if not (name.startswith("__") and name.endswith("__")):
                yield f"{source.name}:{node.lineno}: {name} abbreviates ({part})"
