"""Who may import whom, what a pure file may not do, how long a thing may be. Changing a table is a design review."""

import configparser
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import architecture
from tests.architecture import Source

ROOT = Path(__file__).parent.parent

PURE = (
    "elect.core.**",
    "wire.protocol.address",
    "wire.protocol.certificate",
    "wire.protocol.claims",
    "wire.protocol.codec",
    "wire.protocol.connection",
    "wire.protocol.wire_errors",
    "wire.protocol.frame",
    "wire.protocol.handshake",
    "wire.protocol.identity",
    "wire.protocol.keys",
    "wire.protocol.limits",
    "wire.io.meter",
    "wire.protocol.record",
    "wire.protocol.schema",
    "wire.protocol.frame_auth",
    "wire.protocol.liveness",
)
"""Nothing here touches a socket, a thread, a clock, a disk or a log; the coverage gate is about these files."""

WHO_MAY_IMPORT_WHOM = {
    # The protocols: they know nobody else.
    "wire.**": ("wire.**",),
    "elect.core.**": ("elect.core.**",),
    # Values and small tools of the node: they know no node.
    "elect.clock": (),
    "elect.config.durations": (),
    "elect.config.frozen_mapping": (),
    "elect.leader": (),
    "elect.errors": ("elect.core.ready", "elect.leader"),
    "elect.storage.directory": ("elect.errors",),
    "elect.storage.data_lock": ("elect.errors",),
    "elect.config.rules": (
        "elect.core.messages",
        "elect.config.durations",
        "elect.errors",
        "wire.protocol.address",
        "wire.protocol.keys",
    ),
    "elect.config.sources": ("elect.errors", "wire.common.log"),
    "elect.config.config": (
        "elect.config.rules",
        "elect.config.sources",
        "elect.core.messages",
        "elect.config.durations",
        "elect.errors",
        "elect.config.frozen_mapping",
        "wire.protocol.address",
    ),
    "elect.storage.store": ("elect.core.ready", "elect.errors"),
    "elect.storage.sqlite_schema": ("elect.core.ready",),
    "elect.storage.sqlite": (
        "elect.core.messages",
        "elect.core.ready",
        "elect.storage.data_lock",
        "elect.storage.directory",
        "elect.errors",
        "elect.storage.sqlite_schema",
        "elect.storage.store",
    ),
    "elect.storage.journal": (
        "elect.clock",
        "elect.core.ready",
        "elect.errors",
        "elect.storage.store",
        "wire.common.log",
        "wire.common.reported_thread",
    ),
    "elect.monitoring.counters": ("elect.core.ready",),
    "elect.monitoring.metrics": (
        "elect.clock",
        "elect.core.ready",
        "elect.monitoring.counters",
        "wire.common.arguments",
    ),
    # The faces: HTTP sees a node through a Protocol; the command sees everything; the test kit sees no face.
    "elect.web.**": (
        "elect.web.**",
        "elect.config.config",
        "elect.core.messages",
        "elect.errors",
        "elect.leader",
        "wire.protocol.address",
        "wire.common.failure_log",
        "wire.io.sockets",
        "wire.common.arguments",
        "wire.common.deadline",
        "wire.common.log",
        "wire.common.reported_thread",
    ),
    "elect.cli.**": (
        "elect",
        "elect.*",
        "elect.cli.**",
        "elect.core.**",
        "elect.testing.**",
        "elect.web.**",
        "wire.**",
    ),
    "elect.testing.**": ("elect", "elect.*", "elect.core.**", "elect.testing.**", "wire.**"),
    # The node, which puts all of it together.
    "elect": ("elect.*", "elect.core.ready"),
    "elect.*": ("elect.*", "elect.core.**", "elect.web.**", "wire.**"),
}
"""The first row that fits a module holds; see `architecture.is_match` for the stars."""

WHO_MAY_USE = {
    "cbor2": ("wire.protocol.codec",),
    "cryptography": ("elect.cli.certificate_authority",),
    "sortedcontainers": ("elect.core.**", "elect.testing.**"),
    "prometheus_client": ("metrics",),
    "hypothesis": ("elect.testing.**",),
    "pytest": ("elect.testing.fake.pytest_plugin",),
}
"""What is neither ours nor the standard library's, and the files that may import it."""

WHO_MAY_READ_A_WALL_CLOCK = ("wire.security.tls", "elect.cli.certificate_authority", "elect.monitoring.audit")
"""Certificates and lines for an auditor are dated by it; nothing else of ours is."""

WHO_MAY_COMPILE = ("wire.protocol.record",)
"""It writes functions out for speed, of the names of a class's fields and of nothing else."""

