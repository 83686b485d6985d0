"""Who is on a cluster, and by which numbers they live."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from elect.core.elector import Elector
from elect.core.messages import Standing
from elect.core.options import Configuration, Durable, ElectorOptions, OffsetRule, Timing
from elect.core.ready import Ballot
from elect.testing.manual.manual_node import ManualNode
from elect.testing.simulation.simulation_options import NANOSECONDS
from elect.testing.world.virtual_clock import VirtualClock

ELECTION = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """A cluster before it starts.

    Attributes:
        voters: one letter a node.
        learners: nodes besides, without a vote.
        ballots: what the disks of some hold.
        standings: priority and offset of some.
        rates_ppm: how much faster than true the clocks of some run, in parts per million.
        elections: in which every node stands.
        grace_ns: how long the application may take to acknowledge a loss.
    """

    voters: str = "abc"
    learners: str = ""
    ballots: Mapping[str, Ballot] = field(default_factory=dict)
    standings: Mapping[str, Standing] = field(default_factory=dict)
    rates_ppm: Mapping[str, int] = field(default_factory=dict)
    elections: tuple[str, ...] = (ELECTION,)
    offset_rule: OffsetRule = OffsetRule.PREFER
    grace_ns: int = 5 * NANOSECONDS
    timing: Timing = field(default_factory=Timing)

    @property
    def configuration(self) -> Configuration:
        """The membership that all have installed."""
        return Configuration.initial(self.voters)

    def elector(self, node_id: str, durable: Durable, now: int) -> Elector:
        """A node as it starts."""
        options = ElectorOptions(
            node_id=node_id,
            configuration=self.configuration,
            timing=self.timing,
            rank=self.standings.get(node_id, Standing()),
            offset_rule=self.offset_rule,
            grace_ns=self.grace_ns,
        )
        return Elector(options=options, durable=durable, rng=Random(node_id), now=now)  # noqa: S311 (chance, no secret)

    def actor(self, node_id: str, now: int) -> ManualNode:
        """A node that starts for the first time at the true time `now`."""
        ballot = self.ballots.get(node_id)
        ballots = {election: ballot for election in self.elections if ballot is not None}
        clock = VirtualClock(now=now, reading=now, rate_ppm=self.rates_ppm.get(node_id, 0))
        elector = self.elector(node_id, Durable(incarnation=1, ballots=ballots), now)
        return ManualNode(node_id=node_id, clock=clock, elector=elector, ballots=dict(ballots))
