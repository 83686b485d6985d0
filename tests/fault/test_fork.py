"""A process that forks while its node leads."""

import os
import threading
from contextlib import ExitStack, suppress

import pytest

from elect import Forked
from tests.conftest import open_descriptors
from tests.nodes import cluster, single, status


def in_child(check) -> None:
    """Fork, run `check` in the child, and fail with what it raised there."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        text = b"ok"
        try:
            check()
        except BaseException as error:  # noqa: BLE001 - the parent raises it
            text = repr(error).encode()
        os.write(writer, text)
        os._exit(0)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb") as pipe:
            assert pipe.read() == b"ok"
    finally:
        os.waitpid(child, 0)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_of_the_leader_leads_nothing_and_disturbs_nobody(tmp_path):
    with cluster(tmp_path) as nodes:
        leader = nodes.leader()
        leadership = leader.leadership

        def check():
            assert not leader.is_leader
            assert leader.leadership is None
            assert leadership.lost.wait(1)
            assert not leadership.valid()
            assert not any(name.startswith("socket:") for name in open_descriptors())
            for call in (leader.start, leader.stop, leader.status, leader.resign, leader.pause, leader.wait_for_leader):
                with pytest.raises(Forked):
                    call()
            with pytest.raises(Forked), leader.lead():
                pass
            with pytest.raises(Forked), leader:
                pass
            leader.__exit__(None, None, None)  # a child that falls out of its parent's block stops nothing

        for _ in range(5):
            in_child(check)
        assert leader.leadership is leadership
        assert leadership.valid()
        assert all(node.leader.term == leadership.token for node in nodes.nodes.values())
        for node in nodes.nodes.values():
            assert all(peer["is_supported"] for peer in status(node).to_dict()["peers"])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_at_any_moment_finds_no_lock_taken(tmp_path):
    with single(tmp_path) as node:
        stopping = threading.Event()

        def be_busy():
            while not stopping.is_set():
                node.is_leader  # noqa: B018
                node.election("other")
                with suppress(Exception), node.lead(timeout=0.001) as leadership:
                    leadership.lost.wait(0.0001)

        threads = [threading.Thread(target=be_busy) for _ in range(3)]
        for thread in threads:
            thread.start()

        def check():
            threading.Timer(2, os._exit, args=(1,)).start()
            assert not node.is_leader
            with pytest.raises(Forked):
                node.election("another")
            with pytest.raises(Forked), node.lead(timeout=1):
                pass

        try:
            for _ in range(30):
                in_child(check)
        finally:
            stopping.set()
            for thread in threads:
                thread.join()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_while_every_lock_is_held_lacks_none(tmp_path):
    with single(tmp_path) as node, ExitStack() as stack:
        leadership, election = node.leadership, node.election()
        locks = [node._lock]
        are_held, let_go = threading.Event(), threading.Event()

        def hold():
            with ExitStack() as held:
                for lock in locks:
                    held.enter_context(lock)
                are_held.set()
                let_go.wait()

        thread = threading.Thread(target=hold)
        thread.start()
        stack.callback(thread.join)
        stack.callback(let_go.set)
        assert are_held.wait(5)

        def check():
            threading.Timer(5, os._exit, args=(1,)).start()
            assert not node.is_leader
            assert not leadership.valid()
            assert leadership.lost.wait(1)
            for call in (node.start, node.stop, node.election, node.wait_for_leader, node.pause, node.status):
                with pytest.raises(Forked):
                    call()
            with election.candidacy.hold():
                pass

        in_child(check)
