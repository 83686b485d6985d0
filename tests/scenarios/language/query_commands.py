"""The commands that ask: each function is a command of a play, and changes nothing."""

from elect.testing.manual.cluster_settings import ELECTION
from tests.scenarios.language.play_context import PlayContext
from tests.scenarios.language.play_transcript import describe_time


def who(play: PlayContext, *node_ids: str) -> list[str]:
    """Print the role of each node."""
    return [_describe(play, node_id) for node_id in node_ids or play.cluster.nodes]


def _describe(play: PlayContext, node_id: str) -> str:
    node = play.cluster.nodes[play.node(node_id)]
    if not node.is_present:
        return f"{node_id}: {'suspended' if node.is_alive else 'dead'}"
    view = node.elector.snapshot(node.clock.read(play.cluster.now))
    election = next(election for election in view.elections if election.name == play.cluster.settings.elections[0])
    following = play.cluster.following(node_id, election.name)
    parts = [f"{node_id}: {election.role} in term {election.term}"]
    if election.lease_until:
        parts.append(f"lease until {describe_time(election.lease_until)} by {' '.join(election.followers)}")
    if following is not None:
        parts.append(f"follows {following[0]} in term {following[1]}")
    elif not election.lease_until:
        parts.append(election.waiting.value)
    parts += [f"refused by {peer}: {reason}" for peer, reason in election.refusals]
    return ", ".join(parts)


def expect(play: PlayContext, *what: str) -> list[str]:
    """Fail unless this is so, even with `--rewrite`: `lease a`, `lease nobody`, `lease a of jobs`, `b follows a 1`,
    `b follows nobody`, `b candidate 4`, `b leader 4`, `b follower 4`, `b has 1.2 abcd` (its configuration and the
    voters in it).
    """
    cluster = play.cluster
    match what:
        case ["lease", _]:
            found = " ".join(["lease", *(cluster.holders() or ["nobody"])])
        case ["lease", _, "of", election]:
            found = " ".join(["lease", *(cluster.holders(election) or ["nobody"]), "of", election])
        case [node_id, "follows", *_]:
            following = cluster.following(play.node(node_id))
            found = f"{node_id} follows " + ("nobody" if following is None else f"{following[0]} {following[1]}")
        case [node_id, "has", _, _]:
            configuration = cluster.nodes[play.node(node_id)].elector.state.configuration
            place, voters = f"{configuration.term}.{configuration.version}", "".join(configuration.voters)
            found = f"{node_id} has {place} {voters or 'nobody'}"
        case [node_id, _, _]:
            election = cluster.nodes[play.node(node_id)].elector.state.elections[ELECTION]
            found = f"{node_id} {election.role} {election.term}"
        case _:
            raise ValueError("use: expect lease NODE, or NODE follows LEADER TERM, or NODE ROLE TERM")
    if found != " ".join(what):
        raise ValueError(f"it is: {found}")
    return ["yes"]
