import json

import pytest

from elect.core.configuration import Configuration
from elect.core.events import Elected, Installed, LossReason, Lost
from elect.monitoring.event_history import EVENTS_MAX
from elect.web.elections import ElectionList
from elect.web.events import EventSource, event_source
from elect.web.events import event_stream as streams
from tests.unit.web.client import ask
from tests.unit.web.fake_node import FakeNode

ELECTED = Elected(election="default", term=7, at=2_000_000_000)
LOST = Lost(election="default", term=7, at=3_000_000_000, reason=LossReason.RESIGNED)


def source_of(node, **limits):
    return EventSource(node, ElectionList(node), **limits)


def events_in(block):
    """Return (kind, content, id) of each event."""
    found = []
    for text in block.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in text.split("\n") if line and not line.startswith((":", "retry")))
        if fields:
            found.append((fields["event"], json.loads(fields["data"]), fields.get("id")))
    return found


def kinds(block):
    return [kind for kind, *_ in events_in(block)]


def test_a_new_listener_gets_the_state_then_each_change():
    node = FakeNode()
    node.note(ELECTED)
    stream = source_of(node).open("")
    kind, content, event_id = events_in(stream.take())[0]
    assert (kind, content["node"], event_id) == ("state", "a", "1f-1")
    assert [change["event"] for change in content["changes"]] == ["elected"]
    assert content["elections"]["total"] == content["elections"]["leaderless"] == 1
    node.note(LOST)
    kind, content, event_id = events_in(stream.take())[0]
    assert (kind, event_id, content["event"], content["boottime"]) == ("change", "1f-2", "lost", 3.0)


def test_a_state_that_is_not_new_is_followed_by_changes():
    node = FakeNode()
    source = source_of(node)
    source.open("").take()
    node.note(ELECTED)
    assert [(kind, event_id) for kind, _, event_id in events_in(source.open("").take())][:2] == [
        ("state", "1f-0"),
        ("change", "1f-1"),
    ]


def test_a_listener_that_comes_back_gets_what_it_missed():
    node = FakeNode()
    node.note(ELECTED, LOST)
    source = source_of(node)
    assert [each[2] for each in events_in(source.open("1f-1").take()) if each[0] == "change"] == ["1f-2"]
    assert kinds(source.open("1f-2").take()) == ["report"]


class MeetingSource(EventSource):
    """A source that another thread uses just when this one has noted something."""

    meeting = None

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        meet, self.__dict__["meeting"] = (self.meeting, None) if name == "_changes" else (None, self.meeting)
        if meet is not None:
            meet()


def test_two_that_come_back_at_once_each_get_what_they_missed():
    node = FakeNode()
    node.note(ELECTED, LOST, ELECTED)
    source = MeetingSource(node, ElectionList(node))
    source.__dict__["meeting"] = lambda: source.missed(2)
    last, block = source.missed(0)
    assert (last, [event_id for *_, event_id in events_in(block)]) == (3, ["1f-1", "1f-2", "1f-3"])


def test_what_was_made_for_another_is_never_mixed_up(monkeypatch):
    node = FakeNode()
    node.note(ELECTED, LOST)
    source = source_of(node)
    source.missed(0)
    reads = []

    def last(_source):
        if not reads:
            reads.append(1)
            source.missed(1)
        return node.history.last

    monkeypatch.setattr(EventSource, "last", property(last))
    assert [event_id for *_, event_id in events_in(source.missed(0)[1])] == ["1f-1", "1f-2"]


def test_a_change_that_comes_during_a_state_is_told_once(monkeypatch):
    node = FakeNode()
    node.note(ELECTED)
    kept = node.history.kept
    monkeypatch.setattr(node.history, "kept", lambda: node.note(LOST) or monkeypatch.undo() or kept())
    (_, state, event_id), *rest = events_in(source_of(node).open("").take())
    assert [change["event"] for change in state["changes"]] == ["elected", "lost"]
    assert (event_id, [kind for kind, *_ in rest]) == ("1f-2", ["report"])


@pytest.mark.parametrize("event_id", ["1f-1", "1f-9999", "2f-600", "x"])
def test_a_listener_that_missed_too_much_gets_the_state(event_id):
    node = FakeNode()
    node.note(*[ELECTED] * (EVENTS_MAX + 2))
    assert kinds(source_of(node).open(event_id).take())[0] == "state"


def test_a_burst_is_one_state_for_those_that_listen(monkeypatch):
    node = FakeNode()
    stream = source_of(node).open("")
    stream.take()
    node.note(*[ELECTED] * (EVENTS_MAX + 1))
    assert kinds(stream.take()) == [], "the last state is not old yet"
    monkeypatch.setattr(event_source, "now_s", lambda: float("inf"))
    kind, content, event_id = events_in(stream.take())[0]
    assert (kind, event_id) == ("state", f"1f-{EVENTS_MAX + 1}")
    assert len(content["changes"]) < EVENTS_MAX


def test_an_event_of_several_parts_has_its_id_at_the_last():
    """A listener that lost the connection in between gets all of them again."""
    node = FakeNode()
    stream = source_of(node).open("1f-0")
    node.note(Installed(configuration=Configuration.initial("abc"), at=0))
    parts = [each for each in events_in(stream.take()) if each[0] == "change"]
    assert [content["member"] for _, content, _ in parts] == ["a", "b", "c"]
    assert [event_id for *_, event_id in parts] == [None, None, "1f-1"]


def test_all_listeners_get_the_same_report_once(monkeypatch):
    node = FakeNode()
    source = source_of(node)
    one, other = source.open("1f-0"), source.open("1f-0")
    first = one.take()
    made = []
    monkeypatch.setattr(node, "status", lambda _names: made.append(1))
    assert other.take() == first
    assert not made
    assert kinds(one.take()) == []


def test_a_heartbeat_is_sent_when_nothing_else_is(monkeypatch):
    stream = source_of(FakeNode()).open("1f-0")
    stream.take()
    monkeypatch.setattr(stream.source, "report", lambda _seen: None)
    assert stream.take() == b""
    monkeypatch.setattr(streams, "now_s", lambda: float("inf"))
    assert stream.take() == b": heartbeat\n\n"


def test_listeners_are_limited_and_give_their_place_back():
    source = source_of(FakeNode(), listeners_max=2)
    one, _ = source.open(""), source.open("")
    assert source.open("") is None
    one.close()
    assert source.open("") is not None


def test_a_stream_is_an_iterator_that_ends_with_the_node():
    node = FakeNode()
    stream = source_of(node).open("")
    assert kinds(next(stream))[0] == "state"
    node.note(ELECTED)
    assert "change" in kinds(next(stream))
    node.note(LOST)
    node.stop()
    assert kinds(next(stream)) == ["change", "stopped"]
    assert list(stream) == []


def test_the_application_streams_events():
    node = FakeNode()
    node.stop()
    answer = ask(node, "GET", "/events")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
    assert "Content-Length" not in answer.headers
    assert kinds(answer.body)[0], kinds(answer.body)[-1] == ("state", "stopped")
    assert ask(node, "HEAD", "/events").body == b""


def test_the_id_comes_in_a_header_or_in_the_query():
    node = FakeNode()
    node.note(ELECTED)
    node.stop()
    for target, headers in (("/events?last_event_id=1f-1", {}), ("/events", {"LAST_EVENT_ID": "1f-1"})):
        assert "state" not in kinds(ask(node, "GET", target, **headers).body)
