"""The cluster of a play with its transcript, and the first command, which makes it."""

from collections.abc import Callable

from elect.config.durations import parse_ns
from elect.core.elector import Elector
from elect.core.messages import Standing
from elect.core.options import OffsetRule
from elect.core.ready import Ballot, Ready
from elect.testing.manual.changing_cluster import ChangingCluster
from elect.testing.manual.cluster_settings import ELECTION, ClusterSettings
from tests.scenarios.language.play_transcript import PlayTranscript


class PlayContext:
    """The state of one play: its cluster, its transcript, the holders of leases."""

    def __init__(self) -> None:
        self.transcript = PlayTranscript()
        self._cluster: ChangingCluster | None = None
        self._holders: dict[str, list[str]] = {}

    @property
    def cluster(self) -> ChangingCluster:
        """Raises:
        ValueError: the play has not begun.
        """
        if self._cluster is None:
            raise ValueError("a play begins with `nodes`")
        return self._cluster

    def begin(self, settings: ClusterSettings) -> None:
        self._cluster = ChangingCluster(settings, listener=self.transcript)
        self.transcript.take()

    def node(self, node_id: str) -> str:
        """Raises:
        ValueError: there is no such node.
        """
        if node_id not in self.cluster.nodes:
            raise ValueError(f"no node {node_id!r}; {' '.join(self.cluster.nodes)} play")
        return node_id

    def give(self, node_id: str, call: Callable[[Elector, int], Ready]) -> None:
        self.cluster.input(self.node(node_id), call)

    def lease_changes(self) -> list[str]:
        """Return the holder of the lease, if that changed since the last call."""
        if self._cluster is None:
            return []
        holders: dict[str, list[str]] = {}
        for election in self._cluster.settings.elections:
            for node_id in self._cluster.holders(election):
                holders.setdefault(node_id, []).append(election)
        before, self._holders = self._holders, holders
        if holders == before:
            return []
        if list(self._cluster.settings.elections) == [ELECTION]:
            return [f"=> {next(iter(holders), 'nobody')} holds the lease"]
        counts = (f"{node_id} holds {len(holders.get(node_id, []))}" for node_id in self._cluster.nodes)
        return [f"=> leases: {', '.join(counts)}"]


def nodes(play: PlayContext, *given: str) -> list[str]:
    """Start the cluster. After the nodes: `b.term=2` and `b.vote=a` (on its disk), `b.priority=0`, `b.offset=9`,
    `b.clock=+10000` (parts per million), `learner=d`, `elections=1000` or `elections=default,jobs`, `offsets=require`,
    `grace=1s`, `failback=2s`, `stores=compared`.
    """
    voters = "".join(word for word in given if "=" not in word)
    settings = dict(word.split("=", 1) for word in given if "=" in word)
    cluster = _settings(voters, settings)
    if settings:
        raise ValueError(f"no setting {', '.join(settings)}")
    play.begin(cluster)
    learns = f"; {cluster.learners} learns" if cluster.learners else ""
    return [f"{' '.join(cluster.voters)} support each other{learns}"]


def _settings(voters: str, settings: dict[str, str]) -> ClusterSettings:
    learners = settings.pop("learner", "")
    elections = settings.pop("elections", ELECTION)
    failback = settings.pop("failback", "")
    return ClusterSettings(
        voters=voters,
        learners=learners,
        elections=_elections(elections),
        offset_rule=OffsetRule(settings.pop("offsets", OffsetRule.PREFER)),
        grace_ns=parse_ns(settings.pop("grace", "5s")),
        has_stores=settings.pop("stores", "") == "compared",
        failback_ns=parse_ns(failback) if failback else None,
        ballots={node: ballot for node in voters if (ballot := _ballot(node, settings)) is not None},
        standings={node: _standing(node, settings) for node in voters},
        rates_ppm={node: int(settings.pop(f"{node}.clock", "0")) for node in voters},
    )


def _elections(text: str) -> tuple[str, ...]:
    """Return names, written as `default,jobs` or as their number."""
    if text.isdigit():
        return tuple(f"e{number:04}" for number in range(1, int(text) + 1))
    return tuple(text.split(","))


def _ballot(node_id: str, settings: dict[str, str]) -> Ballot | None:
    term, vote = settings.pop(f"{node_id}.term", None), settings.pop(f"{node_id}.vote", None)
    return None if term is None else Ballot(term=int(term), voted_for=vote)


def _standing(node_id: str, settings: dict[str, str]) -> Standing:
    priority, offset = settings.pop(f"{node_id}.priority", "1"), settings.pop(f"{node_id}.offset", "0")
    return Standing(priority=int(priority), offset=int(offset))
