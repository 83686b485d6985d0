"""Three real nodes on loopback, used as an application uses them."""

import socket
import threading
import time
from itertools import islice

import pytest

from elect import (
    BindError,
    LeadershipLost,
    LeadershipTimeout,
    LossReason,
    Node,
    NotLeader,
    Stopped,
    StoreError,
    WhyNoLeader,
)
from elect.core.events import Elected, LeaderChanged, Lost
from elect.storage.store import MemoryStore
from tests.nodes import DEADLINE_S, IN_TURN, cluster, configs, eventually, single, status


def test_three_nodes_elect_one_and_agree(tmp_path):
    with cluster(tmp_path) as nodes:
        leader = nodes.leader()
        for node in nodes.nodes.values():
            eventually(lambda node=node: node.leader is not None)
            assert node.leader.node_id == leader.config.node
            assert node.leader.term == leader.leadership.token
            assert node.leader.address == leader.config.listen
            assert node.leader.metadata == {"name": f"node {leader.config.node}"}
        assert [node.is_leader for node in nodes.nodes.values()].count(True) == 1


def test_a_stopped_leader_is_succeeded_with_a_higher_token(tmp_path):
    with cluster(tmp_path) as nodes:
        leader = nodes.leader()
        token = leader.leadership.token
        assert leader.stop()
        assert not leader.is_leader
        assert leader.leadership is None
        assert nodes.leader(besides=leader).leadership.token > token


def test_lead_waits_works_and_resigns(tmp_path):
    with cluster(tmp_path) as nodes:
        first = nodes.leader()
        other = nodes.followers()[0]
        with first.lead(timeout=DEADLINE_S) as leadership:
            assert leadership.valid()
            assert 0 < leadership.remaining() <= 1
            assert first.is_leader
            with pytest.raises(LeadershipTimeout), other.lead(timeout=0):
                pass
        assert not first.is_leader
        assert leadership.lost.is_set()
        assert leadership.reason is LossReason.RESIGNED
        with pytest.raises(LeadershipLost):
            leadership.check()
        nodes.leader(besides=first)


def test_a_node_is_a_candidate_until_its_first_lead_ends(tmp_path):
    def is_standing(node):
        return status(node).elections["default"].view.is_entered

    with cluster(tmp_path) as nodes:
        first = nodes.leader()
        assert all(is_standing(node) for node in nodes.nodes.values())
        with first.lead(timeout=DEADLINE_S):
            assert is_standing(first)
        assert not is_standing(first)
        nodes.leader(besides=first)
        with pytest.raises(LeadershipTimeout), first.lead(timeout=0):
            pass
        assert not is_standing(first)
        first.election().be_candidate()
        eventually(lambda: is_standing(first))


def test_one_lead_block_at_a_time(tmp_path):
    with single(tmp_path) as node:
        with node.lead(timeout=DEADLINE_S), pytest.raises(RuntimeError, match="leads it already"), node.lead():
            pass
        with node.lead(timeout=DEADLINE_S):
            pass


def test_a_node_and_its_default_election_share_one_run(tmp_path):
    with single(tmp_path) as node:
        run = node.run(lambda leadership: leadership.lost.wait())
        with pytest.raises(RuntimeError, match="stop that run first"):
            node.election().run(print)
        run.stop()
        node.election().run(print).stop()


def test_lead_reports_a_loss_unless_the_body_raised(tmp_path):
    with single(tmp_path) as node:
        with pytest.raises(LeadershipLost) as caught, node.lead(timeout=DEADLINE_S) as leadership:
            node.pause()
            assert leadership.lost.wait(DEADLINE_S)
        assert caught.value.reason is LossReason.PAUSED
        assert caught.value.token == leadership.token
        node.resume()
        with pytest.raises(KeyError), node.lead(timeout=DEADLINE_S):
            node.pause()
            raise KeyError


def test_lead_that_resigns_itself_was_not_robbed(tmp_path):
    with single(tmp_path) as node, node.lead(timeout=DEADLINE_S) as leadership:
        leadership.resign()
        assert not node.is_leader


def test_resign_returns_when_done_and_another_node_leads_soon(tmp_path):
    with cluster(tmp_path, support_duration=2.0) as nodes:
        leader = nodes.leader()
        leader.resign(timeout=DEADLINE_S)
        assert not leader.is_leader
        nodes.hand_over(leader)


def test_resign_without_leading_names_the_leader(tmp_path):
    with cluster(tmp_path) as nodes:
        follower = nodes.followers()[0]
        follower.wait_for_leader(DEADLINE_S)
        with pytest.raises(NotLeader) as caught:
            follower.resign(timeout=DEADLINE_S)
        assert caught.value.leader.node_id == nodes.leader().config.node


