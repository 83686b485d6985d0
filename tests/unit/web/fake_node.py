"""A fake node with the part that the web application uses."""

from dataclasses import dataclass, field
from pathlib import Path

from elect.config.config import Config
from elect.leader import Leader
from elect.monitoring.metrics import Metrics, Sample


@dataclass
class FakeLeadership:
    token: int


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


class FakeStatus:
    def __init__(self, content: dict[str, object]) -> None:
        self.content = content

    @property
    def has_quorum(self) -> bool:
        return self.content["has_quorum"]

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
        self.loop_lag_ns = 1_000_000
        self.elections = {"default": FakeElection()}
        self.content: dict[str, object] = {"node": "a", "has_quorum": True}
        self.is_paused = False
        self.forgotten: list[str] = []
        self.timeouts: list[float | None] = []
        self.failure: Exception | None = None

    def find_election(self, name: str) -> FakeElection | None:
        return self.elections.get(name)

    def status(self) -> FakeStatus:
        return FakeStatus(self.content)

    def forget(self, node_id: str) -> None:
        self.forgotten.append(node_id)

    def pause(self, timeout: float | None = None) -> None:
        self._take(timeout)
        self.is_paused = True

    def resume(self, timeout: float | None = None) -> None:
        self._take(timeout)
        self.is_paused = False

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