WHO_MAY_LOG_AT_ONCE = ("wire.common.log", "elect.cli.commands.run_node")
"""Everybody else logs by `wire.common.log.Log`: a handler may block, and a filter may raise."""

WHO_MAY_HAVE_A_BARE_THREAD = ("wire.common.call_queue", "elect.testing.real_processes")
"""Everybody else takes a ReportedThread: the hook that is told of a thread's error may block."""

TIMELESS = ("unit", "property", "scenarios", "simulation")
"""Folders of tests in which nothing waits for time to pass."""

PRODUCT = architecture.read(ROOT, "elect", "wire")
ALL = PRODUCT | architecture.read(ROOT, "tests", "bench")


def is_pure(source: Source) -> bool:
    return any(architecture.is_match(source.name, pattern) for pattern in PURE)


def problems(source: Source, modules: dict[str, Source] = PRODUCT) -> Iterator[str]:
    """All that is wrong with a file of the product."""
    yield from architecture.forbidden_imports(source, modules, WHO_MAY_IMPORT_WHOM, WHO_MAY_USE)
    yield from architecture.global_random(source)
    if source.name not in WHO_MAY_READ_A_WALL_CLOCK:
        yield from architecture.wall_clocks(source)
    if source.name not in WHO_MAY_LOG_AT_ONCE:
        yield from architecture.calls(source, "logging.getLogger")
    if source.name not in WHO_MAY_HAVE_A_BARE_THREAD:
        yield from architecture.calls(source, "threading.Thread")
    if source.name not in WHO_MAY_COMPILE:
        yield from architecture.calls(source, "exec", "eval")
    yield from architecture.frozen_clocks(source)
    yield from architecture.abbreviations(source)
    if not source.name.startswith("elect.cli"):  # the command owns its process, its output and its log
        yield from architecture.calls(source, "print", "breakpoint", "logging.basicConfig", "sys.exit")
    if is_pure(source):
        yield from architecture.impurities(source, modules, PURE)
    yield from problems_anywhere(source)


def problems_anywhere(source: Source) -> Iterator[str]:
    """What is wrong in tests and measurements as well."""
    yield from architecture.too_long(source)
    yield from architecture.slips(source)
    if source.name.startswith(tuple(f"tests.{folder}." for folder in TIMELESS)):
        yield from architecture.calls(source, "time.sleep", "sleep")


@pytest.mark.parametrize("name", sorted(PRODUCT))
def test_file_of_the_product_is_in_order(name):
    assert list(problems(PRODUCT[name])) == []


@pytest.mark.parametrize("name", sorted(ALL.keys() - PRODUCT.keys()))
def test_file_of_tests_and_measurements_is_in_order(name):
    assert list(problems_anywhere(ALL[name])) == []


def test_all_of_the_product_was_read():
    assert {"wire", "wire.protocol.codec", "elect", "elect.core.elector", "elect.config.config"} <= PRODUCT.keys()
    assert {name for name, source in PRODUCT.items() if source.is_package} >= {"wire", "elect", "elect.core"}
    assert sum(is_pure(source) for source in PRODUCT.values()) > 20


def test_every_row_of_the_table_is_about_a_file_that_exists():
    unused = [
        pattern
        for pattern in (*WHO_MAY_IMPORT_WHOM, *PURE)
        if not any(architecture.is_match(name, pattern) for name in PRODUCT)
    ]
    assert unused == []


def test_coverage_gate_is_about_the_pure_files():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    gated = parser["coverage:report"]["include"].split()
    assert gated == [
        pattern.replace(".**", ".*").replace(".", "/") + ("" if "*" in pattern else ".py") for pattern in PURE
    ]
    assert int(parser["coverage:report"]["fail_under"]) >= 95


