"""A caller's mistake ends at the call: what is of a wrong type, out of range or not awaited is refused there."""

import asyncio
import functools
import math
from enum import IntEnum, StrEnum
from fractions import Fraction
from unittest.mock import AsyncMock

import pytest

from elect import Config, LossReason, Node
from elect.core.messages import OFFSET_MAX, PRIORITY_MAX, Standing
from elect.monitoring.metrics import Metrics
from elect.storage.store import MemoryStore
from elect.testing.fake.fake_election import FakeElection
from elect.web import application
from wire.common import arguments


class Seven(IntEnum):
    SEVEN = 7


class Name(StrEnum):
    JOBS = "jobs"


class Index:
    """An integer of another library."""

    def __index__(self) -> int:
        return 7


async def coroutine_function(*_: object) -> None:
    pass


async def asynchronous_generator(*_: object):
    yield


def generator_function(*_: object):
    yield


class AsyncCallable:
    async def __call__(self, *_: object) -> None:
        pass

    async def method(self, *_: object) -> None:
        pass


NOT_AWAITED = {
    "coroutine function": coroutine_function,
    "asynchronous generator": asynchronous_generator,
    "generator function": generator_function,
    "partial": functools.partial(coroutine_function, 1),
    "partial of a partial": functools.partial(functools.partial(coroutine_function), 1),
    "object": AsyncCallable(),
    "method": AsyncCallable().method,
    "partial of an object": functools.partial(AsyncCallable()),
    "mock": AsyncMock(),
}
TIMEOUTS = [("1", TypeError), (True, TypeError), (b"1", TypeError), ([], TypeError), (-1, ValueError)]
TIMEOUTS += [(-0.5, ValueError), (math.nan, ValueError), (-math.inf, ValueError)]
LONG = [None, math.inf, 1e300, 10**400, 2**63]


def config(**settings: object) -> Config:
    return Config(**{"node": "a", "cluster": "test", "listen": "127.0.0.1:0", "data_dir": "unused", **settings})


@pytest.fixture
def election():
    with FakeElection("jobs") as fake:
        yield fake


WAITING = {
    "lead": lambda election, timeout: election.lead(timeout),
    "wait_for_leader": lambda election, timeout: election.wait_for_leader(timeout),
    "resign": lambda election, timeout: election.resign(timeout=timeout),
    "pause": lambda election, timeout: election.pause(timeout),
    "resume": lambda election, timeout: election.resume(timeout),
}
COMMANDS = {
    "elect": lambda election, timeout: election.elect(timeout=timeout),
    "close": lambda election, timeout: election.close(timeout),
}


@pytest.mark.parametrize("call", [*WAITING, *COMMANDS])
@pytest.mark.parametrize(("timeout", "error"), TIMEOUTS)
def test_a_wrong_timeout_is_refused(election, call, timeout, error):
    election.elect()
    with pytest.raises(error, match=r"^timeout is "):
        (WAITING | COMMANDS)[call](election, timeout)
    assert election.is_leader


@pytest.mark.parametrize("call", [*WAITING, *COMMANDS])
@pytest.mark.parametrize("timeout", LONG)
def test_a_long_timeout_is_taken(election, call, timeout):
    election.elect()
    (WAITING | COMMANDS)[call](election, timeout)


@pytest.mark.parametrize("call", [*WAITING, "stop"])
@pytest.mark.parametrize(("timeout", "error"), TIMEOUTS)
def test_a_wrong_timeout_of_a_node_is_refused(call, timeout, error):
    calls = WAITING | {"stop": lambda node, timeout: node.stop(timeout)}
    with pytest.raises(error, match=r"^timeout is "):
        calls[call](Node(config()), timeout)


@pytest.mark.parametrize("timeout", LONG)
def test_a_long_wait_waits(election, timeout):
    waiter = arguments.seconds("timeout", timeout)
    assert waiter is None or waiter == arguments.SECONDS_MAX
    election.follow("b")
    assert election.wait_for_leader(timeout).node_id == "b"


