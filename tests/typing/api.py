"""Uses of the public API whose types mypy checks; nothing here is run. A wrong use stands beside its ignored error.

An ignored error that mypy does not find is an error itself, so each of these uses has to fail.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import assert_type

from elect import (
    Client,
    Configuration,
    Election,
    EndpointStatus,
    Leader,
    Leadership,
    MemberStatus,
    Mirror,
    MirrorState,
    Node,
    Promotion,
    Reading,
    within,
)
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


def named(leader: Leader) -> str:
    return leader.node_id


def of_a_client(client: Client) -> None:
    """A call keeps the type of its result."""
    assert_type(client.leader(), Leader)
    assert_type(client.leader("reports", timeout=None), Leader)
    assert_type(client.watch(), Iterator[Leader | None])
    assert_type(client.members(timeout=1), tuple[MemberStatus, ...])
    assert_type(client.followers("reports"), tuple[MemberStatus, ...])
    assert_type(client.status(1.5, election="reports"), tuple[EndpointStatus, ...])
    assert_type(client.call(named, election="reports", timeout=1, idempotent=True), str)
    assert_type(client.call(lambda leader: leader.term), int)
    assert_type(client.remaining, float)
    with Client(["127.0.0.1:1"], cluster="c", tls={"certificate": "c", "key": "k", "ca": "a"}) as made:
        assert_type(made, Client)
    client.call(plain)  # type: ignore[arg-type]  # it gets a Leader
    client.leader(timeout="1")  # type: ignore[arg-type]
    client.status("reports")  # type: ignore[arg-type]
    Client(["127.0.0.1:1"], "c")  # type: ignore[call-arg]  # the cluster is given by name


def of_a_mirror(mirror: Mirror) -> None:
    """Each answer has its own type, and says how old it may be."""
    assert_type(mirror.leader(), Reading[Leader | None])
    assert_type(mirror.leader("reports", within(5)), Reading[Leader | None])
    assert_type(mirror.elections("eventual").value, dict[str, Leader | None])
    assert_type(mirror.members().value, Configuration | None)
    assert_type(mirror.leader().age, float)
    assert_type(mirror.wait(timeout=1), MirrorState)
    assert_type(mirror.promote(force=True), Promotion)
    assert_type(mirror.stop(timeout=1), bool)
    with Mirror(["127.0.0.1:1"], cluster="c", data_dir="m", security={"insecure": True}) as made:
        assert_type(made, Mirror)
    mirror.leader("reports", 5)  # type: ignore[arg-type]
    Mirror(["127.0.0.1:1"], cluster="c", data_dir="m", security={"keyfile": "x"})  # type: ignore[arg-type]
