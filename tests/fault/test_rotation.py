"""Keys and certificates replaced under a running cluster of processes: nobody is restarted for it, no term is lost."""

import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from elect.testing.processes import Plan, ProcessCluster, ProcessEvent
from tests.certificates import Authority

NODES = "abc"
URI = "wire://processes/{}"


@dataclass(frozen=True)
class Rotation:
    """What stands in a node's file, and the steps: each is taken at every node before the next one."""

    lines: Callable[[str], list[str]]
    steps: list[Callable[[str], None]]


def keys(directory: Path) -> Rotation:
    old, new = (secrets.token_hex(32) for _ in range(2))

    def hold(*keys: str) -> Callable[[str], None]:
        return lambda node: write(directory / f"{node}.keys", "\n".join(keys))

    steps = [hold(old, new), hold(new, old), hold(new)]
    for node in NODES:
        hold(old)(node)
    return Rotation(lambda node: [f'key_file = "{node}.keys"'], steps)


def certificates(directory: Path) -> Rotation:
    old, new = Authority(directory / "old"), Authority(directory / "new")

    def believe(*authorities: Authority) -> Callable[[str], None]:
        return lambda node: write(directory / f"{node}.ca", "".join(each.ca.read_text() for each in authorities))

    def show(authority: Authority) -> Callable[[str], None]:
        def swap(node: str) -> None:
            files = authority.files(node, uris=[URI.format(node)])
            files.certificate.replace(directory / f"{node}.pem")
            files.key.replace(directory / f"{node}.key")

        return swap

    for node in NODES:
        believe(old)(node)
        show(old)(node)
    lines = 'tls = {{ certificate = "{0}.pem", key = "{0}.key", ca = "{0}.ca" }}'
    return Rotation(lambda node: [lines.format(node)], [believe(old, new), show(new), believe(new)])


def write(path: Path, text: str) -> None:
    """Replaced as a whole, as a careful operator does."""
    fresh = path.with_suffix(".fresh")
    fresh.write_text(text)
    fresh.chmod(0o600)
    fresh.replace(path)


def restart(cluster: ProcessCluster, node: str) -> None:
    """Crash a follower and let it come back, over new links with everybody."""
    cluster.nodes[node].signal(signal.SIGKILL)
    cluster.nodes[node].wait()
    since = len(cluster.events)
    cluster.nodes[node].start()
    cluster.wait_for(lambda event: is_following(event, node), since=since, timeout=20)


def is_following(event: ProcessEvent, node: str) -> bool:
    return event.node == node and event.event == "leader" and event.leader is not None


@contextmanager
def running(directory: Path, rotation: Rotation) -> Iterator[ProcessCluster]:
    with ProcessCluster(Plan(directory=directory, security=rotation.lines)) as cluster:
        yield cluster


@pytest.mark.parametrize("make", [keys, certificates])
def test_all_is_replaced_step_by_step_without_a_lost_term(make: Callable[[Path], Rotation], tmp_path: Path) -> None:
    rotation = make(tmp_path)
    with running(tmp_path, rotation) as cluster:
        elected = cluster.wait_for_leader()
        cluster.wait_until_quiet(0.3)
        followers = [node for node in NODES if node != elected.node]
        since = len(cluster.events)
        for step in rotation.steps:
            for node in NODES:
                step(node)
                if node != NODES[1]:  # also while only some have taken the step
                    restart(cluster, followers[0])
        restart(cluster, followers[1])
        cluster.wait_until_quiet(0.3)
        changed = [event for event in cluster.events[since:] if event.event in ("elected", "lost")]
        assert changed == []
        since = len(cluster.events)
        cluster.nodes[elected.node].signal(signal.SIGKILL)
        cluster.wait_for_leader(since=since, besides=elected.node)
