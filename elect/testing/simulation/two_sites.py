"""Two simulated clusters, and the link between them: the source is sealed or not, and the standby is promoted.

The link carries what a mirror knows: the highest term that a node of the source has shown. It is cut and slow.

Source: PROTOCOL.md, section 8, "What holds across the sites".
"""

from contextlib import suppress
from dataclasses import replace
from random import Random

from elect.core.changes import ChangeRefused
from elect.core.configuration import ClusterState
from elect.core.events import Elected
from elect.core.promotion import floor_above
from elect.core.rules import sites
from elect.testing.faults.presets import sealing, standing_by
from elect.testing.membership.site_operator import SEAL, promotion
from elect.testing.simulation.simulation import Simulation
from elect.testing.simulation.simulation_options import Options

_STEP = 0.005
_ASK_SHARE = 0.02
"""Share of the steps in which the operator does something, and in which the link breaks or comes back."""

_DELAY_STEPS = 100
_BEGIN = (1.0, 6.0)
"""The time of the first request, s."""

_UNSAFE = ("freeze",)
"""A machine whose clock had stopped may hold one of two leases."""


def site(options: Options) -> Options:
    """Return the options of one site, in which only the operator of both acts."""
    assert options.faults is not None
    kinds = tuple(kind for kind in options.faults.kinds if kind not in _UNSAFE) or ("crash",)
    elections = ("default", "jobs")
    faults = replace(options.faults, kinds=kinds)
    return replace(options, elections=elections, seals=0.0, promotions=0.0, changes=0.0, faults=faults)


class TwoSites:
    """Two hostile worlds in one virtual time.

    Args:
        seed: fixes everything.
        nodes: of each site.
        is_sealed_first: the operator promotes only when the source has no lease any more.
    """

    def __init__(self, seed: int, nodes: int, *, is_sealed_first: bool) -> None:
        self.source = Simulation(site(sealing(seed, nodes)))
        self.standby = Simulation(site(standing_by(seed, nodes)))
        self._rng = Random(f"sites {seed} {nodes}")  # noqa: S311 (chance, no secret)
        self._is_sealed_first = is_sealed_first
        self._begins_at = self._rng.uniform(*_BEGIN)
        self._is_cut = False
        self._under_way: list[tuple[float, int]] = []
        self._seen = 0
        self._is_over = False
        self._read = [0, 0]
        self._source_terms: dict[str, int] = {}
        self._standby_terms: dict[str, int] = {}

    @property
    def tokens(self) -> dict[str, int]:
        """Return the latest token of the standby, by election."""
        return dict(self._standby_terms)

    def run(self, seconds: float) -> None:
        """Run for some virtual seconds.

        Raises:
            InvariantViolation: a promise was broken, in one site or across both.
        """
        end = self.source.now + seconds
        while self.source.now < end:
            self.source.run(_STEP)
            self._take_source()
            self.standby.run(_STEP)
            self._take_standby()
            self._carry()
            if self.source.now >= self._begins_at and self._rng.random() < _ASK_SHARE:
                self._operate()

    # The link.

    def _carry(self) -> None:
        if self._rng.random() < _ASK_SHARE / 2:
            self._is_cut = not self._is_cut
        now = self.source.now
        node_id = self._one_of(self.source)
        if node_id is not None and not self._is_cut and self._rng.random() < _ASK_SHARE:
            term = sites.highest_term(self.source.elector(node_id).state)
            self._under_way.append((now + self._rng.randrange(_DELAY_STEPS) * _STEP, term))
        arrived = [term for at, term in self._under_way if at <= now]
        self._under_way = [each for each in self._under_way if each[0] > now]
        self._seen = max([self._seen, *arrived])

    def _one_of(self, simulation: Simulation) -> str | None:
        running = [node_id for node_id in simulation.members().node_ids if simulation.is_running(node_id)]
        return self._rng.choice(running) if running else None

    # The operator.

    def _operate(self) -> None:
        if self._is_sealed_first and not self._is_over:
            if not self._is_cut:
                self._seal()
            return
        node_id = self._one_of(self.standby)
        if node_id is not None and self.standby.elector(node_id).state.configuration.state is ClusterState.STANDBY:
            self.standby.tell(node_id, promotion(floor_above(self._seen)))

    def _seal(self) -> None:
        """Ask a node of the source for the seal; with one that knows that all leases are over, the source is done."""
        node_id = self._one_of(self.source)
        if node_id is None:
            return
        state = self.source.elector(node_id).state
        if 0 < sites.leases_over_at(state) <= state.now:
            self._is_over, known = True, sites.highest_term(state)
            self._seen = max(self._seen, known)
            if known < max(self._source_terms.values(), default=0):
                self.source.fail("a sealed node knows all terms", f"{node_id} knows {known} of {self._source_terms}")
        else:
            with suppress(ChangeRefused, LookupError):  # there may be no leader
                self.source.change(SEAL)

    # The checks.

    def _take_source(self) -> None:
        for record in self.source.events[self._read[0] :]:
            if isinstance(record.event, Elected):
                election, term = record.event.election, record.event.term
                self._source_terms[election] = max(term, self._source_terms.get(election, 0))
                if self._is_over or term >= self._standby_terms.get(election, term + 1):
                    self.source.fail("tokens rise across sites", f"{record} after {self._standby_terms}")
        self._read[0] = len(self.source.events)

    def _take_standby(self) -> None:
        for record in self.standby.events[self._read[1] :]:
            if isinstance(record.event, Elected):
                election, term = record.event.election, record.event.term
                self._standby_terms[election] = max(term, self._standby_terms.get(election, 0))
                if term <= max(self._source_terms.values(), default=0):
                    self.standby.fail("tokens rise across sites", f"{record} after {self._source_terms}")
                if self._is_sealed_first and (holder := self.source.leader(election)) is not None:
                    self.standby.fail("one lease across sites", f"{record} while {holder} of the source holds one")
        self._read[1] = len(self.standby.events)
