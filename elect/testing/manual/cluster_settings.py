"""The settings of a ManualCluster: its nodes, their disks and clocks, and the timing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from elect.clock import NS_PER_S
from elect.core.configuration import Configuration
from elect.core.elector import Elector
from elect.core.messages import Standing
from elect.core.options import Durable, ElectorOptions, OffsetRule, Timing
from elect.core.ready import Ballot
from elect.testing.manual.manual_node import ManualNode, store_id_of
from elect.testing.world.virtual_clock import VirtualClock

ELECTION = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """The settings of a cluster, fixed at its start.

    Attributes:
        voters: ids of one letter each.
        learners: ids of nodes without a vote.
        ballots: votes on the disks of some nodes.
        standings: priority and offset of some nodes.
        rates_ppm: error of the clocks of some nodes, in parts per million; above 0 is fast.
        elections: every node is a candidate in each.
        grace_ns: time that the application has to acknowledge a loss.
        has_stores: handshakes show the ids of the disks, and nodes compare them.
        failback_ns: time after which an election is handed to the node that heads its order; None: never.
    """

    voters: str = "abc"
    learners: str = ""
    ballots: Mapping[str, Ballot] = field(default_factory=dict)
    standings: Mapping[str, Standing] = field(default_factory=dict)
    rates_ppm: Mapping[str, int] = field(default_factory=dict)
    elections: tuple[str, ...] = (ELECTION,)
    offset_rule: OffsetRule = OffsetRule.PREFER
    grace_ns: int = 5 * NS_PER_S
    has_stores: bool = False
    failback_ns: int | None = None
    timing: Timing = field(default_factory=Timing)

    @property
    def configuration(self) -> Configuration:
        """Return the configuration that all nodes have."""
        return Configuration.initial(self.voters)

    def elector(self, node_id: str, durable: Durable, configuration: Configuration, now: int) -> Elector:
        """Return the Elector of a node that starts."""
        options = ElectorOptions(
            node_id=node_id,
            configuration=configuration,
            timing=self.timing,
            rank=self.standings.get(node_id, Standing()),
            offset_rule=self.offset_rule,
            grace_ns=self.grace_ns,
            failback_ns=self.failback_ns,
            is_default_failed_back=True,
        )
        return Elector(options=options, durable=durable, rng=Random(node_id), now=now)  # noqa: S311 (chance, no secret)

    def node(self, node_id: str, now: int, configuration: Configuration | None = None) -> ManualNode:
        """Return a node that starts for the first time at the true time `now` (ns); without members it is to join."""
        configuration = self.configuration if configuration is None else configuration
        ballot = self.ballots.get(node_id)
        ballots = {election: ballot for election in self.elections if ballot is not None}
        clock = VirtualClock(now=now, reading=now, rate_ppm=self.rates_ppm.get(node_id, 0))
        store_id = store_id_of(node_id, int(self.has_stores))
        elector = self.elector(node_id, Durable(incarnation=1, ballots=ballots, store_id=store_id), configuration, now)
        return ManualNode(
            node_id=node_id,
            clock=clock,
            elector=elector,
            ballots=dict(ballots),
            stores=int(self.has_stores),
            configuration=configuration,
        )
