"""Real nodes whose lists of voters differ, and voters whose data directory was lost."""

import shutil
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from elect import Config, Node, WhyNoLeader
from tests.nodes import DEADLINE_S, configs, eventually, running, status

QUICK = {"heartbeat_interval": 0.05, "support_duration": 0.4}


def listing(config: Config, voters: str, every: dict[str, Config]) -> Config:
    """The same node with another list."""
    return replace(config, peers={each: every[each].listen for each in voters if each != config.node})


def why(node: Node) -> WhyNoLeader | None:
    return status(node).elections["default"].why_no_leader


def objections(node: Node) -> set[str]:
    return {peer["node"] for peer in status(node).to_dict().get("peers", ()) if peer["objection"]}


def test_nodes_with_a_longer_list_do_not_lead_beside_the_first(tmp_path, caplog):
    """No fault is needed for two leaders when lists differ; the longer list waits, and says for what."""
    every = configs(tmp_path, "abc", **QUICK)
    with ExitStack() as stack:
        first = stack.enter_context(Node(listing(every["a"], "a", every)))
        eventually(lambda: first.is_leader)
        others = [stack.enter_context(Node(every[node_id])) for node_id in "bc"]
        for node in others:
            eventually(lambda node=node: why(node) is WhyNoLeader.CONFIGURATION)
            eventually(lambda node=node: len(status(node).to_dict()["peers"]) == 2 and objections(node) == {"a"})
            text = status(node).elections["default"].why_text
            digests = {status(each).to_dict()["configuration"] for each in (first, node)}
            assert "peer a" in text
            assert all(digest in text for digest in digests)
            objecting = partial(node.metrics.registry.get_sample_value, "elect_peer_objecting")
            eventually(lambda objecting=objecting: objecting({"peer": "a"}) == 1)
            assert objecting({"peer": "c" if node.config.node == "b" else "b"}) == 0
            assert not node.is_leader
        assert first.is_leader
    assert caplog.text.count("peer a refuses this node") == 2


def test_new_node_with_a_shorter_list_stops_every_node(tmp_path):
    every = configs(tmp_path, "abc", **QUICK)
    with ExitStack() as stack:
        others = [stack.enter_context(Node(every[node_id])) for node_id in "bc"]
        eventually(lambda: any(node.is_leader for node in others))
        late = stack.enter_context(Node(listing(every["a"], "a", every)))
        eventually(lambda: why(late) is WhyNoLeader.CONFIGURATION)
        for node in others:
            eventually(lambda node=node: why(node) is WhyNoLeader.CONFIGURATION)
        assert not any(node.is_leader for node in (late, *others))


def test_nobody_is_said_to_agree_before_it_is_heard(tmp_path):
    config = configs(tmp_path, "ab")["a"]
    with Node(config) as node:
        eventually(lambda: "peers" in status(node).to_dict())
        assert status(node).to_dict()["peers"][0]["is_configuration_same"] is None


def test_an_edited_list_changes_no_voters_and_is_logged(tmp_path, caplog):
    every = configs(tmp_path, "abc", **QUICK)
    for config in (listing(every["a"], "a", every), every["a"]):
        with Node(config) as node:
            eventually(lambda node=node: node.is_leader)
    assert caplog.text.count("the members in") == 1
    assert "are a; peers in the settings of node a make a b c" in caplog.text


def test_voter_with_another_store_is_refused_until_replaced(tmp_path, caplog):
    """Deleted votes are not silently replaced by new ones: token 1 would follow token 5."""
    every = configs(tmp_path, "abc", **QUICK)
    with running({node_id: Node(config) for node_id, config in every.items()}) as nodes:
        leader = nodes.leader()
        lost, other = nodes.followers()
        assert lost.stop()
        shutil.rmtree(lost.config.data_dir)
        back, phases = Node(lost.config), []
        back.watch_lifecycle(lambda value: phases.append(str(value)))
        with back:
            eventually(lambda: why(back) is WhyNoLeader.OTHER_STORE)
            eventually(lambda: objections(back) == {leader.config.node, other.config.node})
            assert "elect members replace" in status(back).elections["default"].why_text
            assert f"its id, {back.config.node}" in caplog.text
            (phase,) = eventually(lambda: [*phases])
            assert phase in {f"refused({each} knows another data directory under its id)" for each in objections(back)}
            made = leader.members.replace(back.config.node, timeout=DEADLINE_S)
            assert back.config.node not in made.voters
            eventually(lambda: back.config.node in leader.status().membership.configuration.voters)
            eventually(lambda: back.leader is not None and not objections(back))
            eventually(lambda: str(back.lifecycle) == "ready")


def test_a_data_directory_that_vanishes_takes_the_node_down(tmp_path, caplog):
    config = configs(tmp_path, "a", **QUICK)["a"]
    with Node(config) as node:
        eventually(lambda: node.is_leader)
        config.data_dir.rename(tmp_path / "elsewhere")
        node.resign(timeout=DEADLINE_S)
        eventually(lambda: node.state == "failed")
        assert not node.is_leader
    assert "removed or replaced" in caplog.text
