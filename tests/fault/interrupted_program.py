"""A program whose signal handler uses a node while its main thread does: run by test_signals.py, one act a process."""

import signal
import sys
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

from elect import ElectError, LeadershipTimeout, Node
from elect.testing import FakeElection
from tests.nodes import configs, eventually

SIGNALS = 1500
SPEED_S = 0.0004
PATIENCE_S = 60.0


def acts(node, leaderships):
    """By name: what the handler does, and what the main thread does in the meantime."""

    def resign():
        for leadership in leaderships:
            leadership.resign()

    def resign_node():
        with suppress(ElectError):
            node.resign(timeout=0)

    def look():
        node.is_leader  # noqa: B018
        for leadership in leaderships:
            leadership.valid()
            leadership.remaining()
            leadership.lost.is_set()
            leadership.lost.wait(0)

    def lead():
        with suppress(ElectError), node.lead(timeout=0.01) as leadership:
            leaderships[:] = [leadership]
            for _ in range(100):
                leadership.lost.wait(0)

    def subscribe():
        node.subscribe(on_elected=lambda leadership: None).cancel()

    def status():
        node.status()

    numbers = count()
    return {
        "look": (look, look),
        "resign": (resign, lead),
        "resign_node": (resign_node, lead),
        "pause": (lambda: (node.pause(), node.resume()), lambda: (node.pause(), node.resume(), look())),
        "set": (lambda: (node.set_offset(next(numbers)), look()), lambda: (node.set_priority(1), look())),
        "status": (status, status),
        "subscribe": (subscribe, subscribe),
        "wait": (lambda: node.leadership and node.wait_for_leader(1), lead),
    }


def interrupt(act, work) -> int:
    """Do the work while signals come, each of which acts; how many came."""
    came = 0

    def handle(*_):
        nonlocal came
        came += 1
        act()
        if came < SIGNALS:
            signal.setitimer(signal.ITIMER_REAL, SPEED_S)

    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, SPEED_S)
    ends_at = time.monotonic() + PATIENCE_S
    while came < SIGNALS and time.monotonic() < ends_at:
        work()
    signal.setitimer(signal.ITIMER_REAL, 0)
    return came


def main(where: str, what: str, directory: str) -> None:
    if where == "fake":
        with FakeElection() as election:
            election.be_candidate()
            leaderships = [election.elect()]
            act, work = acts(election, leaderships)[what]

            def command():
                with suppress(LeadershipTimeout):
                    leaderships[:] = [election.elect(timeout=0.01)]
                election.lose()
                election.follow("b")

            interrupt(act, lambda: (work(), command()))
            assert election.elect().valid()
        return
    config = configs(Path(directory), "a")["a"]
    with Node(config) as node:
        eventually(lambda: node.is_leader)
        act, work = acts(node, [node.leadership])[what]
        interrupt(act, work)
        node.resume()
        node.election().be_candidate()
        eventually(lambda: node.is_leader)


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.write("done\n")