@pytest.mark.parametrize(("given", "taken"), [(0, 0.0), (Fraction(1, 2), 0.5), (2, 2.0), (None, None)])
def test_a_timeout_is_any_real_number(given, taken):
    assert arguments.seconds("timeout", given) == taken


@pytest.mark.parametrize("setter", ["set_offset", "set_priority"])
@pytest.mark.parametrize(
    ("value", "error"),
    [
        (1.5, TypeError),
        (1.0, TypeError),
        (True, TypeError),
        ("1", TypeError),
        (None, TypeError),
        (math.nan, TypeError),
        (1_764_000_000.5, TypeError),
        (-1, ValueError),
        (OFFSET_MAX + 1, ValueError),
        pytest.param(10**6000, ValueError, id="huge"),
    ],
)
def test_a_wrong_standing_is_refused(election, setter, value, error):
    name = setter.removeprefix("set_")
    for each in (election, Node(config())):
        with pytest.raises(error, match=f"^{name} is "):
            getattr(each, setter)(value)


@pytest.mark.parametrize("value", [7, Seven.SEVEN, Index()])
def test_a_whole_number_of_any_kind_is_taken(election, value):
    election.set_offset(value)
    election.set_priority(value)
    state = election._fake._cluster.nodes["a"].elector.state
    assert (type(state.offset), type(state.priority)) == (int, int)
    assert (state.offset, state.priority) == (7, 7)


def test_standing_is_bounded_as_the_core_says(election):
    election.set_offset(OFFSET_MAX)
    election.set_priority(PRIORITY_MAX)
    with pytest.raises(ValueError, match="priority"):
        election.set_priority(PRIORITY_MAX + 1)


@pytest.mark.parametrize("name", [5, None, b"jobs", ["jobs"]])
def test_an_election_that_is_no_text_is_refused(name):
    for make in (Node(config()).election, FakeElection):
        with pytest.raises(TypeError, match=r"^name is "):
            make(name)


@pytest.mark.parametrize("name", ["", "x" * 65, "a\n", "ä"])
def test_an_election_that_is_no_name_is_refused(name):
    for make in (Node(config()).election, FakeElection):
        with pytest.raises(ValueError, match="name"):
            make(name)


def test_an_enum_is_a_name_of_plain_text():
    assert type(Node(config()).election(Name.JOBS).name) is str
    made = config(node=Name.JOBS, priority=Seven.SEVEN, metadata={Name.JOBS: Name.JOBS}, peers={"b": "127.0.0.1:1"})
    assert (type(made.node), type(made.priority)) == (str, int)
    assert [(type(key), type(value)) for key, value in made.metadata.items()] == [(str, str)]


CALLBACKS = {
    "work": lambda election, call: election.run(call),
    "on_elected": lambda election, call: election.subscribe(on_elected=call),
    "on_lost": lambda election, call: election.subscribe(on_lost=call),
    "on_leader": lambda election, call: election.subscribe(on_leader=call),
}
HOOKS = {
    "health": lambda call: Node(config(), health=call),
    "clock": lambda call: Node(config(), clock=call),
    "tap": lambda call: Node(config()).observe(call),
    "sample": lambda call: Metrics().attach(call),
}


@pytest.mark.parametrize("name", CALLBACKS)
@pytest.mark.parametrize("kind", NOT_AWAITED)
def test_what_is_not_awaited_is_no_callback(election, name, kind):
    for each in (election, Node(config())):
        with pytest.raises(TypeError, match=rf"^{name} is a (coroutine|generator) function.*give a plain function"):
            CALLBACKS[name](each, NOT_AWAITED[kind])


@pytest.mark.parametrize("name", HOOKS)
@pytest.mark.parametrize("kind", NOT_AWAITED)
def test_what_is_not_awaited_is_no_hook(name, kind):
    with pytest.raises(TypeError, match=rf"^{name} is a (coroutine|generator) function"):
        HOOKS[name](NOT_AWAITED[kind])


@pytest.mark.parametrize("name", [*CALLBACKS, *HOOKS])
def test_what_cannot_be_called_is_refused(election, name):
    with pytest.raises(TypeError, match=f"^{name} is 5; a function is needed"):
        CALLBACKS[name](election, 5) if name in CALLBACKS else HOOKS[name](5)


