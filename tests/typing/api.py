"""Uses of the public API whose types mypy checks; nothing here is run. A wrong use stands beside its ignored error.

An ignored error that mypy does not find is an error itself, so each of these uses has to fail.
"""

from contextlib import AbstractContextManager
from typing import assert_type

from elect import Election, Leader, Leadership, Node
from elect.testing import FakeElection


def plain(count: int) -> str:
    return str(count)


async def awaited(count: int) -> str:
    return str(count)


def given(leadership: Leadership, count: int) -> str:
    return f"{leadership.token} {count}"


async def awaited_given(leadership: Leadership, count: int) -> str:
    return f"{leadership.token} {count}"


async def skipped(election: Election) -> None:
    """Without `otherwise`, or with "skip", the result may be None."""
    assert_type(election.required(plain)(1), str | None)
    assert_type(await election.required(awaited)(1), str | None)
    assert_type(election.required()(plain)(1), str | None)
    assert_type(await election.required()(awaited)(1), str | None)
    assert_type(election.required(otherwise="skip")(plain)(1), str | None)
    assert_type(await election.required(otherwise="skip")(awaited)(1), str | None)
    assert_type(election.required(pass_leadership=True)(given)(1), str | None)
    assert_type(await election.required(pass_leadership=True)(awaited_given)(1), str | None)
    assert_type(await election.required(otherwise="skip", pass_leadership=True)(awaited_given)(1), str | None)


async def raised(election: Election) -> None:
    """With "raise" there is always a result."""
    assert_type(election.required(otherwise="raise")(plain)(1), str)
    assert_type(await election.required(otherwise="raise")(awaited)(1), str)
    assert_type(election.required(otherwise="raise", pass_leadership=True)(given)(1), str)
    assert_type(await election.required(otherwise="raise", pass_leadership=True)(awaited_given)(1), str)


async def of_a_node(node: Node) -> None:
    """A node's own `required` is that of its default election."""
    assert_type(node.required(plain)(1), str | None)
    assert_type(await node.required(awaited)(1), str | None)
    assert_type(await node.required()(awaited)(1), str | None)
    assert_type(await node.required(otherwise="raise")(awaited)(1), str)
    assert_type(await node.required(otherwise="raise", pass_leadership=True)(awaited_given)(1), str)
    assert_type(await node.required(pass_leadership=True)(awaited_given)(1), str | None)


async def of_a_fake(election: FakeElection) -> None:
    """So is that of an election for tests."""
    assert_type(election.required(plain)(1), str | None)
    assert_type(await election.required(awaited)(1), str | None)
    assert_type(await election.required(otherwise="raise")(awaited)(1), str)
    assert_type(await election.required(pass_leadership=True)(awaited_given)(1), str | None)


async def decorated(node: Node) -> None:
    """Every form of the decorator."""

    @node.required
    async def nightly(count: int) -> str:
        return str(count)

    @node.required(otherwise="raise", pass_leadership=True)
    async def hourly(leadership: Leadership, count: int) -> str:
        return f"{leadership.token} {count}"

    @node.required(otherwise="skip")
    def weekly(*, count: int) -> str:
        return str(count)

    assert_type(await nightly(1), str | None)
    assert_type(await hourly(1), str)
    assert_type(weekly(count=1), str | None)


async def refused(election: Election) -> None:
    """Each of these is a mistake."""
    election.required(plain)("1")  # type: ignore[arg-type]  # a job keeps the types of its arguments
    await election.required(awaited)("1")  # type: ignore[arg-type]
    await election.required(plain)(1)  # type: ignore[misc]  # a plain function is not awaited
    election.required(awaited)(1)  # type: ignore[unused-coroutine]  # a coroutine function is
    len(await election.required(awaited)(1))  # type: ignore[arg-type]  # perhaps this node did not lead
    election.required(5)  # type: ignore[call-overload]
    election.required(otherwise="wait")  # type: ignore[call-overload]
    election.required(otherwise="raise", pass_leadership=True)(plain)  # type: ignore[arg-type]  # no Leadership first
    election.lead(timeout="1")  # type: ignore[arg-type]
    election.set_offset(1.5)  # type: ignore[arg-type]
    election.set_priority(1, timeout=0)  # type: ignore[call-arg]  # it never waits


def waits(node: Node, election: Election) -> None:
    """Every call that waits takes a timeout."""
    assert_type(election.lead(timeout=None), AbstractContextManager[Leadership])
    assert_type(election.wait_for_leader(timeout=1), Leader)
    for each in (node, election):
        each.pause(timeout=1.5)
        each.resume(timeout=None)
        each.resign(to="b", timeout=1)
    assert_type(node.stop(timeout=None), bool)
