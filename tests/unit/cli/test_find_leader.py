"""`elect leader` where it cannot begin."""

import pytest

from elect.cli import main
from elect.cli.commands import find_leader

LEADER = ["leader", "127.0.0.1:1", "--cluster", "c"]


@pytest.mark.parametrize("more", [[], ["--watch"]])
def test_a_bad_name_of_an_election_is_named(more, capfd):
    assert main([*LEADER, *more, "--election", "é"]) == 2
    assert "election" in capfd.readouterr().err


def test_a_watch_without_a_thread_says_so(monkeypatch, capfd):
    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(find_leader.ReportedThread, "start", refuse)
    assert main([*LEADER, "--watch"]) == 3
    assert "can't start new thread" in capfd.readouterr().err