def test_transfer_hands_over_to_the_named_node(tmp_path):
    with cluster(tmp_path, **IN_TURN) as nodes:
        leader = nodes.leader()
        successor = nodes.followers()[-1]
        eventually(lambda: all(peer["is_supported"] for peer in status(successor).to_dict()["peers"]))
        leader.resign(to=successor.config.node, timeout=DEADLINE_S)
        assert nodes.leader() is successor
        assert leader.leader.node_id == successor.config.node
        with pytest.raises(ValueError, match="use the id of a peer: "):
            successor.resign(to=successor.config.node)


def test_pause_resigns_and_keeps_out_until_resume(tmp_path):
    with single(tmp_path) as node:
        node.pause()
        assert not node.is_leader
        eventually(lambda: status(node).elections["default"].why_no_leader is WhyNoLeader.PAUSED)
        node.resume()
        eventually(lambda: node.is_leader)


def test_an_election_is_paused_alone(tmp_path):
    with single(tmp_path) as node:
        other = node.election("other")
        eventually(lambda: other.is_leader)
        node.election().pause()
        eventually(lambda: not node.is_leader)
        assert other.is_leader
        node.election().resume()
        eventually(lambda: node.is_leader)


@pytest.mark.long
def test_the_higher_priority_leads_and_a_witness_never_does(tmp_path):
    with cluster(tmp_path, **IN_TURN) as nodes:
        leader = nodes.leader()
        successor, witness = nodes.followers()
        witness.set_priority(0)
        successor.set_priority(5)
        leader.resign(timeout=DEADLINE_S)
        assert nodes.leader(besides=leader) is successor
        leader.set_priority(0)
        successor.set_priority(0)
        eventually(lambda: status(successor).elections["default"].why_no_leader is WhyNoLeader.WITNESS)


@pytest.mark.long
def test_the_higher_offset_leads_among_equals(tmp_path):
    with cluster(tmp_path, **IN_TURN) as nodes:
        leader = nodes.leader()
        _, ahead = nodes.followers()
        ahead.set_offset(100)
        me = ahead.config.node
        for node in nodes.nodes.values():
            if node is not ahead:
                eventually(
                    lambda node=node: {p["node"]: p["offset"] for p in status(node).to_dict()["peers"]}[me] == 100
                )
        leader.resign(timeout=DEADLINE_S)
        assert nodes.leader(besides=leader) is ahead


