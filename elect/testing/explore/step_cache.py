"""A cache of the Elector's steps: a real Elector performs each step once, later ones are looked up.

A *form* represents all nodes of one canonical form; inside it the node is "a". A *condition* is a form with a place in
a world for the node and for each of its peers. Both are numbers.
"""

import pickle
from dataclasses import dataclass, replace
from itertools import permutations

from elect.core.configuration import Configuration
from elect.core.events import Event
from elect.core.messages import Number
from elect.testing.explore.canonical_form import digest
from elect.testing.explore.explored_node import ExploredNode, NodeOutput
from elect.testing.explore.in_flight import END, NO_LINK, Frames, LinkNumber
from elect.testing.explore.made_configurations import CHANGES, Decision
from elect.testing.explore.pair_checks import Facts, see
from elect.testing.explore.renaming import NODES, Places, after, inverse, names, renamed

Given = tuple[str, int, LinkNumber, int]
"""An input to one node: its kind, the place of the peer and the link (if any), and the frame that is read or the number
of writes that a crash leaves on the disk."""

Key = tuple[int, int, Given]
"""A condition or a form, the time, and the input."""


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """The result of one input; nodes by place.

    Attributes:
        condition: of the node afterwards.
        sends: target, link, and the frames for it, in order.
        stored: votes that reached the disk: term and candidate.
        granted: votes that it gave, whether on disk or not.
        elected: terms in which it was elected.
        decided: configurations that it decided for.
        configured: configurations that reached the disk, each with the highest term there.
        dismissed: peers that count no more.
        faults: promises that the node broke alone, each with the detail.
    """

    condition: int
    sends: tuple[tuple[int, LinkNumber, tuple[int, ...]], ...]
    stored: tuple[tuple[int, int], ...]
    granted: tuple[tuple[int, int], ...]
    elected: tuple[int, ...]
    decided: tuple[Decision, ...]
    configured: tuple[tuple[Configuration, int], ...]
    dismissed: tuple[int, ...]
    faults: tuple[tuple[str, str], ...]


