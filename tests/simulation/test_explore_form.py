"""Nodes of one canonical form behave alike: what the search rests on."""

import pickle
from dataclasses import replace

import pytest

from elect.core.elector import Elector
from elect.testing.explore import explored_world
from elect.testing.explore.bounds import Bounds
from elect.testing.explore.canonical_form import OMITTED, PARTS, attributes, digest, form
from elect.testing.explore.explored_node import ExploredNode, NodeInput
from elect.testing.explore.explored_values import Given, Key, StepCache
from elect.testing.explore.naming import NODES, Places, inverse, names, renamed
from elect.testing.explore.search import Search
from elect.testing.explore.trace import Trace

START_NS = 100_000_000_000
SCOPES = {
    "votes": (3, Bounds(candidacies=2, losses=1)),
    "leaders": (2, Bounds(candidacies=2, resignations=1, failures=1)),
    "time": (2, Bounds(candidacies=1, moments=3)),
    "links": (2, Bounds(candidacies=2, closes=1, resets=1)),
    "crashes": (2, Bounds(candidacies=2, moments=2, restarts=1)),
    "disorder": (3, Bounds(candidacies=1, copies=1, overtakings=1)),
}
MERGED_MAX = 150
"""Of each scope, evenly from the first ones to the last."""


class Recording(StepCache):
    """Keeps what was treated as one."""

    merged: list[tuple[bytes, int, Places]]

    def _part(self, actor: ExploredNode) -> tuple[int, Places]:
        before = self.parts
        part, relabel = super()._part(actor)
        if self.parts == before:
            self.merged.append((pickle.dumps(actor), part, relabel))
        return part, relabel


def record(scope: str, monkeypatch: pytest.MonkeyPatch) -> Recording:
    nodes, bounds = SCOPES[scope]
    monkeypatch.setattr(explored_world, "StepCache", Recording)
    monkeypatch.setattr(Recording, "merged", [], raising=False)
    search = Search(nodes, bounds, Trace(nodes), None)
    search.run(6_000)
    settings = search._worlds.settings
    assert isinstance(settings, Recording)
    return settings


def seen(act: NodeInput | None) -> object:
    """What others see of an act, whatever the order in which different peers are sent something."""
    if act is None:
        return None
    sends = sorted((send.peer, send.link) for send in act.sends)
    messages = {peer: [send.message for send in act.sends if send.peer == peer] for peer, _ in sends}
    without = {peer: [drop_knowledge(message) for message in found] for peer, found in messages.items()}
    return sends, without, act.stored, act.elected, act.faults


def drop_knowledge(message: object) -> object:
    return replace(message, said=0, heard=0) if hasattr(message, "heard") else message


def in_terms_of(actor: ExploredNode, settings: StepCache, given: Given, back: Places) -> Given:
    """The same input, by the names that an actor has for its nodes."""
    kind, peer, link, extra = given
    return kind, back[peer], link, settings.frames.renamed(extra, back) if kind == "receive" else extra


@pytest.mark.parametrize("scope", SCOPES)
def test_nodes_of_one_form_answer_every_input_alike_and_become_nodes_of_one_form(scope, monkeypatch):
    settings = record(scope, monkeypatch)
    inputs: dict[int, list[Key]] = {}
    for key in settings._acts:
        inputs.setdefault(key[0], []).append(key)
    merged = Recording.merged
    tried = 0
    for blob, part, relabel in merged[:: 1 + len(merged) // MERGED_MAX]:
        for key in inputs.get(part, []):
            actor: ExploredNode = pickle.loads(blob)
            _, now, given = key
            if now < actor.elector.state.now:
                continue
            act = settings._give(actor, now, in_terms_of(actor, settings, given, inverse(relabel)))
            expected = settings._acts[key]
            assert (act is None) == (expected is None)
            if act is None or expected is None:
                continue
            twin: ExploredNode = pickle.loads(settings._parts[part])
            twin_act = settings._give(twin, now, given)
            assert seen(renamed_act(act, relabel)) == seen(twin_act)
            assert digest(actor, names(relabel)) == digest(twin, names(tuple(range(len(relabel)))))
            tried += 1
    assert tried > 200


def renamed_act(act: NodeInput, relabel: Places) -> NodeInput:
    new = names(relabel)
    sends = [replace(send, peer=new[send.peer], message=renamed(send.message, new)) for send in act.sends]
    return NodeInput(
        sends=sends, stored=[renamed(ballot, new) for ballot in act.stored], elected=act.elected, faults=act.faults
    )


def objects(value: object, found: dict[type, object]) -> dict[type, object]:
    """One object of each class that an actor is made of."""
    if isinstance(value, dict):
        for key, each in value.items():
            objects(key, found)
            objects(each, found)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            objects(each, found)
    elif type(value).__module__.startswith("elect.") and type(value) not in found:
        found[type(value)] = value
        for base in type(value).__mro__:
            for name in [*base.__dict__.get("__slots__", ()), *getattr(value, "__dict__", ())]:
                objects(getattr(value, name), found)
    return found


def test_every_attribute_is_in_the_form_or_listed_with_a_reason():
    actor = ExploredNode("a", NODES[:3], START_NS)
    actor.alone(START_NS, "campaign")
    found = objects(actor, {})
    assert len(found) > 10
    for kind, value in found.items():
        slots = {name for base in kind.__mro__ for name in base.__dict__.get("__slots__", ())}
        every = slots | set(getattr(value, "__dict__", ()))
        in_form = {name for name, _ in attributes(value)}
        omitted = OMITTED.get(kind, {})
        assert in_form | omitted.keys() == every, kind
        assert not in_form & omitted.keys()
        assert all(omitted.values())
    named = {*OMITTED, *(kind for kind, _ in PARTS)}
    assert named <= found.keys()
    assert all(hasattr(found[kind], name) for kind, name in PARTS)


def test_a_difference_anywhere_makes_another_form():
    base = form(ExploredNode("a", NODES[:3], START_NS), {})
    changed = ExploredNode("a", NODES[:3], START_NS)
    changed.elector.state.elections["default"].term_seen = 7
    assert form(changed, {}) != base
    peer = ExploredNode("a", NODES[:3], START_NS)
    peer.elector.state.support.peers["b"].counted_until = 1
    assert form(peer, {}) != base
    other = ExploredNode("a", NODES[:3], START_NS)
    other.elector.state.support.peers["c"].counted_until = 1
    assert form(other, {}) != form(peer, {})
    assert form(other, names((0, 2, 1))) == form(peer, {})


def test_an_attribute_that_the_core_gets_later_is_in_the_form():
    actor = ExploredNode("a", NODES[:2], START_NS)
    before = form(actor, {})
    vars(actor.elector)["_quirk"] = 1
    assert isinstance(actor.elector, Elector)
    assert form(actor, {}) != before
