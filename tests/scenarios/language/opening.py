"""Who plays: the first command."""

from elect.config.durations import parse_ns
from elect.core.messages import Standing
from elect.core.options import OffsetRule
from elect.core.ready import Ballot
from elect.testing.manual.manual_cluster import ELECTION, ClusterSettings
from tests.scenarios.language.scene import Scene


def nodes(scene: Scene, *given: str) -> list[str]:
    """Begin. After the nodes: `b.term=2` and `b.vote=a` (on its disk), `b.priority=0`, `b.offset=9`, `b.clock=+10000`
    (parts per million), `learner=d`, `elections=1000`, `offsets=require`, `grace=1s`.
    """
    voters = "".join(word for word in given if "=" not in word)
    settings = dict(word.split("=", 1) for word in given if "=" in word)
    cast = _cast(voters, settings)
    if settings:
        raise ValueError(f"no setting {', '.join(settings)}")
    scene.begin(cast)
    learns = f"; {cast.learners} learns" if cast.learners else ""
    return [f"{' '.join(cast.voters)} support each other{learns}"]


def _cast(voters: str, settings: dict[str, str]) -> ClusterSettings:
    learners = settings.pop("learner", "")
    count = int(settings.pop("elections", "0"))
    return ClusterSettings(
        voters=voters,
        learners=learners,
        elections=tuple(f"e{number:04}" for number in range(1, count + 1)) or (ELECTION,),
        offset_rule=OffsetRule(settings.pop("offsets", OffsetRule.PREFER)),
        grace_ns=parse_ns(settings.pop("grace", "5s")),
        ballots={node: ballot for node in voters if (ballot := _ballot(node, settings)) is not None},
        standings={node: _standing(node, settings) for node in voters},
        rates_ppm={node: int(settings.pop(f"{node}.clock", "0")) for node in voters},
    )


def _ballot(node_id: str, settings: dict[str, str]) -> Ballot | None:
    term, vote = settings.pop(f"{node_id}.term", None), settings.pop(f"{node_id}.vote", None)
    return None if term is None else Ballot(term=int(term), voted_for=vote)


def _standing(node_id: str, settings: dict[str, str]) -> Standing:
    priority, offset = settings.pop(f"{node_id}.priority", "1"), settings.pop(f"{node_id}.offset", "0")
    return Standing(priority=int(priority), offset=int(offset))
