import io
import sys

import pytest

from elect.cli import main
from elect.testing.faults.presets import hostile


def test_one_seed_has_one_transcript(capsys):
    shown = []
    for _ in range(2):
        assert main(["simulate", "--seed", "3", "--nodes", "3", "--seconds", "2"]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
    assert "no violation" in shown[0]


def test_a_violation_is_exit_code_1(monkeypatch, capsys):
    import elect.cli.commands.run_simulation as command

    def violated(*, seed, nodes, seconds, write, is_changing, progress):
        assert not is_changing
        write(f"replay: elect simulate --seed {seed}\n")
        return 1

    monkeypatch.setattr(command, "simulate", violated)
    assert main(["simulate", "--seed", "9"]) == 1
    assert capsys.readouterr().out == "replay: elect simulate --seed 9\n"


def test_the_help_says_how_long_the_healing_takes(capsys):
    """The faults end after --seconds, and the least that follows is in the help."""
    with pytest.raises(SystemExit):
        main(["simulate", "--help"])
    assert "runs on for 6 s or more" in " ".join(capsys.readouterr().out.split())
    options = (hostile(seed, nodes) for seed in range(50) for nodes in (1, 3, 9))
    assert min(each.settle_seconds + each.failback_seconds + 2 * each.support_duration for each in options) == 6


@pytest.mark.parametrize("seed", ["x", "1.5"])
def test_a_seed_is_a_number(seed):
    with pytest.raises(SystemExit):
        main(["simulate", "--seed", seed])


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal_and_removed(monkeypatch, capsys):
    """A pipe gets none of it, and the transcript is the same."""
    monkeypatch.setattr("elect.testing.soak.progress._TERMINAL_S", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    shown = []
    for terminal in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", terminal)
        assert main(["simulate", "--seed", "3", "--seconds", "2"]) == 0
        shown.append((capsys.readouterr().out, terminal.getvalue()))
    (first, progress), (second, nothing) = shown
    assert (first, nothing) == (second, "")
    assert "[###############...............]  50% of 2 virtual seconds" in progress
    assert progress.endswith(" \r")
