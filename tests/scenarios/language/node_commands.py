"""The commands for applications, operators, disks and processes: each function is a command of a play."""

from elect.testing.manual.cluster_settings import ELECTION
from tests.scenarios.language.play_context import PlayContext

# Applications and operators.


def candidate(play: PlayContext, *node_ids: str) -> None:
    """Make nodes willing to lead; at the start none is."""
    for node_id in node_ids:
        play.cluster.be_willing(play.node(node_id))


def pause(play: PlayContext, node: str) -> None:
    """Make a node unwilling to lead; a leader resigns."""
    play.give(node, lambda elector, now: elector.set_paused(now, is_paused=True))


def elect(play: PlayContext, node: str) -> list[str]:
    """Make a node win and all others follow it, without output."""
    play.cluster.elect(play.node(node))
    return []


def resign(play: PlayContext, node: str, to: str = "", successor: str = "") -> None:
    """Resign, optionally `to` a successor; the application has not acknowledged it yet."""
    if to not in ("", "to"):
        raise ValueError("use: resign NODE [to SUCCESSOR]")
    play.give(node, lambda elector, now: elector.resign(now, ELECTION, to=successor or None))


def acknowledge(play: PlayContext, node: str) -> None:
    """Acknowledge, as the application, that the leadership ended."""
    leadership = play.cluster.nodes[play.node(node)].elector.state.elections[ELECTION].leadership
    if leadership is None or leadership.resigning is None:
        raise ValueError(f"{node} has no resignation to acknowledge")
    play.give(node, lambda elector, now: elector.acknowledge(now, ELECTION, leadership.term))


def leave(play: PlayContext, node: str, election: str = ELECTION) -> None:
    """Leave an election until `enter`."""
    play.give(node, lambda elector, now: elector.leave(now, election))


def enter(play: PlayContext, node: str, election: str = ELECTION) -> None:
    """Enter an election again after `leave`."""
    play.cluster.enter(play.node(node), election)


def rank(play: PlayContext, node: str, *changes: str) -> None:
    """Change a node's rank: `rank b priority=5 offset=9`."""
    given = {name: int(value) for name, _, value in (change.partition("=") for change in changes)}
    if not given or given.keys() - {"priority", "offset"}:
        raise ValueError("use: rank NODE priority=NUMBER offset=NUMBER")
    priority, offset = given.get("priority"), given.get("offset")
    play.give(node, lambda elector, now: elector.set_rank(now, priority=priority, offset=offset))


def hurry(play: PlayContext, node: str) -> None:
    """Skip the wait before the next campaign; no promise depends on it."""
    state = play.cluster.nodes[play.node(node)].elector.state
    state.elections[ELECTION].retry_at = 0
    state.index.review((ELECTION,))


# Disks and processes.


def slow(play: PlayContext, node: str) -> None:
    """Make writes wait for `write` or `fail`."""
    play.cluster.nodes[play.node(node)].is_disk_slow = True


def write(play: PlayContext, node: str) -> None:
    """End the writes that it has begun, and send what waited for them."""
    play.cluster.write(play.node(node))


def fail(play: PlayContext, node: str) -> None:
    """Fail the writes that it has begun."""
    play.cluster.fail_write(play.node(node))


def storing(play: PlayContext, node: str, is_storing: str) -> None:
    """Tell the Elector that its disk works, `yes`, or fails, `no`."""
    if is_storing not in ("yes", "no"):
        raise ValueError("use: storing NODE yes|no")
    play.give(node, lambda elector, now: elector.set_storing(now, is_storing=is_storing == "yes"))


def crash(play: PlayContext, node: str, *how: str) -> None:
    """Kill a node. `written`: its writes are on disk. `silently`: its host dies too, and closes nothing."""
    if set(how) - {"written", "silently"}:
        raise ValueError("use: crash NODE [written] [silently]")
    play.cluster.crash(play.node(node), is_written="written" in how, closes="silently" not in how)


def restart(play: PlayContext, node: str) -> None:
    """Start a node again, unwilling, with new links both ways."""
    play.cluster.restart(play.node(node))


def suspend(play: PlayContext, node: str) -> None:
    """Stop a node, but not its clock."""
    play.cluster.nodes[play.node(node)].is_awake = False


def wake(play: PlayContext, node: str) -> None:
    """Continue a node after `suspend`."""
    play.cluster.nodes[play.node(node)].is_awake = True
