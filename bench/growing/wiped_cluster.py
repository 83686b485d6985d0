"""Three nodes that lose their data in turn while the others elect: the steps of amnesia.py."""

import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

from elect.testing.real_processes import Plan, ProcessCluster, ProcessEvent
from wire.common.deadline import Deadline

from .cluster_changes import leader_of, post
from .shown_members import POLL_S, kill, shown_by, wait_for_voters, wipe

NODES = ("a", "b", "c")
TIMING = {"heartbeat_interval": "50ms", "support_duration": "400ms"}
"""Short ones: more elections."""

RESIGNS_S = (0.1, 0.8)
KILLED_S = (0.1, 1.0)
"""The shortest and the longest time before the leader resigns; before the killed node is started again."""

REPLACED_S = 30.0
QUIET_S = 1.0


class WipedCluster:
    """Three nodes that are wiped in turn.

    Args:
        running: the processes.
        is_joining: they have seeds; else peers.
        rng: draws the moments.
    """

    def __init__(self, running: ProcessCluster, rng: Random, *, is_joining: bool) -> None:
        self._running = running
        self._rng = rng
        self._is_joining = is_joining

    def lose(self, node: str, *, is_other_killed: bool) -> None:
        """Wipe a node and start it again, while the others elect; wait until it votes."""
        running = self._running
        wait_for_voters(running, NODES)
        with self._electing():
            wipe(running, node)
            running.nodes[node].start()
            if is_other_killed:
                other = self._rng.choice([each for each in NODES if each != node])
                kill(running, other)
                time.sleep(self._rng.uniform(*KILLED_S))
                running.nodes[other].start()
            time.sleep(QUIET_S)
        if not self._is_joining:
            self._check_refused(node)
            self._replace(node)
        wait_for_voters(running, NODES)

    def _check_refused(self, node: str) -> None:
        """Check that a wiped node follows nobody: no other one accepts its links."""
        deadline, shown = Deadline(REPLACED_S), None
        while shown is None and not deadline.is_over:
            shown = shown_by(self._running, node)
            time.sleep(POLL_S)
        assert shown is not None, f"{node} does not answer"
        assert shown.leader is None, f"{node} lost its votes, and takes part in elections"

    def _replace(self, node: str) -> None:
        """Readmit a node under its next store, as an operator does.

        Raises:
            TimeoutError: no leader did it in time.
        """
        deadline, answer = Deadline(REPLACED_S), {}
        while not deadline.is_over:
            with suppress(OSError, ValueError, KeyError):
                fields = {"change": "replace", "member": node, "timeout": 2.0}
                answer = post(self._running, leader_of(self._running), "/members", fields)
                if "error" not in answer:
                    return
            time.sleep(0.1)
        raise TimeoutError(f"{node} was not replaced: {answer}")

    @contextmanager
    def _electing(self) -> Iterator[None]:
        """Let the leader resign again and again meanwhile."""
        is_over = threading.Event()

        def resign() -> None:
            while not is_over.wait(self._rng.uniform(*RESIGNS_S)):
                with suppress(OSError, ValueError, KeyError):  # no node leads, or the leader was killed
                    post(self._running, leader_of(self._running), "/resign", {"timeout": 1.0})

        thread = threading.Thread(target=resign, name="resigning")
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()


def play(order: Sequence[str], rng: Random, *, is_joining: bool) -> Sequence[ProcessEvent]:
    """Wipe the nodes in this order; return all events.

    Raises:
        TimeoutError: a wiped node did not vote again.
        AssertionError: it took part before an operator replaced it.
    """
    with tempfile.TemporaryDirectory(prefix="elect-bench-") as directory:
        plan = Plan(
            directory=Path(directory),
            nodes=NODES,
            seeds=NODES if is_joining else (),
            timing=TIMING,
            with_http=True,
        )
        with ProcessCluster(plan) as running:
            wiped = WipedCluster(running, rng, is_joining=is_joining)
            for node in order:
                wiped.lose(node, is_other_killed=rng.random() < 0.5)
            running.wait_until_quiet(QUIET_S)
            return [*running.events]
