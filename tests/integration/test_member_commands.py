"""`elect members` and node.members against real nodes."""

import json

import pytest

from elect import ChangeRefusal, ChangeRefused, MemberState, NotLeader
from elect.cli import main
from elect.cli.exit_codes import ExitCode
from elect.core.configuration import MemberKind
from tests.documents import blocks
from tests.nodes import DEADLINE_S, Cluster, cluster, eventually, status

pytestmark = pytest.mark.long

QUICK = {"heartbeat_interval": 0.05, "support_duration": 0.4, "http_listen": "127.0.0.1:0"}


@pytest.fixture
def nodes(tmp_path):
    with cluster(tmp_path, **QUICK) as running:
        yield running


def wait_for_the_name(nodes: Cluster) -> None:
    """Wait until the cluster has its id: that is a change, too, and makes a version."""
    eventually(lambda: nodes.leader().status().membership.configuration.cluster_id)


def others(nodes: Cluster) -> list[str]:
    leader = nodes.leader().config.node
    return [node_id for node_id in "abc" if node_id != leader]


def states(nodes: Cluster) -> dict[str, str]:
    return {each.node_id: each.state.value for each in nodes.leader().members.list()}


def command(nodes: Cluster, action: str, *arguments: str) -> int:
    return main(["members", action, str(nodes.leader().http_address), *arguments])


def test_a_voter_is_demoted_promoted_and_removed(nodes, capsys):
    one, other = others(nodes)
    assert command(nodes, "demote", one) == 0
    assert states(nodes)[one] == "observer"
    assert command(nodes, "promote", one) == 0
    assert states(nodes)[one] == "voter"
    assert command(nodes, "remove", other) == 0
    assert other not in states(nodes)
    assert [line.partition(" (")[0] for line in capsys.readouterr().out.splitlines()] == [
        f"{one} is demoted",
        f"{one} is promoted",
        f"{other} is removed",
    ]
    eventually(lambda: str(nodes[other].lifecycle) == "removed")
    eventually(lambda: nodes.leader().status().membership.is_settled)
    assert nodes[one].status().membership.is_settled is None


def test_the_commands_of_the_document_work(nodes, capsys):
    """They are run in their order, against the leader and for another member."""
    text = next(each for each in blocks("elect/cli/OPERATIONS.md", "") if each.startswith("elect members list"))
    one, _ = others(nodes)
    for line in text.splitlines():
        _, *arguments = line.replace("127.0.0.1:9101", str(nodes.leader().http_address)).split()
        assert main([one if each == "c" else each for each in arguments]) == 0
    assert one not in states(nodes)
    assert len(text.splitlines()) == 4
    assert f"{one} is removed" in capsys.readouterr().out


def test_a_repetition_makes_no_new_version(nodes):
    wait_for_the_name(nodes)
    leader, (one, _) = nodes.leader(), others(nodes)
    first = leader.members.demote(one, timeout=DEADLINE_S)
    again = leader.members.demote(one, timeout=DEADLINE_S)
    assert (first.term, first.version) == (again.term, again.version)


def test_a_node_that_does_not_lead_asks_the_leader(nodes, capsys):
    one, other = others(nodes)
    asked = nodes[one].members
    assert asked.demote(other, timeout=DEADLINE_S).member(other).kind is MemberKind.OBSERVER
    assert main(["members", "promote", str(nodes[one].http_address), other]) == 0
    assert f"{other} is promoted" in capsys.readouterr().out


@pytest.mark.parametrize("is_asked", [True, False])
def test_a_leader_hands_over_before_it_is_removed(nodes, is_asked):
    """Asked itself, or by another member that was asked."""
    leader = nodes.leader()
    asked = leader if is_asked else nodes[others(nodes)[0]]
    term = leader.leadership.token
    assert leader.config.node not in asked.members.remove(leader.config.node, timeout=DEADLINE_S).node_ids
    assert nodes.leader(besides=leader).leadership.token > term
    assert eventually(lambda: str(leader.lifecycle) == "removed")


