"""A mirror whose disk fails or hangs, and one whose calls are cut off by Ctrl-C."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from elect import Mirror, MirrorPhase, MirrorStopped, StoreError
from elect.mirror import mirror_follower
from elect.mirror.mirror_content import MirrorContent
from elect.mirror.mirror_machine import MirrorMachine
from elect.mirror.mirror_store import MirrorStore
from elect.storage.data_lock import DataLock
from tests.fault.mirror_program import NoWait
from tests.mirroring import mirror_of, source
from tests.nodes import eventually


def test_ctrl_c_in_a_wait_leaves_nothing_locked(tmp_path: Path, monkeypatch):
    with mirror_of("127.0.0.1:9", data_dir=tmp_path) as mirror:
        changed = mirror._follower._changed
        release = changed._release_save

        def be_interrupted() -> None:
            release()
            raise KeyboardInterrupt

        monkeypatch.setattr(changed, "_release_save", be_interrupted)
        with pytest.raises(KeyboardInterrupt):
            mirror.wait(60)
        assert mirror.promote(force=True)  # on this thread; it tells the other one
        assert mirror.stop()


def be_interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("place", "name"),
    [(DataLock, "_write"), (MirrorMachine, "__init__"), (MirrorContent, "stored_changes"), (Mirror, "_running")],
)
def test_ctrl_c_in_a_start_leaves_nothing_open(tmp_path: Path, monkeypatch, place: type, name: str):
    """Nobody stops a mirror whose start was cut off: `with` does not."""
    with monkeypatch.context() as patch:
        patch.setattr(place, name, be_interrupted)
        with pytest.raises(KeyboardInterrupt):
            mirror_of("127.0.0.1:9", data_dir=tmp_path, on_change=repr).start()
    eventually(lambda: not [each for each in threading.enumerate() if each.name.startswith("elect-mirror")])
    assert mirror_of("127.0.0.1:9", data_dir=tmp_path).start().stop()


def test_a_start_that_failed_ends_no_other_one(tmp_path: Path, monkeypatch):
    """Another thread starts the mirror as soon as it has its turn."""
    mirror = mirror_of("127.0.0.1:9", data_dir=tmp_path)
    take, others = mirror._turns.take, list[threading.Thread]()

    @contextmanager
    def fail_and_let_start(timeout_s: float):
        monkeypatch.setattr(mirror._turns, "take", take)
        try:
            with take(timeout_s) as is_free, monkeypatch.context() as patch:
                patch.setattr(MirrorMachine, "__init__", be_interrupted)
                yield is_free
        finally:
            others.append(threading.Thread(target=mirror.start))
            others[0].start()
            others[0].join()

    monkeypatch.setattr(mirror._turns, "take", fail_and_let_start)
    with pytest.raises(KeyboardInterrupt):
        mirror.start()
    assert mirror.state.phase is MirrorPhase.DISCONNECTED
    assert mirror.stop()


class HangingDisk:
    """Replaces a method of MirrorStore: each call of it hangs until the test lets it go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.is_reached, self.may_go = threading.Event(), threading.Event()
        self.hung = 0
        method = getattr(MirrorStore, name)

        def hang(*arguments: object, **named: object) -> object:
            self.hung += 1
            self.is_reached.set()
            self.may_go.wait(30)
            self.hung -= 1
            return method(*arguments, **named)

        monkeypatch.setattr(MirrorStore, name, hang)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """The block ends while the disk still hangs."""
        assert self.is_reached.wait(60)
        try:
            yield
            assert self.hung == 1
        finally:
            self.may_go.set()


def test_a_disk_that_fails_is_tried_again(tmp_path: Path, monkeypatch):
    write, left = MirrorStore.write, [2]

    def fail(self, *arguments: object) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise StoreError(28, "No space left on device", "mirror.sqlite3")
        write(self, *arguments)

    monkeypatch.setattr(MirrorStore, "write", fail)
    monkeypatch.setattr("elect.mirror.mirror_follower.SourceBackoff", NoWait)
    with source() as made, mirror_of(made.listens, data_dir=tmp_path) as mirror:
        assert mirror.wait(60).phase is MirrorPhase.FOLLOWING
        assert "No space left" in mirror.status().last_error


def test_ctrl_c_in_a_promotion_leaves_it_made(tmp_path: Path, monkeypatch):
    promote = MirrorStore.promote

    def be_interrupted(self, *arguments: object) -> None:
        promote(self, *arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(MirrorStore, "promote", be_interrupted)
    with source() as made, mirror_of(made.listens, data_dir=tmp_path) as mirror:
        mirror.wait(60)
        with pytest.raises(KeyboardInterrupt):
            mirror.promote()
        assert mirror.promotion is not None
        eventually(lambda: not len(made.server))  # it follows nothing any more
        assert mirror.promote() == mirror.promotion
        assert (tmp_path / "audit.log").read_text().count("is to be promoted: the highest term") == 1


def test_a_disk_that_hangs_holds_no_stop_and_no_promotion(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(mirror_follower, "TURN_S", 0.05)
    with source() as made, mirror_of(made.listens, data_dir=tmp_path) as mirror:
        mirror.wait(60)
        disk = HangingDisk(monkeypatch, "write")
        made.change("default", 7, "a")
        with disk.hanging():
            with pytest.raises(StoreError, match="a write before this has not ended"):
                mirror.promote()
            assert not mirror.stop(0.05)
        assert eventually(mirror.stop)
    with mirror_of("127.0.0.1:9", data_dir=tmp_path) as mirror:  # the directory is free, and has that write
        assert mirror.leader().value.term == 7


def test_a_stop_during_a_start_on_a_disk_that_hangs(tmp_path: Path, monkeypatch):
    disk = HangingDisk(monkeypatch, "open")
    mirror = mirror_of("127.0.0.1:9", data_dir=tmp_path)
    raised = list[BaseException]()

    def start() -> None:
        with pytest.raises(MirrorStopped) as caught:
            mirror.start()
        raised.append(caught.value)

    thread = threading.Thread(target=start)
    thread.start()
    with disk.hanging():
        assert not mirror.stop(0.05)
    thread.join(60)
    assert raised
    assert eventually(mirror.stop)
    with mirror_of("127.0.0.1:9", data_dir=tmp_path):
        pass


def test_a_promotion_after_a_stop_says_that_it_is_stopped(tmp_path: Path):
    """The stop came while the promotion waited for its turn."""
    with mirror_of("127.0.0.1:9", data_dir=tmp_path) as mirror:
        follower = mirror._follower
        mirror.stop()
        with pytest.raises(MirrorStopped):
            follower.promote(is_forced=True, highest_term=0)
