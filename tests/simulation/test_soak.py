"""The output of the soak: while it runs, at its end, and when it is interrupted."""

import io
import os
import pty
import re
import signal
import subprocess
import sys

import pytest

from elect.testing import InvariantViolation
from elect.testing.simulation.simulate import VIOLATIONS_MAX, Report
from elect.testing.soak import soak
from elect.testing.soak.progress import Progress
from elect.testing.soak.soak import Soak, main

COMMAND = [sys.executable, "-u", "-m", "elect.testing.soak"]


def one(seed: int, **_: object) -> Report:
    """A world that is quick and fine."""
    return Report(runs=1, virtual_seconds=float(seed))


def broken(seed: int, **_: object) -> Report:
    """A world in which a promise is broken."""
    violation = InvariantViolation("one lease", f"seed {seed}", ["a line"], f"elect simulate --seed {seed}")
    return Report(runs=1, violated=1, violations=[violation])


def test_every_seed_runs_once():
    total = Soak(one).go(range(1, 30), workers=1)
    assert (total.runs, total.virtual_seconds) == (29, sum(range(1, 30)))


def test_violations_are_printed_with_their_replays(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(soak, "run_one", broken)
    assert main(["--first", "7", "--seeds", "40", "--workers", "1"]) == 1
    told = capsys.readouterr()
    assert told.out.count("replay: elect simulate --seed ") == VIOLATIONS_MAX
    assert "40 violations" in told.out
    assert "replay: elect simulate --seed 7\n" in told.err


def test_a_hard_case_that_was_not_met_fails_the_soak(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(soak, "run_one", one)
    assert main(["--seeds", "3", "--workers", "1"]) == 2
    assert "0 boot fence refused" in capsys.readouterr().out


@pytest.mark.long
def test_a_timed_soak_prints_its_fresh_seeds():
    command = [*COMMAND, "--for", "1", "--seconds", "2", "--workers", "1"]
    done = [subprocess.run(command, capture_output=True, text=True, check=False, timeout=60) for _ in range(2)]
    firsts = {re.match(r"seeds from (\d+); to repeat: --first \1 --seeds N\n", each.stderr)[1] for each in done}
    assert len(firsts) == 2
    assert {each.returncode for each in done} <= {0, 2}
    assert all(re.match(r"[1-9]\d* runs, ", each.stdout) for each in done)


@pytest.mark.long
@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_gives_the_summary_of_what_ran(workers: str):
    command = [*COMMAND, "--for", "600", "--seconds", "1", "--nodes", "3", "--workers", workers]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A shell ignores SIGINT for what it runs in the background, and so would its children.
    options["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    running = subprocess.Popen(command, **options)
    assert running.stderr is not None
    while not re.match(r"\d+ seeds, ", running.stderr.readline()):
        pass
    running.send_signal(signal.SIGINT)
    out, error = running.communicate(timeout=30)
    assert running.returncode == 130, error
    assert re.match(r"[1-9]\d* runs, ", out)
    assert "Traceback" not in error


def test_the_last_line_moves_on_a_terminal_and_not_elsewhere():
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as terminal:
        progress = Progress(terminal)
        progress._shown_at -= 60
        progress.show("first, long")
        progress._shown_at -= 60
        progress.show("second")
        progress.say("stays")
        shown = b""
        while not shown.endswith(b"stays\r\n"):
            shown += os.read(leader, 1000)
    os.close(leader)
    assert shown == b"\rfirst, long\rsecond     \r      \rstays\r\n"
    plain = io.StringIO()
    progress = Progress(plain)
    progress.show("too soon")
    progress._shown_at -= 60
    progress.show("first")
    progress.say("stays")
    assert plain.getvalue() == "first\nstays\n"
