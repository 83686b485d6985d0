"""kill -9 at every point around a vote, a restart, and a second candidate in the same term: never two grants."""

import pytest

from elect.core.messages import Grant, RefusalReason, Refuse, Vote
from elect.core.ready import Ballot
from elect.testing.manual.cluster_settings import ELECTION
from elect.testing.manual.manual_cluster import ManualCluster

MS = 1_000_000


def two_candidates() -> ManualCluster:
    """`a` and `c` are candidates in term 1; neither has asked `b` yet, which has a slow disk."""
    cluster = ManualCluster()
    cluster.be_willing("a")
    cluster.be_willing("c")
    assert cluster.is_under_way("a", "b", Vote, 1)
    assert cluster.is_under_way("c", "b", Vote, 1)
    cluster.nodes["b"].is_disk_slow = True
    return cluster


def die_after_deciding(cluster: ManualCluster) -> None:
    cluster.deliver("a", "b", Vote, 1)


def die_after_sending(cluster: ManualCluster) -> None:
    cluster.deliver("a", "b", Vote, 1)
    cluster.write("b")
    assert cluster.is_under_way("b", "a", Grant, 1)


POINTS = {
    "before its write": (die_after_deciding, False, False),
    "before its write, and what left arrives": (die_after_deciding, False, True),
    "after its write, before its send": (die_after_deciding, True, False),
    "after its send, which is lost": (die_after_sending, True, False),
    "after its send, which arrives": (die_after_sending, True, True),
}


def ask_again(cluster: ManualCluster, candidate: str) -> None:
    """Send the candidate's Vote of term 1 again, on its present link."""
    election = cluster.nodes[candidate].elector.state.elections[ELECTION]
    vote = Vote(election=ELECTION, term=1, offset=0)
    assert election.ballot == Ballot(term=1, voted_for=candidate)
    cluster.lose(candidate, "b")
    cluster.say(candidate, "b", vote)
    cluster.deliver(candidate, "b", Vote, 1)


@pytest.mark.parametrize("point", POINTS)
def test_a_voter_killed_around_its_vote_never_gives_two(point: str):
    cluster = two_candidates()
    die, is_written, is_sent = POINTS[point]
    die(cluster)
    cluster.crash("b", is_written=is_written)
    for candidate in "ac" if not is_sent else "":
        cluster.lose("b", candidate)
    cluster.restart("b")
    cluster.nodes["b"].is_disk_slow = False

    ask_again(cluster, "c")
    assert refusals(cluster, "b", "c") == [RefusalReason.BOOT_FENCE]
    cluster.wait(1_011 * MS)
    ask_again(cluster, "c")
    vote = cluster.checks.votes[ELECTION, 1]["b"]
    if is_written:
        assert refusals(cluster, "b", "c")[-1] is RefusalReason.TERM
        assert vote == "a"
    else:
        assert cluster.is_under_way("b", "c", Grant, 1)
        assert vote == "c"
    ask_again(cluster, "a")
    assert cluster.checks.votes[ELECTION, 1]["b"] == vote
    assert cluster.is_under_way("b", "a", Grant, 1) == (vote == "a")


def refusals(cluster: ManualCluster, source: str, target: str) -> list[RefusalReason]:
    frames = [frame.message for frame in cluster.nodes[source].under_way.get(target, [])]
    entries = [entry for message in frames for entry in getattr(message, "entries", ())]
    return [entry.reason for entry in entries if isinstance(entry, Refuse)]
