"""Long runs that Ctrl-C or SIGTERM interrupts: at every moment they end with their summary and the signal's status."""

import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from elect.cli import main as elect
from elect.testing import Simulation
from elect.testing.soak.interruption import Interruption
from elect.testing.soak.workers import Workers, in_order

pytestmark = pytest.mark.long

PATIENCE_S = 120.0

SOAK = ("elect.testing.soak.__main__", "--seeds", "2", "--nodes", "1", "--seconds", "0.1", "--workers")
EXPLORE = ("elect.testing.explore.__main__", "--states", "300")
FUZZ = ("tests.fuzz.wire", "--inputs", "300", "--jobs", "2")
SUMMARIES = {SOAK[0]: r"^\d+ runs, ", EXPLORE[0]: r"^3 nodes, .*: .*no violation in ", FUZZ[0]: r" findings$"}


@pytest.mark.parametrize(
    ("number", "moments", "command"),
    [
        (signal.SIGINT, 40, (*SOAK, "1")),
        (signal.SIGTERM, 20, (*SOAK, "1")),
        (signal.SIGINT, 4, (*SOAK, "2")),
        (signal.SIGTERM, 3, (*SOAK, "2")),
        (signal.SIGINT, 6, EXPLORE),
        (signal.SIGTERM, 2, FUZZ),
        pytest.param(signal.SIGINT, 200, (*SOAK, "1"), marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, 40, (*SOAK, "2"), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_a_signal_at_any_moment_gives_the_summary(number: int, moments: int, command: tuple[str, ...]):
    driver = [sys.executable, "-m", "tests.simulation.moments", str(number), str(moments), *command]
    done = subprocess.run(driver, capture_output=True, text=True, check=True, timeout=PATIENCE_S)
    ends = json.loads(done.stdout)
    assert len(ends) == moments
    for status, out, error in ends:
        assert status == 128 + number, error
        assert re.search(SUMMARIES[command[0]], out, re.MULTILINE), out
        assert "Traceback" not in error


class Destroyed:
    """An object whose destructor gets a signal, and drops the exception of its handler."""

    def __del__(self):
        signal.raise_signal(signal.SIGTERM)


def test_a_signal_inside_a_destructor_ends_the_attempt(capsys: pytest.CaptureFixture[str]):
    def wait_for_the_end() -> None:
        Destroyed()
        signal.pause()

    interruption = Interruption()
    with interruption.caught():
        assert interruption.attempt(wait_for_the_end) is None
        assert interruption.number == signal.SIGTERM
    assert "Traceback" not in capsys.readouterr().err


def test_an_interrupted_simulation_shows_its_transcript(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(Simulation, "settle", lambda _: signal.raise_signal(signal.SIGTERM))
    assert elect(["simulate", "--seed", "3", "--seconds", "2"]) == 143
    out = capsys.readouterr().out
    assert out.splitlines()[-1].startswith("interrupted; no violation in 2 virtual seconds; ")
    assert len(out.splitlines()) > 10
    assert signal.getsignal(signal.SIGTERM) == before


def test_the_first_signal_counts_and_a_fault_that_was_found_more():
    interruption = Interruption()
    with interruption.caught():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        assert interruption.attempt(lambda: pytest.fail("nothing begins after a signal")) is None
        assert [interruption.status(status) for status in (0, 1, 2)] == [143, 1, 143]
    assert [interruption.status(status) for status in (0, 1, 2)] == [0, 1, 2]


def halve(value: int) -> int:
    if value % 2:
        raise ValueError(f"{value} is odd")
    return value // 2


def leave(status: int) -> int:
    os._exit(status)


@pytest.fixture(scope="module")
def halving() -> Iterator[Workers[int, int]]:
    with Workers(halve, 2) as workers:
        yield workers


def test_each_value_is_worked_on_once(halving: Workers[int, int]):
    assert list(in_order(halving.each(range(0, 60, 2)))) == list(range(30))


def test_what_a_worker_raises_is_raised_in_the_program(halving: Workers[int, int]):
    with pytest.raises(RuntimeError, match="ValueError: 7 is odd"):
        list(halving.each([7]))


def test_a_worker_that_is_gone_is_an_error():
    with Workers(leave, 1) as workers, pytest.raises(RuntimeError, match="a worker process is gone"):
        list(workers.each([3]))


def test_workers_end_with_a_program_that_is_killed():
    program = (
        "import os, signal\n"
        "from multiprocessing import active_children\n"
        "from elect.testing.soak.workers import Workers\n"
        "with Workers(abs, 2) as workers:\n"
        "    assert list(workers.each([1, 2]))\n"
        "    print(*(process.pid for process in active_children()), flush=True)\n"
        "    input()\n"
    )
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", program], **options) as running:
        watched = [os.pidfd_open(int(pid)) for pid in running.stdout.readline().split()]
        running.kill()
    assert len(watched) == 2
    for fd in watched:
        assert select.select([fd], [], [], PATIENCE_S)[0]
        os.close(fd)