def test_the_series_of_a_removed_peer_disappear(nodes):
    leader, (one, _) = nodes.leader(), others(nodes)

    def series() -> set[str]:
        samples = [sample for family in leader.metrics.registry.collect() for sample in family.samples]
        return {sample.name for sample in samples if one in sample.labels.values()}

    assert {"elect_peer_supported", "elect_peer_suspect", "elect_peer_last_heard_seconds"} <= series()
    leader.members.remove(one, timeout=DEADLINE_S)
    eventually(lambda: not series())


def test_a_leader_without_a_successor_keeps_its_vote(nodes, capsys):
    leader = nodes.leader()
    for node_id in others(nodes):
        nodes[node_id].pause()
    eventually(lambda: not any(peer["is_willing"] for peer in status(leader).to_dict()["peers"]))
    assert command(nodes, "demote", leader.config.node) == ExitCode.IS_LEADER
    assert "hand over first" in capsys.readouterr().err
    assert leader.is_leader


def test_a_node_that_knows_no_leader_says_so(nodes, capsys):
    one, other = others(nodes)
    leader = nodes.leader()
    nodes[other].stop()
    leader.stop()
    eventually(lambda: nodes[one].leader is None)
    with pytest.raises(NotLeader):
        nodes[one].members.demote(other, timeout=0.5)
    command_line = ["members", "demote", str(nodes[one].http_address), other, "--timeout", "0.5"]
    assert main(command_line) == ExitCode.NOT_LEADER
    assert "no leader is known; try again when one is elected" in capsys.readouterr().err


def test_too_few_live_voters_need_force(nodes, capsys):
    leader, (one, other) = nodes.leader(), others(nodes)
    nodes[one].stop()
    eventually(lambda: not next(each for each in leader.members.list() if each.node_id == one).is_supported)
    with pytest.raises(ChangeRefused) as raised:
        leader.members.remove(other, timeout=DEADLINE_S)
    assert raised.value.refusal is ChangeRefusal.TOO_FEW_LIVE
    assert command(nodes, "remove", other) == ExitCode.TOO_FEW_LIVE
    said = capsys.readouterr().err
    assert "only 1 of the 2 voters after this change are heard" in said
    assert said.endswith("--force makes the change all the same\n")


def test_a_leader_hands_over_for_no_change_that_is_refused(nodes):
    leader, (one, _) = nodes.leader(), others(nodes)
    nodes[one].stop()
    eventually(lambda: not next(each for each in leader.members.list() if each.node_id == one).is_supported)
    with pytest.raises(ChangeRefused) as raised:
        leader.members.remove(leader.config.node, timeout=DEADLINE_S)
    assert raised.value.refusal is ChangeRefusal.TOO_FEW_LIVE
    assert leader.is_leader


def test_unknown_ids_and_ids_in_use_are_refused(nodes, capsys):
    assert command(nodes, "remove", "z") == ExitCode.NOT_MEMBER
    assert command(nodes, "add", "a", "--kind", "witness") == ExitCode.ID_IN_USE
    assert capsys.readouterr().err.count("\n") == 2


def test_a_node_that_is_not_there_stays_a_learner(nodes, capsys):
    wait_for_the_name(nodes)
    before = nodes.leader().status().membership.configuration.version
    assert command(nodes, "add", "d", "--address", "127.0.0.1:1", "--json") == 0
    assert json.loads(capsys.readouterr().out)["version"] == before + 1
    found = next(each for each in nodes.leader().members.list() if each.node_id == "d")
    assert (found.state, found.address, found.health.is_suspect) == (MemberState.LEARNER, "127.0.0.1:1", True)
    assert command(nodes, "list") == 0
    shown = capsys.readouterr().out
    assert "d     voter  learner  127.0.0.1:1" in shown
    assert "it is not heard" in shown
    assert command(nodes, "promote", "d", "--timeout", "0.5") == ExitCode.NOT_READY
    assert "'d' is not ready: it is not heard" in capsys.readouterr().err
    beside = str(nodes[others(nodes)[0]].http_address)
    assert main(["members", "promote", beside, "d", "--timeout", "0.5"]) == ExitCode.NOT_READY
    assert "'d' is not ready: it is not heard" in capsys.readouterr().err