class StepCache:
    """All forms and conditions so far.

    Args:
        nodes: in each world.
        is_merging: treat nodes of one form as one; False: every input leads to a new node, under its own name.

    Attributes:
        facts: by condition.
        condition_forms: the form of each condition.
        events: for the applications, if nothing is merged.
    """

    def __init__(self, nodes: int, *, is_merging: bool = True) -> None:
        self.frames = Frames()
        self.facts: list[Facts] = []
        self.condition_forms: list[int] = []
        self.events: list[tuple[str, Event]] = []
        self._voters = NODES[:nodes]
        self._is_merging = is_merging
        self._relabels = [(0, *order) for order in permutations(range(1, nodes))]
        self._forms: list[bytes] = []
        self._form_facts: list[Facts] = []
        self._symmetries: list[list[Places]] = []
        self._by_digest: dict[bytes, int] = {}
        self._conditions: dict[tuple[int, Places], int] = {}
        self._condition_places: list[Places] = []
        self._renamed: dict[tuple[int, Places], int] = {}
        self._outcomes: dict[Key, StepOutcome | None] = {}
        self._outputs: dict[Key, tuple[int, Places, NodeOutput] | None] = {}

    @property
    def forms(self) -> int:
        """Return the number of forms so far."""
        return len(self._forms)

    def new(self, place: int, now: int) -> int:
        """Return the condition of a node that starts for the first time."""
        if not self._is_merging:
            form, identity = self._form(ExploredNode(NODES[place], self._voters, now))
            return self._condition(form, identity)
        form, relabel = self._form(ExploredNode(NODES[0], self._voters, now))
        others = [other for other in range(len(self._voters)) if other != place]
        return self._condition(form, after((place, *others), inverse(relabel)))

    # Conditions.

    def _condition(self, form: int, places: Places) -> int:
        places = min([after(places, symmetry) for symmetry in self._symmetries[form]])
        condition = self._conditions.get((form, places))
        if condition is None:
            condition = self._conditions[form, places] = len(self.facts)
            self.condition_forms.append(form)
            self._condition_places.append(places)
            self.facts.append(self._form_facts[form].placed(places))
        return condition

    def renamed(self, condition: int, places: Places) -> int:
        """Return the condition of the same node with its places permuted."""
        key = (condition, places)
        other = self._renamed.get(key)
        if other is None:
            other = self._condition(self.condition_forms[condition], after(places, self._condition_places[condition]))
            self._renamed[key] = other
        return other

    # Forms.

    def _form(self, node: ExploredNode) -> tuple[int, Places]:
        """Return the form of a node, and the permutation from its names to the names there."""
        identity = self._relabels[0]
        if not self._is_merging:
            return self._add(node, [identity]), identity
        own = digest(node, names(identity))
        found = self._by_digest.get(own)
        if found is not None:
            return found, identity
        symmetries = [identity]
        for relabel in self._relabels[1:]:
            other = digest(node, names(relabel))
            found = self._by_digest.get(other)
            if found is not None:
                return found, relabel
            if other == own:
                symmetries.append(relabel)
        form = self._by_digest[own] = self._add(node, symmetries)
        return form, identity

    def _add(self, node: ExploredNode, symmetries: list[Places]) -> int:
        self._forms.append(pickle.dumps(node, pickle.HIGHEST_PROTOCOL))
        self._form_facts.append(see(node, self._voters))
        self._symmetries.append(symmetries)
        return len(self._forms) - 1

    # Inputs.

    def perform(self, condition: int, now: int, given: Given) -> StepOutcome | None:
        """Return the result of an input, or None if it is not possible."""
        key = (condition, now, given)
        if key not in self._outcomes:
            self._outcomes[key] = self._perform(condition, now, given)
        return self._outcomes[key]

    def _perform(self, condition: int, now: int, given: Given) -> StepOutcome | None:
        form, places = self.condition_forms[condition], self._condition_places[condition]
        back = inverse(places)
        kind, peer, link, extra = given
        key = (form, now, (kind, back[peer], link, self.frames.renamed(extra, back) if kind == "receive" else extra))
        if key not in self._outputs:
            self._outputs[key] = self._act(*key)
        result = self._outputs[key]
        if result is None:
            return None
        form, relabel, output = result
        return self._outcome(self._condition(form, after(places, inverse(relabel))), places, output)

    def _act(self, form: int, now: int, given: Given) -> tuple[int, Places, NodeOutput] | None:
        node: ExploredNode = pickle.loads(self._forms[form])  # noqa: S301 (written above)
        try:
            output = self._give(node, now, given)
        except Exception as error:  # noqa: BLE001 (any exception of the core is a finding)
            return (
                form,
                self._relabels[0],
                NodeOutput(faults=[("nodes never fail", f"{type(error).__name__}: {error}")]),
            )
        if output is None:
            return None
        if not self._is_merging:
            self.events += [(node.node_id, event) for event in output.events]
        return *self._form(node), output

    def _give(self, node: ExploredNode, now: int, given: Given) -> NodeOutput | None:
        kind, peer_place, link_number, extra = given
        if link_number != NO_LINK:
            return self._give_of_link(node, now, given)
        if kind == "crash":
            return node.crash(now, extra)
        if kind in CHANGES:
            return node.change(now, kind, NODES[peer_place])
        if kind == "refused":
            return node.refused(now, NODES[peer_place])
        return node.alone(now, kind)

    def _give_of_link(self, node: ExploredNode, now: int, given: Given) -> NodeOutput:
        kind, peer_place, link_number, extra = given
        peer, link = NODES[peer_place], Number(*link_number)
        if kind == "receive":
            message = self.frames.messages[extra]
            assert message is not None
            return node.receive(now, peer, link, message)
        if kind == "ended":
            return node.ended(now, peer, link, is_end_of_stream=extra == END)
        return {"accepted": node.accepted, "opened": node.opened, "closing": node.closing}[kind](now, peer, link)

    def _outcome(self, condition: int, places: Places, output: NodeOutput) -> StepOutcome:
        place = dict(zip(NODES, places, strict=False))
        sends: dict[tuple[int, LinkNumber], list[int]] = {}
        for send in output.sends:
            key = place[send.peer], (send.link.incarnation, send.link.counter)
            sends.setdefault(key, []).append(self.frames.renamed(self.frames.number(send.message), places))
        votes = [(ballot.term, ballot.voted_for) for ballot in output.stored if ballot.voted_for is not None]
        new = names(places)
        decided = [
            replace(
                each,
                before=renamed(each.before, new),
                after=renamed(each.after, new),
                following=frozenset(new[peer] for peer in each.following),
            )
            for each in output.decided
        ]
        return StepOutcome(
            condition=condition,
            sends=tuple([(peer, link, tuple(frames)) for (peer, link), frames in sends.items()]),
            stored=tuple([(term, place[candidate]) for term, candidate in votes]),
            granted=tuple([(term, place[candidate]) for term, candidate in output.granted]),
            elected=tuple(output.elected),
            decided=tuple(decided),
            configured=tuple([(renamed(each, new), term) for each, term in output.configured]),
            dismissed=tuple([place[peer] for peer in output.dismissed]),
            faults=tuple(output.faults),
        )
