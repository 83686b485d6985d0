"""Nodes of one canonical form behave alike; the search depends on it."""

import pickle
from dataclasses import replace

import pytest

from elect.core.elector import Elector
from elect.testing.explore import explored_world
from elect.testing.explore.bounds import Bounds
from elect.testing.explore.canonical_form import OMITTED, PARTS, attributes, digest, form
from elect.testing.explore.explored_node import ExploredNode, NodeOutput
from elect.testing.explore.renaming import NODES, Places, inverse, names, renamed
from elect.testing.explore.search import Search
from elect.testing.explore.step_cache import Given, Key, StepCache
from elect.testing.explore.steps import Trace

pytestmark = pytest.mark.long

START_NS = 100_000_000_000
SCOPES = {
    "votes": (3, Bounds(candidacies=2, losses=1)),
    "leaders": (2, Bounds(candidacies=2, resignations=1, failures=1)),
    "time": (2, Bounds(candidacies=1, moments=3)),
    "links": (2, Bounds(candidacies=2, closes=1, resets=1)),
    "crashes": (2, Bounds(candidacies=2, moments=2, restarts=1)),
    "disorder": (3, Bounds(candidacies=1, copies=1, overtakings=1)),
    "members": (3, Bounds(candidacies=1, changes=1, moments=2, delays=1)),
}
PROMPT = ("members",)
MERGED_MAX = 150
"""Of each scope, evenly from the first ones to the last."""


class Recording(StepCache):
    """Keeps what was treated as one."""

    merged: list[tuple[bytes, int, Places]]

    def _form(self, node: ExploredNode) -> tuple[int, Places]:
        before = self.forms
        form, relabel = super()._form(node)
        if self.forms == before:
            self.merged.append((pickle.dumps(node), form, relabel))
        return form, relabel


def record(scope: str, monkeypatch: pytest.MonkeyPatch) -> Recording:
    nodes, bounds = SCOPES[scope]
    monkeypatch.setattr(explored_world, "StepCache", Recording)
    monkeypatch.setattr(Recording, "merged", [], raising=False)
    search = Search(nodes, bounds, Trace(nodes), None, is_prompt=scope in PROMPT)
    search.run(6_000)
    cache = search._worlds.cache
    assert isinstance(cache, Recording)
    return cache


def seen(output: NodeOutput | None) -> object:
    """What others see of an output, whatever the order in which different peers are sent something."""
    if output is None:
        return None
    sends = sorted((send.peer, send.link) for send in output.sends)
    messages = {peer: [send.message for send in output.sends if send.peer == peer] for peer, _ in sends}
    without = {peer: [drop_knowledge(message) for message in found] for peer, found in messages.items()}
    return sends, without, output.stored, output.granted, output.elected, output.configured, output.faults


def drop_knowledge(message: object) -> object:
    return replace(message, said=0, heard=0) if hasattr(message, "heard") else message


def in_terms_of(node: ExploredNode, cache: StepCache, given: Given, back: Places) -> Given:
    """The same input, by the names that an node has for its nodes."""
    kind, peer, link, extra = given
    return kind, back[peer], link, cache.frames.renamed(extra, back) if kind == "receive" else extra


@pytest.mark.parametrize("scope", SCOPES)
def test_nodes_of_one_form_answer_every_input_alike(scope, monkeypatch):
    cache = record(scope, monkeypatch)
    inputs: dict[int, list[Key]] = {}
    for key in cache._outputs:
        inputs.setdefault(key[0], []).append(key)
    merged = Recording.merged
    tried = 0
    for blob, number, relabel in merged[:: 1 + len(merged) // MERGED_MAX]:
        for key in inputs.get(number, []):
            node: ExploredNode = pickle.loads(blob)
            _, now, given = key
            if now < node.elector.state.now:
                continue
            output = cache._give(node, now, in_terms_of(node, cache, given, inverse(relabel)))
            expected = cache._outputs[key]
            assert (output is None) == (expected is None)
            if output is None or expected is None:
                continue
            twin: ExploredNode = pickle.loads(cache._forms[number])
            twin_output = cache._give(twin, now, given)
            assert seen(renamed_output(output, relabel)) == seen(twin_output)
            assert digest(node, names(relabel)) == digest(twin, names(tuple(range(len(relabel)))))
            tried += 1
    assert tried > 200


def renamed_output(output: NodeOutput, relabel: Places) -> NodeOutput:
    new = names(relabel)
    sends = [replace(send, peer=new[send.peer], message=renamed(send.message, new)) for send in output.sends]
    return NodeOutput(
        sends=sends,
        stored=[renamed(ballot, new) for ballot in output.stored],
        granted=[renamed(vote, new) for vote in output.granted],
        elected=output.elected,
        configured=[(renamed(configuration, new), term) for configuration, term in output.configured],
        faults=output.faults,
    )


def objects(value: object, found: dict[type, object]) -> dict[type, object]:
    """One object of each class that an node is made of."""
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
    node = ExploredNode("a", NODES[:3], START_NS)
    node.alone(START_NS, "campaign")
    found = objects(node, {})
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
    node = ExploredNode("a", NODES[:2], START_NS)
    before = form(node, {})
    vars(node.elector)["_quirk"] = 1
    assert isinstance(node.elector, Elector)
    assert form(node, {}) != before