def returns_coroutine(leadership: object) -> object:
    return coroutine_function(leadership)


def test_work_that_returns_a_coroutine_has_failed(election):
    run = election.run(returns_coroutine)
    leadership = election.elect()
    assert leadership.lost.wait(10)
    assert leadership.reason is LossReason.WORK_FAILED
    run.stop()


def test_a_callback_that_returns_a_coroutine_has_raised(election, caplog):
    election.subscribe(on_elected=returns_coroutine)
    leadership = election.elect()
    assert leadership.reason is LossReason.WORK_FAILED
    assert "on_elected of election 'jobs' on node a returned a coroutine, which nothing runs" in caplog.text


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Node("a"), "config is 'a'; a Config is needed"),
        (lambda: Node({"node": "a"}), "config is"),
        (lambda: Node(config(), store="votes.db"), "store is 'votes.db', which has no open, write, close"),
        (lambda: Node(config(), metrics="x"), "metrics is 'x'; a Metrics or a CollectorRegistry is needed"),
        (lambda: Node(config()).stop(resign="no"), "resign is 'no'; True or False is needed"),
        (lambda: Node(config()).resign(to=5), "to is 5; text is needed"),
        (lambda: Node(config()).run(print, on_return=5), "on_return is 5; text is needed"),
        (lambda: Node(config()).required(5), "job is 5; a function is needed"),
        (lambda: Node(config()).required(generator_function), "job is a generator function"),
        (lambda: Node(config()).required(otherwise=5), "otherwise is 5; text is needed"),
        (lambda: Node(config()).required(otherwise="raise", pass_leadership=1), "pass_leadership is 1; True or False"),
        (lambda: Metrics(named="default"), "named is 'default'; a collection of names is needed"),
        (lambda: Metrics("registry"), "registry is 'registry'; a CollectorRegistry is needed"),
        (lambda: application("node"), "node is 'node', which has no config"),
        (lambda: Standing(offset=1.5), "offset is 1.5; a whole number is needed"),
        (lambda: Standing(priority=True), "priority is True; a whole number is needed"),
        (lambda: Standing(willing=1), "willing is 1; True or False is needed"),
    ],
)
def test_a_wrong_type_is_refused(make, text):
    with pytest.raises(TypeError) as caught:
        make()
    assert str(caught.value).startswith(text)


def test_a_store_of_coroutine_functions_is_refused():
    class AsyncStore(MemoryStore):
        async def write(self, ballots: object, promise_ns: int | None = None) -> None: ...

    with pytest.raises(TypeError, match=r"store.write is a coroutine function"):
        Node(config(), store=AsyncStore())


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (lambda election: election.elect("7"), TypeError),
        (lambda election: election.elect(1.0), TypeError),
        (lambda election: election.elect(0), ValueError),
        (lambda election: election.lose("lease_lapsed"), TypeError),
        (lambda election: election.follow(5), TypeError),
        (lambda election: election.follow("b", address=5), TypeError),
        (lambda election: election.follow("b", metadata="zone"), TypeError),
        (lambda election: election.follow("b", metadata={"zone": 5}), TypeError),
    ],
)
def test_a_wrong_command_of_a_fake_election_is_refused(election, command, error):
    leadership = election.elect(5)
    with pytest.raises(error):
        command(election)
    assert leadership.valid()


def test_an_awaitable_job_object_is_awaited(election):
    class Job:
        async def __call__(self) -> str:
            return "done"

    job = election.required(Job())
    assert asyncio.run(job()) is None
    election.elect()
    assert asyncio.run(job()) == "done"


@pytest.mark.parametrize("setting", ["heartbeat_interval", "support_duration", "grace", "clock_drift", "priority"])
@pytest.mark.parametrize("value", [10**400, math.nan, math.inf, -1, True, [], None, Fraction(1, 2), "nan", b"1s"])
def test_a_wrong_number_in_a_config_is_a_config_error(setting, value):
    with pytest.raises(ValueError, match=f"^{setting} is "):
        config(**{setting: value})
