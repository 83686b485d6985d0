"""The account of bench/members.py can find each fault that it looks for."""

import pytest

from bench.growing.account import Account, account
from elect.testing.real_processes import ProcessEvent


def event(name: str, node: str, at: float, term: int | None = None, reason: str | None = None) -> ProcessEvent:
    return ProcessEvent(event=name, node=node, boottime=at, election="default", term=term, reason=reason)


def elected(node: str, at: float, term: int) -> ProcessEvent:
    return event("elected", node, at, term)


def lost(node: str, at: float, term: int, reason: str) -> ProcessEvent:
    return event("lost", node, at, term, reason)


@pytest.fixture
def judge(tmp_path):
    def make(*events: ProcessEvent, lines: str = "", since: float = 0.0) -> Account:
        (tmp_path / "tokens").write_text(lines)
        return account(events, tmp_path / "tokens", since=since)

    return make


def test_times_without_a_leader_are_added_up_by_cause(judge):
    found = judge(
        elected("a", 1, 1),
        event("killed", "a", 2),
        elected("b", 2.5, 2),
        lost("b", 3, 2, "transferred"),
        elected("c", 3.1, 3),
    )
    assert [(gap.cause, round(gap.seconds, 3)) for gap in found.gaps] == [("killed", 0.5), ("transferred", 0.1)]
    assert found.leaderless_s == pytest.approx(0.6)
    assert found.is_good
    assert "leaderless 600.0 ms in 2 gaps: 1 killed, 1 transferred; longest 500.0 ms (killed)" in str(found)


def test_a_loss_without_a_cause_is_bad(judge):
    found = judge(elected("a", 1, 1), lost("a", 2, 1, "lease_lapsed"), elected("b", 3, 2))
    assert (found.unexplained, found.is_good) == (["a:1:lease_lapsed"], False)
    assert judge(elected("a", 1, 1), lost("a", 2, 1, "lease_lapsed"), since=2.5).is_good


def test_leases_that_overlap_are_bad(judge):
    found = judge(elected("a", 1, 1), elected("b", 2, 2), lost("a", 3, 1, "resigned"))
    assert (found.overlapping, found.is_good) == (1, False)


@pytest.mark.parametrize(
    ("lines", "disorder"),
    [
        ("written 1 a 0\nwritten 1 a 1\nwritten 2 b 2\nrefused 1 a 3\n", ""),
        ("written 2 b 0\nwritten 1 a 1\n", "token 1 of a after 2"),
        ("written 2 b 0\nwritten 2 a 1\n", "token 2 of a and of b"),
    ],
)
def test_a_token_that_goes_down_or_has_two_owners_is_bad(judge, lines, disorder):
    found = judge(lines=lines)
    assert (found.disorder, found.is_good) == (disorder, not disorder)
    assert found.refused == lines.count("refused")
