"""What can be asked: each function is a command of a play, and changes nothing."""

from elect.testing.manual.manual_cluster import ELECTION
from tests.scenarios.language import words
from tests.scenarios.language.scene import Scene


def who(scene: Scene, *node_ids: str) -> list[str]:
    """Say what part each plays."""
    return [_part(scene, node_id) for node_id in node_ids or scene.cluster.actors]


def _part(scene: Scene, node_id: str) -> str:
    actor = scene.cluster.actors[scene.node(node_id)]
    if not actor.is_present:
        return f"{node_id}: {'suspended' if actor.is_alive else 'dead'}"
    view = actor.elector.snapshot(actor.clock.read(scene.cluster.now))
    election = next(election for election in view.elections if election.name == scene.cluster.settings.elections[0])
    following = scene.cluster.following(node_id, election.name)
    parts = [f"{node_id}: {election.role} in term {election.term}"]
    if election.lease_until:
        parts.append(f"lease until {words.moment(election.lease_until)} by {' '.join(election.followers)}")
    if following is not None:
        parts.append(f"follows {following[0]} in term {following[1]}")
    elif not election.lease_until:
        parts.append(election.waiting.value)
    parts += [f"refused by {peer}: {reason}" for peer, reason in election.refusals]
    return ", ".join(parts)


def expect(scene: Scene, *what: str) -> list[str]:
    """Claim what no rewriting may change: `lease a`, `lease nobody`, `b follows a 1`, `b follows nobody`,
    `b candidate 4`, `b leader 4`, `b follower 4`.
    """
    cluster = scene.cluster
    match what:
        case ["lease", _]:
            found = " ".join(["lease", *(cluster.holders() or ["nobody"])])
        case [node_id, "follows", *_]:
            following = cluster.following(scene.node(node_id))
            found = f"{node_id} follows " + ("nobody" if following is None else f"{following[0]} {following[1]}")
        case [node_id, _, _]:
            election = cluster.actors[scene.node(node_id)].elector.state.elections[ELECTION]
            found = f"{node_id} {election.role} {election.term}"
        case _:
            raise ValueError("use: expect lease NODE, or NODE follows LEADER TERM, or NODE ROLE TERM")
    if found != " ".join(what):
        raise ValueError(f"it is: {found}")
    return ["yes"]
