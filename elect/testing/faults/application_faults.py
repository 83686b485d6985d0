"""What applications do."""

from functools import partial
from typing import TYPE_CHECKING

from elect.testing.faults.network_faults import LONG

if TYPE_CHECKING:
    from elect.testing.faults.nemesis import Nemesis


def resign(nemesis: "Nemesis") -> None:
    """Hand an election over, to any voter."""
    election = nemesis.election()
    node_id = nemesis.leader(election) or nemesis.node_id()
    to = nemesis.rng.choice((None, nemesis.rng.choice(nemesis.hosts[node_id].voters)))
    nemesis.tell(node_id, f"resigns {election} to {to}", lambda elector, now: elector.resign(now, election, to=to))


def leave(nemesis: "Nemesis") -> None:
    """Stand no longer in an election for a while."""
    election, node_id = nemesis.election(), nemesis.victim()
    nemesis.tell(node_id, f"leaves {election}", lambda elector, now: elector.leave(now, election))
    nemesis.later(LONG, nemesis.tell, node_id, f"enters {election}", lambda elector, now: elector.enter(now, election))


def withhold(nemesis: "Nemesis", node_id: str = "") -> None:
    """Keep a node out of every candidacy: by command, or because its health hook says no."""
    node_id = node_id or nemesis.victim()
    if nemesis.rng.random() < 0.5:
        nemesis.tell(node_id, "is paused by its operator", lambda elector, now: elector.set_paused(now, is_paused=True))
        nemesis.later(LONG, _stand_again, nemesis, node_id)
    else:
        nemesis.note(f"{node_id} is unwell")
        nemesis.hosts[node_id].set_healthy(is_healthy=False)
        nemesis.later(LONG, partial(nemesis.hosts[node_id].set_healthy, is_healthy=True))


def _stand_again(nemesis: "Nemesis", node_id: str) -> None:
    nemesis.tell(node_id, "stands again", lambda elector, now: elector.set_paused(now, is_paused=False))


def restand(nemesis: "Nemesis") -> None:
    """Change a node's standing."""
    node_id, priority, offset = nemesis.node_id(), nemesis.rng.randrange(4), nemesis.rng.randrange(3)
    text = f"has priority {priority}, offset {offset}"
    nemesis.tell(node_id, text, lambda elector, now: elector.set_rank(now, priority=priority, offset=offset))
