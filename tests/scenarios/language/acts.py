"""What applications, operators, disks and deaths do: each function is a command of a play."""

from elect.testing.manual.manual_cluster import ELECTION
from tests.scenarios.language.scene import Scene

# What applications and operators do.


def stand(scene: Scene, *node_ids: str) -> None:
    """Be willing to lead, from now on: nobody is at first."""
    for node_id in node_ids:
        scene.cluster.stand(scene.node(node_id))


def pause(scene: Scene, node: str) -> None:
    """Be willing no longer, and resign what is led."""
    scene.give(node, lambda elector, now: elector.set_paused(now, is_paused=True))


def elect(scene: Scene, node: str) -> list[str]:
    """Have a node stand, win and be followed, off cluster."""
    scene.cluster.elect(scene.node(node))
    return []


def resign(scene: Scene, node: str, to: str = "", successor: str = "") -> None:
    """Resign, `to` a successor perhaps; the application has not acknowledged that yet."""
    if to not in ("", "to"):
        raise ValueError("use: resign NODE [to SUCCESSOR]")
    scene.give(node, lambda elector, now: elector.resign(now, ELECTION, to=successor or None))


def acknowledge(scene: Scene, node: str) -> None:
    """Have the application say that it has heard that it leads no longer."""
    leadership = scene.cluster.actors[scene.node(node)].elector.state.elections[ELECTION].leadership
    if leadership is None or leadership.resigning is None:
        raise ValueError(f"{node} has resigned nothing that is not acknowledged")
    scene.give(node, lambda elector, now: elector.acknowledge(now, ELECTION, leadership.term))


def leave(scene: Scene, node: str) -> None:
    """Stand in the election no longer."""
    scene.give(node, lambda elector, now: elector.leave(now, ELECTION))


def enter(scene: Scene, node: str) -> None:
    """Stand in the election again."""
    scene.cluster.enter(scene.node(node))


def standing(scene: Scene, node: str, *changes: str) -> None:
    """Change a standing: `standing b priority=5 offset=9`."""
    given = {name: int(value) for name, _, value in (change.partition("=") for change in changes)}
    if not given or given.keys() - {"priority", "offset"}:
        raise ValueError("use: standing NODE priority=NUMBER offset=NUMBER")
    priority, offset = given.get("priority"), given.get("offset")
    scene.give(node, lambda elector, now: elector.set_rank(now, priority=priority, offset=offset))


def hurry(scene: Scene, node: str) -> None:
    """Forget the wait that is due before the next campaign: a courtesy on which no promise rests."""
    state = scene.cluster.actors[scene.node(node)].elector.state
    state.elections[ELECTION].retry_at = 0
    state.index.review((ELECTION,))


# Disks and processes.


def slow(scene: Scene, node: str) -> None:
    """Have its writes wait for `write` or `fail`."""
    scene.cluster.actors[scene.node(node)].is_disk_slow = True


def write(scene: Scene, node: str) -> None:
    """End the writes it has begun; what waited for them leaves."""
    scene.cluster.write(scene.node(node))


def fail(scene: Scene, node: str) -> None:
    """Have the writes it has begun come to nothing."""
    scene.cluster.fail_write(scene.node(node))


def storing(scene: Scene, node: str, is_storing: str) -> None:
    """Tell it that its disk is good, `yes`, or failing, `no`."""
    if is_storing not in ("yes", "no"):
        raise ValueError("use: storing NODE yes|no")
    scene.give(node, lambda elector, now: elector.set_storing(now, is_storing=is_storing == "yes"))


def crash(scene: Scene, node: str, *how: str) -> None:
    """Kill it. `written`: what it was writing is on disk; `silently`: its host dies too, and closes nothing."""
    if set(how) - {"written", "silently"}:
        raise ValueError("use: crash NODE [written] [silently]")
    scene.cluster.crash(scene.node(node), is_written="written" in how, closes="silently" not in how)


def restart(scene: Scene, node: str) -> None:
    """Start it again, unwilling, on new links both ways."""
    scene.cluster.restart(scene.node(node))


def suspend(scene: Scene, node: str) -> None:
    """Stop it, but not its clock."""
    scene.cluster.actors[scene.node(node)].is_awake = False


def wake(scene: Scene, node: str) -> None:
    """Let it go on."""
    scene.cluster.actors[scene.node(node)].is_awake = True