def test_nothing_is_configured_twice():
    names = {path.name for path in ROOT.iterdir()}
    assert not names & {
        "tox.ini",
        "pytest.ini",
        "mypy.ini",
        ".mypy.ini",
        ".coveragerc",
        "ruff.toml",
        ".ruff.toml",
        ".flake8",
    }
    sections = re.findall(r"^\[(.+)\]$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert sections == ["build-system"]


MODULES = {
    name: Source(name, "", is_package=is_package)
    for name, is_package in {
        "wire": True,
        "wire.protocol.frame": False,
        "wire.links.listener": False,
        "elect": True,
        "elect.core": True,
        "elect.core.quorum": False,
        "elect.cli": True,
        "elect.api.node": False,
        "elect.errors": False,
        "elect.web": True,
        "elect.testing": True,
    }.items()
}


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("wire.links.listener", "import elect.errors", "may not import elect.errors"),
        ("wire.links.listener", "from elect import errors", "may not import elect.errors"),
        ("wire.links.listener", "def f():\n    from elect.errors import X", "listener:2: may not import elect.errors"),
        ("wire.links.listener", "import cbor2", "may not import cbor2"),
        ("wire.links.listener", "from requests import get", "may not import requests"),
        ("wire.links.listener", "from .frame import x", "may not import .frame"),
        ("elect.core.quorum", "import elect.api.node", "may not import elect.api.node"),
        ("elect.core.quorum", "import wire.protocol.frame", "may not import wire.protocol.frame"),
        ("elect.core.quorum", "import prometheus_client", "may not import prometheus_client"),
        ("elect.errors", "import elect.api.node", "may not import elect.api.node"),
        ("elect.api.node", "import elect.cli", "may not import elect.cli"),
        ("elect.api.node", "from elect import testing", "may not import elect.testing"),
        ("elect.web.application", "import elect.api.node", "may not import elect.api.node"),
        ("elect.api.node", "import sortedcontainers", "may not import sortedcontainers"),
        ("elect.client.http", "", "no row of the table"),
        ("elect.core.quorum", "import time", "is pure, and imports time"),
        ("elect.core.quorum", "from threading import Lock", "is pure, and imports threading"),
        ("elect.core.quorum", "import logging", "is pure, and imports logging"),
        ("wire.protocol.frame", "import socket", "is pure, and imports socket"),
        ("wire.protocol.frame", "from wire import listener", "imports wire.links.listener, which is not"),
        ("wire.protocol.frame", "open('x')", "calls open()"),
        ("wire.links.listener", "print('x')", "calls print()"),
        ("elect.core.quorum", "import random\nrandom.random()", "random.random is global"),
        ("elect.api.node", "from random import choice", "random.choice is global"),
        ("elect.api.node", "import time\nnow = time.time()", "time.time is a wall clock"),
        ("elect.api.node", "import time\nnow = time.monotonic()", "time.monotonic may be frozen"),
        ("elect.api.node", "from time import perf_counter_ns", "time.perf_counter_ns may be frozen"),
        ("elect.api.node", "import datetime\nnow = datetime.datetime.now()", "is a wall clock"),
        ("elect.api.node", "import sys\nsys.exit(1)", "calls sys.exit()"),
        ("elect.api.node", "exec('x')", "calls exec()"),
        ("wire.protocol.schema", "eval('x')", "calls eval()"),
        ("elect.api.node", "import logging\nlogging.basicConfig()", "calls logging.basicConfig()"),
        ("elect.api.node", "import logging\nlogging.getLogger(__name__)", "calls logging.getLogger()"),
        ("elect.api.node", "import threading\nthreading.Thread(target=x)", "calls threading.Thread()"),
        ("elect.api.node", "x = 1\n" * 401, "401 lines; 400 are allowed"),
        ("elect.api.node", "def f():\n" + "    x = 1\n" * 50, "f has 51 lines; 50 are allowed"),
        ("elect.api.node", "x = 1  # type: ignore", "type: ignore"),
        ("elect.api.node", "x = 1  # noqa", "noqa"),
        ("elect.api.node", "# TODO: later", "later"),
        ("elect.api.node", "def send(msg): ...", "msg abbreviates"),
        ("elect.api.node", "tmp_path = 1", "tmp_path abbreviates"),
        ("tests.unit.test_x", "import time\ntime.sleep(1)", "calls time.sleep()"),
    ],
)
def test_check_can_fail(name, text, problem):
    source = Source(name, text)
    found = list(problems(source, MODULES) if not name.startswith("tests") else problems_anywhere(source))
    assert any(problem in each for each in found), found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "wire.links.listener",
            "import wire\nfrom wire import frame\nimport socket, threading, time\ntime.thread_time_ns()",
        ),
        ("wire.protocol.codec", "import cbor2"),
        ("wire.link_metrics", "import prometheus_client"),
        ("elect.core.quorum", "import random\nfrom sortedcontainers import SortedDict\nrandom.Random(7)"),
        ("elect.api.node", "import elect.errors\nfrom elect.core import quorum\nfrom wire import Address"),
        ("elect.api.node", "x = 1  # type: ignore[arg-type]  # why\n" * 400),
        ("elect.api.node", "def f():\n" + "    x = 1\n" * 49),
        ("elect.cli.commands.run_node", "import elect.testing\nprint('x')"),
    ],
)
def test_check_lets_pass_what_is_in_order(name, text):
    assert list(problems(Source(name, text), MODULES)) == []
