"""The count of hard cases of changing members in a run.

Source: PROTOCOL.md, section 7; section 9, last paragraph.
"""

from collections import Counter

from elect.core.changes import Change, ChangeRefusal
from elect.core.configuration import Configuration
from elect.core.events import Campaigned, Event, LossReason, Lost, Voted
from elect.testing.checkers.membership_rules import place, votes
from elect.testing.world.process import Process
from elect.testing.world.world import World
from elect.testing.world.world_observer import Observer

CHANGE_CASES = (
    "change refused: in_progress",
    "change refused: not_leader",
    "change refused: not_ready",
    "change refused: too_few_live",
    "change refused: leader",
    "configuration was restamped",
    "leader stepped down for a configuration",
    "candidacy ended for a configuration",
    "learner got a vote",
    "vote was taken away",
    "learner voted by a newer configuration",
    "replaced node voted again",
    "vote refused for the configuration",
    "two leaders changed one configuration",
    "configuration came to nothing",
    "restart with another configuration than at first",
)


_SOON_NS = 1_000_000_000
"""A learner that votes within this time after it got its vote has it by a candidate's configuration."""


class ChangeCases(Observer):
    """Counts the hard cases of changing members.

    Attributes:
        counts: times that each was met, by name.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._voter_since: dict[str, int] = {}
        self.counts: Counter[str] = Counter()
        self._made: dict[tuple[int, int], Configuration] = {}
        self._in_force: dict[str, Configuration] = {}

    def refused(self, process: Process, change: Change, refusal: ChangeRefusal) -> None:
        """Count a change that is refused."""
        del process, change
        self.counts[f"change refused: {refusal}"] += 1

    def started(self, process: Process) -> None:
        """Note the configuration with which a process starts."""
        stored = process.host.disk.configuration
        self._in_force[process.node_id] = stored
        self.counts["restart with another configuration than at first"] += stored.version > 0

    def decided(self, process: Process, configuration: Configuration) -> None:
        """Count the kinds of configurations when they are made, and those that take the place of another one."""
        before = self._in_force[process.node_id]
        self._in_force[process.node_id] = configuration
        if configuration == before:
            return
        if process.node_id in configuration.voters and process.node_id not in before.voters and before.members:
            self._voter_since[process.node_id] = self._world.now
        is_rival = before.version >= configuration.version and before.term < configuration.term
        self.counts["configuration came to nothing"] += is_rival and votes(before) != votes(configuration)
        if place(configuration) in self._made or not before.members:
            return
        self._made[place(configuration)] = configuration
        if configuration.version == before.version:
            self.counts["configuration was restamped"] += 1
            return
        self._count_votes(before, configuration)

    def _count_votes(self, before: Configuration, configuration: Configuration) -> None:
        self.counts["learner got a vote"] += len({*configuration.voters} - {*before.voters})
        self.counts["vote was taken away"] += len({*before.voters} - {*configuration.voters})
        rivals = [each for each in self._made.values() if each.version == configuration.version]
        self.counts["two leaders changed one configuration"] += len({each.term for each in rivals}) > 1

    def told(self, process: Process, event: Event) -> None:
        """Count leaderships and candidacies that end, and votes."""
        match event:
            case Lost(reason=LossReason.CONFIGURATION):
                self.counts["leader stepped down for a configuration"] += 1
            case Campaigned(outcome="configuration"):
                self.counts["candidacy ended for a configuration"] += 1
            case Voted(answer="granted"):
                member = process.elector.state.configuration.member(process.node_id)
                is_replaced = process.host.is_wiped and member is not None and member.store_id is not None
                self.counts["replaced node voted again"] += is_replaced
                since = self._voter_since.pop(process.node_id, -_SOON_NS)
                self.counts["learner voted by a newer configuration"] += self._world.now - since < _SOON_NS
            case Voted(answer="configuration"):
                self.counts["vote refused for the configuration"] += 1
