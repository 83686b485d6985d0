"""What happens to links and to what is under way on them: each function is a command of a play."""

from elect.core.messages import (
    Entry,
    Follow,
    Grant,
    Heartbeat,
    Knowledge,
    Lead,
    Number,
    Refuse,
    Resign,
    Resigned,
    Vote,
)
from elect.testing.manual.manual_cluster import ELECTION, ClusterSettings, Kind
from tests.scenarios.language.scene import Scene

KINDS: dict[str, Kind] = {
    kind.__name__: kind for kind in (Heartbeat, Knowledge, Vote, Grant, Refuse, Lead, Follow, Resign, Resigned)
}


def close(scene: Scene, source: str, target: str) -> None:
    """Have the source close the link that it dialed; the end of the stream is under way."""
    scene.cluster.close(scene.node(source), scene.node(target))


def dial(scene: Scene, source: str, target: str, trust: str = "trusted") -> None:
    """Open a new link; `untrusted`: the ends see different addresses."""
    if trust not in ("trusted", "untrusted"):
        raise ValueError("use: dial SOURCE TARGET [untrusted]")
    scene.cluster.dial(scene.node(source), scene.node(target), is_trusted=trust == "trusted")


def end(scene: Scene, source: str, target: str) -> None:
    """Have the target read the end of the source's stream, past all that is still under way before it."""
    scene.cluster.deliver_end(scene.node(source), scene.node(target))


def reset(scene: Scene, source: str, target: str) -> None:
    """Have the target read a reset where the end of the source's stream would be."""
    scene.cluster.deliver_end(scene.node(source), scene.node(target), is_reset=True)


def cut(scene: Scene, *ways: str) -> None:
    """Lose all that is under way or sent, from now on: `a-b` both ways, `a>b` one way."""
    for source, target in _ways(scene, ways):
        scene.cluster.cut(source, target)


def mend(scene: Scene, *ways: str) -> None:
    """End a cut."""
    scene.cluster.cuts -= set(_ways(scene, ways))


def _ways(scene: Scene, texts: tuple[str, ...]) -> list[tuple[str, str]]:
    ways = []
    for text in texts:
        if len(text) != 3 or text[1] not in "->":
            raise ValueError(f"{text!r} is no way; `a-b` is both ways, `a>b` one way")
        source, target = scene.node(text[0]), scene.node(text[2])
        ways += [(source, target)] if text[1] == ">" else [(source, target), (target, source)]
    return ways


def deliver(scene: Scene, source: str, target: str, kind: str, term: str = "") -> None:
    """Have the first such frame under way arrive."""
    scene.cluster.deliver(*_frame(scene, source, target, kind, term))


def copy(scene: Scene, source: str, target: str, kind: str, term: str = "") -> None:
    """Have a copy of it arrive; it stays under way."""
    scene.cluster.deliver(*_frame(scene, source, target, kind, term), is_copy=True)


def delay(scene: Scene, source: str, target: str, kind: str, term: str = "") -> None:
    """Keep it under way until `deliver` names it."""
    scene.cluster.delay(*_frame(scene, source, target, kind, term))


def _frame(scene: Scene, source: str, target: str, kind: str, term: str) -> tuple[str, str, Kind, int | None]:
    if kind not in KINDS:
        raise ValueError(f"no kind {kind!r}; there are {', '.join(KINDS)}")
    return scene.node(source), scene.node(target), KINDS[kind], int(term) if term else None


def lose(scene: Scene, source: str, target: str) -> None:
    """Lose all that is under way, but for what is delayed."""
    scene.cluster.lose(scene.node(source), scene.node(target))


def say(scene: Scene, source: str, target: str, kind: str, term: str, *settings: str) -> None:
    """Put an entry under way that the source never sent: `say a b Vote 2`, with `members=abcd` in another
    configuration, with `offset=5`, with `session=1.2`.
    """
    given = dict(setting.split("=", 1) for setting in settings)
    members = given.pop("members", scene.cluster.settings.voters)
    configuration = ClusterSettings(voters=members).configuration.id
    entry = _entry(kind, int(term), given)
    if given:
        raise ValueError(f"no setting {', '.join(given)}")
    scene.cluster.say(scene.node(source), scene.node(target), entry, configuration=configuration)


def _entry(kind: str, term: int, given: dict[str, str]) -> Entry:
    match kind:
        case "Vote":
            return Vote(election=ELECTION, term=term, offset=int(given.pop("offset", "0")))
        case "Grant":
            return Grant(election=ELECTION, term=term)
        case "Lead":
            return Lead(election=ELECTION, term=term)
        case "Resign":
            return Resign(election=ELECTION, term=term)
        case "Follow":
            incarnation, counter = given.pop("session").split(".")
            return Follow(election=ELECTION, term=term, session=Number(int(incarnation), int(counter)))
        case _:
            raise ValueError(f"nobody can say {kind!r} here")
