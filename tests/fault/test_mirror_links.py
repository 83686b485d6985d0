"""A mirror over a link that is cut, held up and slowed, or that is killed, misses, repeats and reorders nothing."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random

import pytest

from elect import MirrorForked
from elect.mirror import mirror_follower
from elect.mirror.mirror_values import ChangeOrigin, MirrorPhase
from elect.mirror.source_backoff import SourceBackoff
from tests.fault import mirror_program
from tests.fault.mirror_program import NoWait
from tests.fault.rough_link import RoughLink
from tests.mirroring import BareSource, RandomChanges, check_sequence, mirror_of, source, told
from tests.nodes import eventually

CHANGES = 10_000
KILLS = 5


def change_on(made: BareSource, changes: RandomChanges, count: int) -> threading.Thread:
    """Make changes in bursts, some thousands a second, on a thread."""

    def run() -> None:
        rng, left = Random(1), count
        while left:
            for _ in range(min(left, rng.choice([1, 1, 5, 200]))):
                changes.make(made)
                left -= 1
            time.sleep(rng.uniform(0, 0.03))

    thread = threading.Thread(target=run, name="maker")
    thread.start()
    return thread


@pytest.mark.parametrize("kept_max", [16_384, pytest.param(500, marks=pytest.mark.long)])
def test_a_rough_link_loses_no_change(tmp_path: Path, monkeypatch, kept_max: int):
    """10,000 changes. With few that are kept there are snapshots in between, and none otherwise but the first."""
    monkeypatch.setattr(mirror_follower, "SourceBackoff", NoWait)
    seen = []
    with (
        source(kept_max=kept_max) as made,
        RoughLink(made.listens, 7) as link,
        mirror_of(link.address, data_dir=tmp_path, on_change=seen.append) as mirror,
    ):
        change_on(made, RandomChanges(3), CHANGES).join()
        link.smooth()
        eventually(lambda: mirror.status().revision == made.log.revision)
        eventually(lambda: mirror.status().callbacks_waiting == 0)
        applied = mirror.status().snapshots
    snapshots = check_sequence(seen, made.history)
    changes = [each for each in seen if each.origin is ChangeOrigin.CHANGE]
    assert made.log.revision == 1 + CHANGES
    assert snapshots == applied
    assert min(link.counts.values()) > 3
    if kept_max > CHANGES:
        assert snapshots == 1
        first = next(each for each in seen if each.origin is ChangeOrigin.SNAPSHOT)
        assert [told(each) for each in changes] == made.history[first.revision - 1 :]


def lines(path: Path) -> list[list[object]]:
    """The whole lines that a program has written; the last one may be cut off."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


@pytest.mark.long
def test_a_mirror_that_is_killed_resumes(tmp_path: Path):
    """Each run begins with what was applied, and goes on with the next change; nothing is called twice."""
    changes, rng, reached = RandomChanges(4), Random(5), 0
    with source() as made, RoughLink(made.listens, 9) as link:
        for run in range(KILLS + 1):
            path = tmp_path / f"{run}"
            program = subprocess.Popen(
                [sys.executable, mirror_program.__file__, str(tmp_path / "m"), str(path), link.address]
            )
            try:
                eventually(lambda path=path: lines(path))
                maker = change_on(made, changes, CHANGES // (KILLS + 1))
                if run == KILLS:
                    maker.join()
                    link.smooth()
                    eventually(lambda path=path: lines(path)[-1][1] == made.log.revision)
                else:
                    time.sleep(rng.uniform(0, 0.5))
            finally:
                os.kill(program.pid, signal.SIGKILL)
                program.wait()
            maker.join()
            reached = check_run(lines(path), {each[0]: [*each] for each in made.history}, reached)
        assert reached == made.log.revision


def check_run(run: list[list[object]], changes: dict[int, list[object]], reached: int) -> int:
    """Check the lines of one run, which follows on one that had come this far; return how far it came."""
    stored = [line[1] for line in run if line[0] == "stored"]
    assert not stored or min(stored) >= reached, "it forgot what it had told the program"
    revision = max([reached, *stored])
    for origin, at, *rest in run:
        if origin == "change":
            assert at == revision + 1, "a gap, a repeat or another order"
            assert [at, *rest] == changes[at]
            revision = at
        elif origin == "snapshot":
            assert at >= revision
            revision = at
    return revision


def test_a_slow_program_pauses_the_source_and_loses_nothing(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("elect.mirror.change_callbacks.CHANGES_MAX", 50)
    seen, may_go = [], threading.Event()

    def take(change) -> None:
        may_go.wait(60)
        seen.append(change)
        if len(seen) % 100 == 0:
            raise ValueError("of the program")

    changes = RandomChanges(6)
    with source() as made, mirror_of(made.listens, data_dir=tmp_path, on_change=take) as mirror:
        mirror.wait(60)
        for _ in range(40):
            for _ in range(200):
                changes.make(made)
            time.sleep(0.005)
        eventually(lambda: made.server.reports()[0].bytes_under_way > 0)
        assert mirror.status().revision < made.log.revision
        assert mirror.state.phase is not MirrorPhase.DISCONNECTED
        may_go.set()
        eventually(lambda: len(seen) > 1 and seen[-1].revision == made.log.revision)
        assert mirror.status().snapshots == 1
    check_sequence(seen, made.history)


@pytest.mark.parametrize("moment", ["waiting", "connecting", "following"])
def test_a_stop_is_done_at_once(tmp_path: Path, monkeypatch, moment: str):
    """The threads have ended, and the descriptors are closed."""
    monkeypatch.setattr(SourceBackoff, "wait_ns", lambda *_: 10**18)
    with source() as made, RoughLink(made.listens, 1) as link:
        link.smooth()
        if moment == "connecting":
            link.proxy.cut()
        address = "127.0.0.1:9" if moment == "waiting" else link.address
        mirror = mirror_of(address, data_dir=tmp_path).start()
        if moment == "following":
            mirror.wait(60)
        else:
            eventually(lambda: mirror.status().attempts and (moment != "waiting" or mirror.status().last_error))
        assert mirror.stop(60)
        assert not [each for each in threading.enumerate() if each.name.startswith("elect-mirror")]


def test_a_mirror_in_a_forked_child_says_so(tmp_path: Path):
    with source() as made, mirror_of(made.listens, data_dir=tmp_path) as mirror:
        mirror.wait(60)
        child = os.fork()
        if not child:
            try:
                mirror.leader()
            except MirrorForked:
                os._exit(1)
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
        made.change("default", 1, "a")
        eventually(lambda: mirror.leader().value)