def test_subscribers_hear_elected_and_lost_in_turn(tmp_path):
    with cluster(tmp_path, support_duration=2.0) as nodes:  # no lease is to lapse on a busy machine
        leader = nodes.leader()
        heard = []
        leader.subscribe(
            on_elected=lambda leadership: heard.append(("elected", leadership.token)),
            on_lost=lambda leadership: heard.append(("lost", leadership.token, leadership.reason)),
        )
        token = leader.leadership.token
        eventually(lambda: heard == [("elected", token)])
        leader.resign(timeout=DEADLINE_S)
        assert heard[:2] == [("elected", token), ("lost", token, LossReason.RESIGNED)]
        nodes.leader(besides=leader).stop()
        leader.set_priority(9)
        for node in nodes.nodes.values():
            if node is not leader and node.is_leader:
                node.resign(timeout=DEADLINE_S)
        eventually(lambda: leader.is_leader)
        leader.stop()
        assert [what for what, *_ in heard] == ["elected", "lost"] * (len(heard) // 2)
        assert heard[-1][-1] is LossReason.STOPPED


def test_on_lost_returns_before_another_node_leads(tmp_path):
    with cluster(tmp_path) as nodes:
        leader = nodes.leader()
        others = [node for node in nodes.nodes.values() if node is not leader]
        seen, has_heard = [], threading.Event()

        def on_lost(_):
            ends_at = time.monotonic() + 0.3
            while time.monotonic() < ends_at:
                seen.append(any(node.is_leader for node in others))
                time.sleep(0.001)
            has_heard.set()

        is_told = threading.Event()
        leader.subscribe(on_elected=lambda _: is_told.set(), on_lost=on_lost)
        assert is_told.wait(DEADLINE_S)
        leader.resign(timeout=DEADLINE_S)
        assert has_heard.wait(DEADLINE_S)
        assert seen
        assert not any(seen)


def test_watch_yields_the_latest_leader_and_ends_at_stop(tmp_path):
    with cluster(tmp_path) as nodes:
        leader = nodes.leader()
        follower = nodes.followers()[0]
        seen = []
        thread = threading.Thread(target=lambda: seen.extend(follower.watch()))
        thread.start()
        new = nodes.hand_over(leader)
        eventually(lambda: seen and seen[-1] is not None and seen[-1].node_id == new.config.node)
        follower.stop()
        thread.join(DEADLINE_S)
        assert not thread.is_alive()
        assert list(islice(follower.watch(), 1)) == []


def test_run_works_while_leading_and_again_after_it_returns(tmp_path):
    with single(tmp_path) as node:
        tokens = []
        run = node.run(lambda leadership: tokens.append(leadership.token))
        eventually(lambda: len(tokens) >= 3)
        run.stop()
        assert tokens == sorted(set(tokens))
        eventually(lambda: not node.is_leader)


def test_run_keeps_leading_after_it_returns_when_asked_to(tmp_path):
    with single(tmp_path) as node:
        done = threading.Event()
        run = node.run(lambda _: done.set(), on_return="keep")
        assert done.wait(DEADLINE_S)
        eventually(lambda: not run.is_working)
        assert node.is_leader
        run.stop()
        eventually(lambda: not node.is_leader)


def test_run_tells_the_work_of_the_loss_and_starts_no_second_one(tmp_path):
    with single(tmp_path) as node:
        count = []

        def work(leadership):
            count.append(1)
            leadership.lost.wait(DEADLINE_S)
            count.append(-1)

        node.run(work)
        eventually(lambda: sum(count) == 1)
        node.resign(timeout=DEADLINE_S)
        eventually(lambda: len(count) >= 3)
        assert count[:3] == [1, -1, 1]


def test_observers_get_every_event_in_order(tmp_path):
    config = configs(tmp_path, "a")["a"]
    node, events = Node(config, store=MemoryStore()), []
    node.observe(events.append)
    with node:
        eventually(lambda: node.is_leader)
        node.resign(timeout=DEADLINE_S)
    kinds = [type(event) for event in events]
    assert kinds.index(Elected) < kinds.index(Lost)
    assert LeaderChanged in kinds
    assert [event.at for event in events] == sorted(event.at for event in events)


def test_many_elections_are_led_side_by_side(tmp_path):
    with cluster(tmp_path) as nodes:
        names = [f"shard-{number}" for number in range(20)]
        for node in nodes.nodes.values():
            for name in names:
                node.election(name)
        leaders = {nodes.leader(name).config.node for name in names}
        assert len(leaders) > 1
        assert nodes["a"].find_election("never") is None
        with pytest.raises(ValueError, match="printable"):
            nodes["a"].election("bell\a")


def test_required_runs_a_job_only_while_leading(tmp_path):
    with cluster(tmp_path) as nodes:
        leader = nodes.leader()
        follower = nodes.followers()[0]
        assert leader.required(lambda: "done")() == "done"
        assert follower.required(lambda: "done")() is None
        with pytest.raises(NotLeader):
            follower.required(otherwise="raise")(lambda: "done")()
        token = leader.required(pass_leadership=True)(lambda leadership: leadership.token)()
        assert token == leader.leadership.token


def test_status_names_the_leader_or_why_there_is_none(tmp_path):
    settings = configs(tmp_path)
    with Node(settings["a"], store=MemoryStore()) as alone:
        eventually(lambda: status(alone).elections["default"].why_no_leader is WhyNoLeader.NO_QUORUM)
        why = status(alone).to_dict()["elections"][0]["why_no_leader"]
        assert why == {"code": "no_quorum", "text": "1 of 3 voters support this node, itself included; 2 are needed"}
        assert not status(alone).has_quorum
        with pytest.raises(LeadershipTimeout):
            alone.wait_for_leader(timeout=0)
        with Node(settings["b"], store=MemoryStore()):
            eventually(lambda: alone.leader)
            election = status(alone).to_dict()["elections"][0]
            assert election["why_no_leader"] is None
            assert election["leader"] == alone.leader.node_id


def test_start_fails_at_once_on_a_taken_port_and_leaves_nothing(tmp_path):
    config = configs(tmp_path, "a")["a"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", config.listen_address.port))
        taken.listen()
        node = Node(config)
        with pytest.raises(BindError):
            node.start()
    with Node(config) as free:  # the store was let go of
        eventually(lambda: free.is_leader)


def test_start_fails_at_once_on_an_unusable_directory(tmp_path):
    config = configs(tmp_path, "a")["a"]
    with Node(config), pytest.raises(StoreError):
        Node(configs(tmp_path, "a")["a"]).start()


def test_a_node_starts_once_and_stops_any_number_of_times(tmp_path):
    config = configs(tmp_path, "a")["a"]
    node = Node(config, store=MemoryStore())
    with pytest.raises(Stopped), node.lead():
        pass
    assert not node.is_leader
    node.start()
    assert node.stop()
    assert node.stop()
    with pytest.raises(Stopped):
        node.start()
    with pytest.raises(Stopped), node.lead(timeout=0):
        pass
    assert node.status().to_dict()["state"] == "stopped"
    assert Node(config, store=MemoryStore()).stop()


def test_http_answers_for_the_node(tmp_path):
    import json
    import urllib.request

    config = configs(tmp_path, "a", http_listen="127.0.0.1:0")["a"]
    with Node(config, store=MemoryStore()) as node:
        eventually(lambda: node.is_leader)
        with urllib.request.urlopen(f"http://{node.http_address}/status", timeout=DEADLINE_S) as answer:
            assert json.load(answer)["elections"][0]["is_leader"]
        with urllib.request.urlopen(f"http://{node.http_address}/metrics", timeout=DEADLINE_S) as answer:
            assert b'elect_is_leader{election="default"} 1.0' in answer.read()
