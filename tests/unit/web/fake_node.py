"""A fake node with the part that the web application uses."""

import threading
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from elect.config.config import Config
from elect.core.configuration import ClusterState, Configuration
from elect.core.events import Event
from elect.errors import Stopped
from elect.leader import Leader
from elect.monitoring.event_history import EventHistory
from elect.monitoring.member_phase import MemberLifecycle, MemberPhase
from elect.monitoring.member_status import MembershipStatus, membership
from elect.monitoring.metrics import Metrics, Sample
from elect.monitoring.peer_health import PeerHealth
from elect.sites.site_values import PromotionResult, PromotionStep


@dataclass
class FakeLeadership:
    token: int
    node_id: str = "a"


@dataclass
class FakeElection:
    leadership: FakeLeadership | None = None
    leader: Leader | None = None
    resignations: list[tuple[str | None, float | None]] = field(default_factory=list)
    failure: Exception | None = None

    def resign(self, to: str | None = None, timeout: float | None = None) -> None:
        if self.failure is not None:
            raise self.failure
        self.resignations.append((to, timeout))


class FakeMembers:
    """Notes each change, with the arguments that it was called with."""

    def __init__(self) -> None:
        self.changes: list[tuple[object, ...]] = []
        self.failure: Exception | None = None

    def add(
        self, node_id: str, address: str | None = None, kind: str = "voter", timeout: float | None = None
    ) -> Configuration:
        return self._take("add", node_id, address, kind, timeout)

    def remove(self, node_id: str, force: bool = False, timeout: float | None = None) -> Configuration:
        return self._take("remove", node_id, force, timeout)

    def promote(self, node_id: str, kind: str | None = None, timeout: float | None = None) -> Configuration:
        return self._take("promote", node_id, kind, timeout)

    def demote(self, node_id: str, timeout: float | None = None) -> Configuration:
        return self._take("demote", node_id, timeout)

    def replace(
        self, node_id: str, address: str | None = None, force: bool = False, timeout: float | None = None
    ) -> Configuration:
        return self._take("replace", node_id, address, force, timeout)

    def seal(self, successor: str = "", timeout: float | None = None) -> Configuration:
        return replace(self._take("seal", successor, timeout), state=ClusterState.SEALED, successor=successor)

    def _take(self, *change: object) -> Configuration:
        self.changes.append(change)
        if self.failure is not None:
            raise self.failure
        return Configuration(term=7, version=len(self.changes))


class FakeStatus:
    def __init__(self, content: dict[str, object], configuration: Configuration | None) -> None:
        self.content = content
        self._configuration = configuration

    @property
    def membership(self) -> MembershipStatus | None:
        if self._configuration is None:
            return None
        return membership(
            self._configuration,
            "a",
            supported_by={"b"},
            installed_by={"a", "b"},
            lacks={},
            address={"a": "127.0.0.1:7101"}.get,
            health=lambda _: PeerHealth(last_heard_ns=250_000_000, round_trip_ns=400_000, is_suspect=False),
        )

    @property
    def has_quorum(self) -> bool:
        return self.content["has_quorum"]

    @property
    def runtime(self) -> "FakeStatus":
        return self

    @property
    def mirror(self) -> dict[str, object] | None:
        return self.content.get("mirror")

    @property
    def mirrors(self) -> list[dict[str, object]]:
        return []

    def to_dict(self) -> dict[str, object]:
        return self.content


class FakeNode:
    def __init__(self, operator_token: str | None = None) -> None:
        self.config = Config(
            node="a",
            cluster="orders",
            listen="127.0.0.1:7101",
            data_dir=Path("unused"),
            peers={"b": "127.0.0.1:7102", "c": "127.0.0.1:7103"},
            operator_token=operator_token,
        )
        self.metrics = Metrics()
        self.metrics.attach(lambda: Sample(inbox_depth=3))
        self.is_alive = True
        self.state = "running"
        self.history = EventHistory("1f")
        self._noted = threading.Condition()
        self.lifecycle = MemberLifecycle(phase=MemberPhase.READY)
        self.loop_lag_ns = 1_000_000
        self.members = FakeMembers()
        self.elections = {"default": FakeElection()}
        self.content: dict[str, object] = {"node": "a", "has_quorum": True}
        self.configuration: Configuration | None = Configuration.initial("abc")
        self.is_paused = False
        self.promotions: list[bool] = []
        self.timeouts: list[float | None] = []
        self.failure: Exception | None = None

    def find_election(self, name: str) -> FakeElection | None:
        return self.elections.get(name)

    @property
    def known_leaders(self) -> dict[str, str | None]:
        return {name: each.leader and each.leader.node_id for name, each in self.elections.items()}

    def note(self, *events: Event) -> None:
        """Have events, as the orchestrator thread publishes them."""
        with self._noted:
            self.history.note(events)
            self._noted.notify_all()

    def stop(self) -> None:
        """End, so that nobody waits any longer."""
        with self._noted:
            self.state = "stopped"
            self._noted.notify_all()

    def wait_for_events(self, after: int, timeout: float) -> bool:
        with self._noted:
            has_come = self._noted.wait_for(lambda: self.history.last > after or self.state == "stopped", timeout)
        if self.state == "stopped":
            raise Stopped("a", self.state)
        return has_come

    def status(self, elections: Collection[str] | None = None) -> FakeStatus:
        rows = {} if elections is None else {"elections": [self._row(name) for name in elections]}
        return FakeStatus({**self.content, **rows}, self.configuration)

    def _row(self, name: str) -> dict[str, object]:
        leader = self.elections[name].leader
        why = None if leader else {"code": "no_quorum", "text": f"nobody votes in {name}"}
        known = {"leader": leader and leader.node_id, "leader_term": leader.term if leader else 0, "since": 1.0}
        held = {"is_leader": self.elections[name].leadership is not None, "lease_remaining": 0.5, "followers": ["b"]}
        own = {"role": "follower", "term": 1, "voted_for": None, "is_standing": True}
        return {"name": name, **known, **held, **own, "why_no_leader": why}

    def pause(self, timeout: float | None = None) -> None:
        self._take(timeout)
        self.is_paused = True

    def resume(self, timeout: float | None = None) -> None:
        self._take(timeout)
        self.is_paused = False

    def promote(self, force: bool = False, timeout: float = 30.0) -> PromotionResult:
        self.promotions.append(force)
        self._take(timeout)
        return PromotionResult(floor=3_000_000, steps=(PromotionStep.INSTALLED,), not_sealed="nobody answers")

    def _take(self, timeout: float | None) -> None:
        self.timeouts.append(timeout)
        if self.failure is not None:
            raise self.failure

    def lead(self, term: int, election: str = "default") -> None:
        """Lead this election in this term."""
        self.elections[election] = FakeElection(FakeLeadership(term), Leader(node_id="a", term=term))

    def follow(self, leader: str, term: int) -> None:
        """Follow another leader in the default election."""
        self.elections["default"] = FakeElection(None, Leader(node_id=leader, term=term))
