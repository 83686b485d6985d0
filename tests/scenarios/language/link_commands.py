"""The commands for links and the frames on them: each function is a command of a play."""

from elect.core.membership_messages import Install, InstallReport
from elect.core.messages import (
    Abandon,
    Abandoned,
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
from elect.testing.manual.cluster_settings import ELECTION, ClusterSettings
from elect.testing.manual.manual_node import Kind
from tests.scenarios.language.play_context import PlayContext

KINDS: dict[str, Kind] = {
    kind.__name__: kind
    for kind in (
        Heartbeat,
        Knowledge,
        Install,
        InstallReport,
        Vote,
        Grant,
        Abandon,
        Abandoned,
        Refuse,
        Lead,
        Follow,
        Resign,
        Resigned,
    )
}


def close(play: PlayContext, source: str, target: str, how: str = "announced") -> None:
    """Close the link that the source dialed, the end of the stream is under way; `unannounced`: without a Bye."""
    if how not in ("announced", "unannounced"):
        raise ValueError("use: close SOURCE TARGET [unannounced]")
    play.cluster.close(play.node(source), play.node(target), is_announced=how == "announced")


def dial(play: PlayContext, source: str, target: str, trust: str = "trusted") -> None:
    """Open a new link; `untrusted`: the ends see different addresses."""
    if trust not in ("trusted", "untrusted"):
        raise ValueError("use: dial SOURCE TARGET [untrusted]")
    play.cluster.dial(play.node(source), play.node(target), is_trusted=trust == "trusted")


def end(play: PlayContext, source: str, target: str) -> None:
    """Deliver the end of the source's stream, before the frames that were sent earlier."""
    play.cluster.deliver_end(play.node(source), play.node(target))


def reset(play: PlayContext, source: str, target: str) -> None:
    """Deliver a reset in place of the end of the source's stream."""
    play.cluster.deliver_end(play.node(source), play.node(target), is_reset=True)


def cut(play: PlayContext, *ways: str) -> None:
    """Lose everything under way or sent from now on: `a-b` both ways, `a>b` one way."""
    for source, target in _ways(play, ways):
        play.cluster.cut(source, target)


def mend(play: PlayContext, *ways: str) -> None:
    """Undo cuts, written as for `cut`."""
    play.cluster.cuts -= set(_ways(play, ways))


def _ways(play: PlayContext, texts: tuple[str, ...]) -> list[tuple[str, str]]:
    ways = []
    for text in texts:
        if len(text) != 3 or text[1] not in "->":
            raise ValueError(f"{text!r} is no way; `a-b` is both ways, `a>b` one way")
        source, target = play.node(text[0]), play.node(text[2])
        ways += [(source, target)] if text[1] == ">" else [(source, target), (target, source)]
    return ways


def deliver(play: PlayContext, source: str, target: str, kind: str, term: str = "") -> None:
    """Deliver the first such frame under way."""
    play.cluster.deliver(*_frame(play, source, target, kind, term))


def copy(play: PlayContext, source: str, target: str, kind: str, term: str = "") -> None:
    """Deliver a copy of a frame; the frame stays under way."""
    play.cluster.deliver(*_frame(play, source, target, kind, term), is_copy=True)


def delay(play: PlayContext, source: str, target: str, kind: str, term: str = "") -> None:
    """Hold a frame until `deliver` names it."""
    play.cluster.delay(*_frame(play, source, target, kind, term))


def _frame(play: PlayContext, source: str, target: str, kind: str, term: str) -> tuple[str, str, Kind, int | None]:
    if kind not in KINDS:
        raise ValueError(f"no kind {kind!r}; there are {', '.join(KINDS)}")
    return play.node(source), play.node(target), KINDS[kind], int(term) if term else None


def lose(play: PlayContext, source: str, target: str) -> None:
    """Lose everything under way, except delayed frames."""
    play.cluster.lose(play.node(source), play.node(target))


def say(play: PlayContext, source: str, target: str, kind: str, term: str, *settings: str) -> None:
    """Send an entry that the source itself did not send: `say a b Vote 2`, with `members=abcd` in another
    configuration, with `offset=5`, with `session=1.2`, with `link=1.1`.
    """
    given = dict(setting.split("=", 1) for setting in settings)
    members = given.pop("members", None)
    configuration = None if members is None else ClusterSettings(voters=members).configuration.id
    entry = _entry(kind, int(term), given)
    if given:
        raise ValueError(f"no setting {', '.join(given)}")
    play.cluster.say(play.node(source), play.node(target), entry, configuration=configuration)


def _entry(kind: str, term: int, given: dict[str, str]) -> Entry:
    match kind:
        case "Vote":
            return Vote(election=ELECTION, term=term, offset=int(given.pop("offset", "0")))
        case "Grant":
            session = _number(given.pop("session")) if "session" in given else None
            return Grant(election=ELECTION, term=term, session=session, link=_number(given.pop("link")))
        case "Abandon":
            return Abandon(election=ELECTION, term=term)
        case "Lead":
            return Lead(election=ELECTION, term=term)
        case "Resign":
            return Resign(election=ELECTION, term=term)
        case "Follow":
            return Follow(election=ELECTION, term=term, session=_number(given.pop("session")))
        case _:
            raise ValueError(f"use: Vote, Grant, Abandon, Lead, Resign or Follow, not {kind!r}")


def _number(text: str) -> Number:
    incarnation, counter = text.split(".")
    return Number(int(incarnation), int(counter))
