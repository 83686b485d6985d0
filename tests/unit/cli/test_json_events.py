import io
import json
import threading

import pytest

from elect.cli.json_events import JsonEvents
from elect.core.configuration import Configuration, Member
from elect.core.events import Elected, Installed, LeaderChanged, LossReason, Lost, PeerChanged, Role, RoleChanged
from elect.monitoring.member_phase import MemberLifecycle, MemberPhase

AT = 1_234_567_890_123


def lines_of(*events):
    stream = io.StringIO()
    lines = JsonEvents("a", stream)
    for event in events:
        lines.write_event(event)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_each_event_is_a_line_with_the_moment_itself():
    base = {"node": "a", "boottime": 1234.567890123}
    assert lines_of(
        Elected(election="default", term=7, at=AT),
        Lost(election="default", term=7, at=AT, reason=LossReason.LEASE_LAPSED),
        LeaderChanged(election="jobs", term=8, leader=None, at=AT),
        PeerChanged(peer="b", supported=True, at=AT),
    ) == [
        base | {"event": "elected", "election": "default", "term": 7, "leader": "a"},
        base | {"event": "lost", "election": "default", "term": 7, "leader": None, "reason": "lease_lapsed"},
        base | {"event": "leader", "election": "jobs", "term": 8, "leader": None, "end": None},
        base | {"event": "peer", "election": None, "term": None, "leader": None, "peer": "b", "supported": True},
    ]


def test_each_member_that_changes_is_a_line():
    learner = Member(node_id="c", is_voter=False)
    after = Configuration(members=(Member(node_id="a"), learner), term=7, version=2)
    base = {"event": "member", "election": None, "node": "a", "term": None, "leader": None, "boottime": AT / 1e9}
    base["configuration"] = {"term": 7, "version": 2}
    assert lines_of(Installed(configuration=after, at=AT, former=Configuration.initial("ab"))) == [
        base | {"member": "b", "change": "remove", "kind": None, "state": None},
        base | {"member": "c", "change": "add", "kind": "voter", "state": "learner"},
    ]


def test_the_phase_of_the_node_is_a_line():
    stream = io.StringIO()
    lines = JsonEvents("a", stream)
    lines.note_lifecycle(MemberLifecycle(phase=MemberPhase.JOINING, attempt=2))
    assert stream.getvalue() == ""
    lines.write("stopping", AT)
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["event"], first["phase"], first["attempt"], first["reason"]) == ("lifecycle", "joining", 2, "")
    assert (first["node"], second["event"], second["boottime"]) == ("a", "stopping", AT / 1e9)


def test_a_phase_of_the_start_is_noted_without_a_wait():
    stream = io.StringIO()
    lines = JsonEvents("a", stream)
    other = threading.Thread(target=lambda: lines.note_lifecycle(MemberLifecycle(phase=MemberPhase.READY)))
    with lines.write_first("started"):
        other.start()
        other.join(10)
        assert not other.is_alive()
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["started", "lifecycle"]


def test_what_happens_during_the_start_is_told_after_it():
    stream = io.StringIO()
    lines = JsonEvents("a", stream)
    other = threading.Thread(target=lambda: lines.write_event(Elected(election="default", term=1, at=AT)))
    with lines.write_first("started"):
        other.start()
    other.join(10)
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["started", "elected"]


def test_a_start_that_fails_is_not_told():
    stream = io.StringIO()
    with pytest.raises(OSError, match="taken"), JsonEvents("a", stream).write_first("started"):
        raise OSError("taken")
    assert stream.getvalue() == ""


def test_what_is_not_told_is_not_told():
    assert lines_of(RoleChanged(election="default", term=7, role=Role.CANDIDATE, reason="x", at=AT)) == []


def test_a_reader_that_has_gone_is_noted_and_raises_nothing():
    class Gone(io.StringIO):
        writes = 0

        def write(self, _text):
            self.writes += 1
            raise BrokenPipeError

    stream = Gone()
    lines = JsonEvents("a", stream)
    lines.write("started", AT)
    lines.write("stopped", AT)
    assert stream.writes == 1
