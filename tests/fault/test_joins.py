"""Real processes that join: past bad seeds, on a full disk, with an id that is in use; and a join that is stopped."""

import resource
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest

from bench.growing.cluster_changes import remove
from bench.growing.shown_members import shared_terms, shown_by, wait_for_voters, wipe
from elect.cli.exit_codes import ExitCode
from elect.testing.real_processes import NodeProcess, Plan, ProcessCluster, free_ports, overlaps, tenures
from tests.integration.joining_ends import follower, leader, serving

pytestmark = pytest.mark.long

LOOPBACK, LATER = "127.0.0.1", "127.0.0.2"
"""The members are at the second address: seeds at the first one are asked before them."""

SILENCE_S = 1.0
"""A node that joins waits so long for a seed that says nothing."""

REFUSED_S = 20.0
"""A process starts and is refused within two seconds; a busy machine may take longer."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    plan = Plan(
        directory=tmp_path_factory.mktemp("joins"),
        seeds=("a", "b", "c"),
        timing={"heartbeat_interval": "50ms", "support_duration": "400ms"},
        hosts=dict.fromkeys("abc", LATER),
        with_http=True,
    )
    with ProcessCluster(plan) as running:
        yield running


@pytest.fixture
def start(cluster: ProcessCluster) -> Iterator[Callable[..., NodeProcess]]:
    """Starts a node that joins; afterwards it is removed, and all its data."""

    def start(seeds: Iterable[str] = "abc") -> NodeProcess:
        node = cluster.add("d", [*seeds])
        node.start()
        return node

    wait_for_voters(cluster, "abc")
    yield start
    cluster.nodes["d"].close()
    remove(cluster, "d", "abc")
    wipe(cluster, "d")
    assert overlaps(tenures(cluster.events)) == []
    assert shared_terms(cluster.events) == []


@contextmanager
def bad_seeds() -> Iterator[dict[str, str]]:
    """The addresses of seeds, by name: a silent one, a dead one, and four that redirect to no leader."""
    names = ("dead", "silent", "circle", "circle too", "itself", "to dead", "to stranger")
    at = {name: f"{LOOPBACK}:{port}" for name, port in zip(names, free_ports(len(names)), strict=True)}
    with ExitStack() as stack:
        stack.enter_context(socket.create_server((LOOPBACK, port_of(at["silent"]))))
        stranger, _ = stack.enter_context(serving(leader("s"), cluster="other"))
        to = {"circle": "circle too", "circle too": "circle", "itself": "itself", "to dead": "dead"}
        places = {name: at[other] for name, other in to.items()} | {"to stranger": str(stranger)}
        for name, place in places.items():
            member = follower("x" if name != "circle too" else "y", place, leader_id="y" if name == "circle" else "x")
            stack.enter_context(serving(member, port=port_of(at[name]), cluster="processes"))
        yield at


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def wait_for_joining(cluster: ProcessCluster, since: int, attempt: int = 1) -> None:
    """Wait until the newcomer begins its n-th pass over the seeds."""
    for _ in range(attempt):
        event = cluster.wait_for(lambda event: event.node == "d" and event.phase == "joining", since=since)
        since = cluster.events.index(event, since) + 1


def last_line(node: NodeProcess) -> str:
    return node.path.with_suffix(".log").read_text().splitlines()[-1]


def test_a_join_gets_past_every_bad_seed(cluster, start):
    before, began = wait_for_voters(cluster, "abc"), time.monotonic()
    with bad_seeds() as bad:
        cluster.addresses |= bad
        start([*bad, "a"])
        after = wait_for_voters(cluster, "abcd")
    assert time.monotonic() - began > SILENCE_S, "the silent seed was asked before the member"
    assert after.order[1] == before.order[1] + 2


def test_the_smallest_seed_waits_for_silent_members(cluster, start):
    """It may form a cluster only when every other seed has said that it knows of none."""
    before, since = wait_for_voters(cluster, "abc"), len(cluster.events)
    for node in "abc":
        cluster.nodes[node].signal(signal.SIGSTOP)
    start("dabc")
    wait_for_joining(cluster, since, attempt=2)
    for node in "abc":
        cluster.nodes[node].signal(signal.SIGCONT)
    assert wait_for_voters(cluster, "abcd").cluster_id == before.cluster_id


@pytest.mark.parametrize("name", ["silent", "dead"])
def test_sigterm_ends_a_join(cluster, start, name: str):
    with bad_seeds() as bad:
        cluster.addresses |= bad
        since, newcomer = len(cluster.events), start([name])
        wait_for_joining(cluster, since, attempt=3)
        newcomer.terminate()
        assert newcomer.wait() == 0


def test_a_join_waits_for_room_on_the_disk(cluster, start):
    """A limit on the size of files simulates the full disk."""
    before, since = wait_for_voters(cluster, "abc"), len(cluster.events)
    for node in "abc":
        cluster.nodes[node].signal(signal.SIGSTOP)
    newcomer = start()
    wait_for_joining(cluster, since)
    (log,) = (cluster.plan.directory / "d").glob("*-wal")
    resource.prlimit(newcomer.pid, resource.RLIMIT_FSIZE, (log.stat().st_size, resource.RLIM_INFINITY))
    for node in "abc":
        cluster.nodes[node].signal(signal.SIGCONT)
    cluster.wait_for(lambda event: event.member == "d" and event.change == "add", since=since)
    time.sleep(1)
    assert shown_by(cluster, "d").phase.startswith("joining")
    resource.prlimit(newcomer.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    after = wait_for_voters(cluster, "abcd")
    assert after.order[1] == before.order[1] + 2


def test_an_id_in_use_ends_the_second_process(cluster, start):
    """Also the id of the leader, although no seed is the leader."""
    first = str(wait_for_voters(cluster, "abc").leader)
    newcomer = start(node for node in "abc" if node != first)
    before = wait_for_voters(cluster, "abcd")
    for node in (first, "d"):
        second = NodeProcess(node, cluster.plan.directory / f"second-{node}.toml", lambda _: None)
        text = newcomer.path.read_text().replace('id = "d"', f'id = "{node}"')
        text = text.replace(cluster.addresses["d"], f"{LOOPBACK}:{free_ports(1)[0]}")
        text = text.replace(f'{cluster.plan.directory / "d"}"', f'{cluster.plan.directory / f"second-{node}"}"')
        second.path.write_text(text.replace(f'[http]\nlisten = "{cluster.http["d"]}"\n', ""))
        second.start()
        with closing(second):
            assert second.wait(REFUSED_S) == ExitCode.ID_IN_USE
        assert "stop the other process, or give this node another id" in last_line(second)
    assert wait_for_voters(cluster, "abcd").order == before.order
