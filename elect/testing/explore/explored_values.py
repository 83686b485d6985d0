"""What every node would do: each situation is played once by a real Elector, and looked up from then on.

A *part* is all nodes of one canonical form, whoever they are; inside it the node is "a". A *role* is a part at a place
of a world, with its peers at theirs. Both are numbers.
"""

import pickle
from dataclasses import dataclass
from itertools import permutations

from elect.core.events import Event
from elect.core.messages import Number
from elect.testing.explore.canonical_form import digest
from elect.testing.explore.explored_node import ExploredNode, NodeInput
from elect.testing.explore.facts import NO_LINK, Facts, LinkNumber, see
from elect.testing.explore.frames import END, Frames
from elect.testing.explore.naming import NODES, Places, after, inverse, names

Given = tuple[str, int, LinkNumber, int]
"""Something that one node is given: its kind, the place and the link of the peer that it is about, if it is, and the
frame that is read or the number of writes that a crash leaves on the disk."""

Key = tuple[int, int, Given]
"""A role or a part, the time, and what it is given then."""


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What one input to a role leads to, nodes by place.

    Attributes:
        role: what it is then.
        sends: target, link, and the frames for it, in order.
        stored: votes that reached the disk: term and candidate.
        elected: terms in which it was elected.
        faults: promises that it broke by itself, and what was seen.
    """

    role: int
    sends: tuple[tuple[int, LinkNumber, tuple[int, ...]], ...]
    stored: tuple[tuple[int, int], ...]
    elected: tuple[int, ...]
    faults: tuple[tuple[str, str], ...]


class StepCache:
    """All parts and roles met so far.

    Args:
        nodes: in each world.
        is_merging: treat nodes of one form as one; else every input leads to a node of its own, under its own name.

    Attributes:
        facts: by role.
        role_parts: by role.
        events: what was told, if nothing is merged.
    """

    def __init__(self, nodes: int, *, is_merging: bool = True) -> None:
        self.frames = Frames()
        self.facts: list[Facts] = []
        self.role_parts: list[int] = []
        self.events: list[tuple[str, Event]] = []
        self._voters = NODES[:nodes]
        self._is_merging = is_merging
        self._relabels = [(0, *order) for order in permutations(range(1, nodes))]
        self._parts: list[bytes] = []
        self._part_facts: list[Facts] = []
        self._symmetries: list[list[Places]] = []
        self._by_digest: dict[bytes, int] = {}
        self._roles: dict[tuple[int, Places], int] = {}
        self._role_places: list[Places] = []
        self._renamed: dict[tuple[int, Places], int] = {}
        self._outcomes: dict[Key, StepOutcome | None] = {}
        self._acts: dict[Key, tuple[int, Places, NodeInput] | None] = {}

    @property
    def parts(self) -> int:
        """How many nodes that differ were met."""
        return len(self._parts)

    def new(self, place: int, now: int) -> int:
        """The role of a node that never ran before."""
        if not self._is_merging:
            part, identity = self._part(ExploredNode(NODES[place], self._voters, now))
            return self._role(part, identity)
        part, relabel = self._part(ExploredNode(NODES[0], self._voters, now))
        others = [other for other in range(len(self._voters)) if other != place]
        return self._role(part, after((place, *others), inverse(relabel)))

    # Roles.

    def _role(self, part: int, places: Places) -> int:
        places = min([after(places, symmetry) for symmetry in self._symmetries[part]])
        role = self._roles.get((part, places))
        if role is None:
            role = self._roles[part, places] = len(self.facts)
            self.role_parts.append(part)
            self._role_places.append(places)
            self.facts.append(self._part_facts[part].placed(places))
        return role

    def renamed(self, role: int, places: Places) -> int:
        """The role of the same node in a world whose places are others."""
        key = (role, places)
        other = self._renamed.get(key)
        if other is None:
            other = self._role(self.role_parts[role], after(places, self._role_places[role]))
            self._renamed[key] = other
        return other

    # Parts.

    def _part(self, actor: ExploredNode) -> tuple[int, Places]:
        """The part that an actor plays, and who of it is who there."""
        identity = self._relabels[0]
        if not self._is_merging:
            return self._add(actor, [identity]), identity
        own = digest(actor, names(identity))
        found = self._by_digest.get(own)
        if found is not None:
            return found, identity
        symmetries = [identity]
        for relabel in self._relabels[1:]:
            other = digest(actor, names(relabel))
            found = self._by_digest.get(other)
            if found is not None:
                return found, relabel
            if other == own:
                symmetries.append(relabel)
        part = self._by_digest[own] = self._add(actor, symmetries)
        return part, identity

    def _add(self, actor: ExploredNode, symmetries: list[Places]) -> int:
        self._parts.append(pickle.dumps(actor, pickle.HIGHEST_PROTOCOL))
        self._part_facts.append(see(actor, self._voters))
        self._symmetries.append(symmetries)
        return len(self._parts) - 1

    # Inputs.

    def perform(self, role: int, now: int, given: Given) -> StepOutcome | None:
        """What comes of it; None if it can't be."""
        key = (role, now, given)
        if key not in self._outcomes:
            self._outcomes[key] = self._perform(role, now, given)
        return self._outcomes[key]

    def _perform(self, role: int, now: int, given: Given) -> StepOutcome | None:
        part, places = self.role_parts[role], self._role_places[role]
        back = inverse(places)
        kind, peer, link, extra = given
        key = (part, now, (kind, back[peer], link, self.frames.renamed(extra, back) if kind == "receive" else extra))
        if key not in self._acts:
            self._acts[key] = self._act(*key)
        result = self._acts[key]
        if result is None:
            return None
        part, relabel, act = result
        return self._outcome(self._role(part, after(places, inverse(relabel))), places, act)

    def _act(self, part: int, now: int, given: Given) -> tuple[int, Places, NodeInput] | None:
        actor: ExploredNode = pickle.loads(self._parts[part])  # noqa: S301 (written above)
        try:
            act = self._give(actor, now, given)
        except Exception as error:  # noqa: BLE001 (whatever the core may raise is what is looked for)
            return part, self._relabels[0], NodeInput(faults=[("nodes never fail", f"{type(error).__name__}: {error}")])
        if act is None:
            return None
        if not self._is_merging:
            self.events += [(actor.node_id, event) for event in act.events]
        return *self._part(actor), act

    def _give(self, actor: ExploredNode, now: int, given: Given) -> NodeInput | None:
        kind, peer_place, link_number, extra = given
        if kind == "crash":
            return actor.crash(now, extra)
        if link_number == NO_LINK:
            return actor.alone(now, kind)
        peer, link = NODES[peer_place], Number(*link_number)
        if kind == "receive":
            message = self.frames.messages[extra]
            assert message is not None
            return actor.receive(now, peer, link, message)
        if kind == "ended":
            return actor.ended(now, peer, link, is_end_of_stream=extra == END)
        return {"accepted": actor.accepted, "opened": actor.opened, "closing": actor.closing}[kind](now, peer, link)

    def _outcome(self, role: int, places: Places, act: NodeInput) -> StepOutcome:
        place = dict(zip(NODES, places, strict=False))
        sends: dict[tuple[int, LinkNumber], list[int]] = {}
        for send in act.sends:
            key = place[send.peer], (send.link.incarnation, send.link.counter)
            sends.setdefault(key, []).append(self.frames.renamed(self.frames.number(send.message), places))
        votes = [(ballot.term, ballot.voted_for) for ballot in act.stored if ballot.voted_for is not None]
        return StepOutcome(
            role=role,
            sends=tuple([(peer, link, tuple(frames)) for (peer, link), frames in sends.items()]),
            stored=tuple([(term, place[candidate]) for term, candidate in votes]),
            elected=tuple(act.elected),
            faults=tuple(act.faults),
        )
