"""The runner of plays: what is written is compared, `--rewrite` writes it anew, and a slip says where it is."""

from pathlib import Path
from random import Random

import pytest

from elect.core.rules import voting
from elect.core.state.election_state import ElectionState
from elect.testing.simulation.violation import InvariantViolation
from tests.scenarios.language.commands import COMMANDS
from tests.scenarios.language.play import PlayError, difference, perform
from tests.scenarios.test_plays import PLAYS, check

HEAD = "# A play.\n# Source: nowhere.\n\n"
NODES = "nodes a b c\n----\na b c support each other\n\n"
VOTES = """stand a
----
a: candidate in term 1 (campaign)
a: writes term 1, vote for a
a -> b c: Vote 1
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.play"


def wrong(path: Path, text: str) -> str:
    """What is said of a play that can't be performed."""
    path.write_text(HEAD + text)
    with pytest.raises(PlayError) as caught:
        perform(path)
    return str(caught.value)


def test_a_play_as_written_is_green(path: Path):
    path.write_text(HEAD + NODES + VOTES)
    check(path, is_rewriting=False)


def test_a_changed_transcript_is_red_and_shows_the_difference(path: Path):
    path.write_text(HEAD + NODES + VOTES.replace("b c: Vote 1", "b: Vote 1"))
    with pytest.raises(pytest.fail.Exception, match="--rewrite") as caught:
        check(path, is_rewriting=False)
    assert "\n-a -> b: Vote 1\n+a -> b c: Vote 1" in str(caught.value)


def test_rewriting_makes_it_green_and_keeps_what_is_no_output(path: Path):
    path.write_text(HEAD + NODES + "# An aside.\n" + VOTES.replace("Vote 1", "Vote 2") + "\n# The last word.\n")
    check(path, is_rewriting=True)
    assert path.read_text() == HEAD + NODES + "# An aside.\n" + VOTES + "\n# The last word.\n"
    check(path, is_rewriting=False)


def test_commands_alone_are_red_until_they_are_rewritten(path: Path):
    path.write_text(HEAD + "nodes a b c\n\nstand a\n")
    assert difference(path, perform(path))
    check(path, is_rewriting=True)
    assert path.read_text() == HEAD + NODES + VOTES


def test_every_play_of_this_repository_is_found():
    assert len(PLAYS) >= 40


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nodes a b c\n\nsing a\n", ":6: sing a: no command 'sing'; there are acknowledge, beat, "),
        ("nodes a b c\n\ndeliver a\n", ":6: deliver a: use: deliver SOURCE TARGET KIND [TERM]"),
        ("nodes a b c\n\nstand z\n", ":6: stand z: no node 'z'; a b c play"),
        ("nodes a b c\n\ndeliver a b Vote 1\n", ":6: deliver a b Vote 1: no Vote of term 1 is under way from a to b"),
        ("nodes a b c\n\ndeliver a b Vite\n", ":6: deliver a b Vite: no kind 'Vite'; there are Heartbeat, "),
        ("nodes a b c\n\ncrash a\n\ntick a\n", ":8: tick a: a is dead"),
        ("nodes a b c\n\nrestart a\n", ":6: restart a: a is alive"),
        ("nodes a b c\n\nclose a b\n\nclose a b\n", ":8: close a b: a has no link to b open"),
        ("nodes a b c\n\nwait soon\n", ":6: wait soon: a duration is a number and a unit"),
        ("nodes a b c\n\nquietly sing\n", ":6: quietly sing: no command 'sing'"),
        ("nodes a b c colour=red\n", ":4: nodes a b c colour=red: no setting colour"),
        ("stand a\n", ":4: stand a: a play begins with `nodes`"),
        ("nodes a b c\na b c\n", ":5: ---- or an empty line must follow the command 'nodes a b c'"),
        ("----\n", ":4: ---- without a command"),
    ],
)
def test_a_slip_says_where_and_what_it_is(path: Path, text: str, said: str):
    assert f"{path}{said}" in wrong(path, text)


def test_a_play_without_a_source_is_none(path: Path):
    path.write_text("# A play.\n\n" + NODES)
    with pytest.raises(PlayError, match=":1: a play begins with a sentence"):
        perform(path)


def test_what_is_expected_is_red_even_when_rewriting(path: Path):
    path.write_text(HEAD + NODES + "expect lease a\n")
    with pytest.raises(PlayError, match=":8: expect lease a: it is: lease nobody"):
        check(path, is_rewriting=True)


def test_a_broken_promise_says_in_which_line_of_the_play(path: Path, monkeypatch: pytest.MonkeyPatch):
    def is_term_free(election: ElectionState, candidate: str, term: int) -> bool:
        return term >= election.term

    monkeypatch.setattr(voting, "is_term_free", is_term_free)
    commands = ("nodes a b c", "stand a", "stand c", "deliver a b Vote 1", "deliver c b Vote 1")
    path.write_text(HEAD + "\n\n".join(commands) + "\n")
    with pytest.raises(InvariantViolation, match="one vote a term") as caught:
        check(path, is_rewriting=True)
    assert caught.value.__notes__ == [f"{path}:12: deliver c b Vote 1"]


def test_every_command_says_what_it_does():
    assert [word for word, command in COMMANDS.items() if not command.__doc__] == []


def test_a_play_goes_the_same_way_twice():
    chosen = Random(1).sample(PLAYS, 3)
    assert [perform(path) for path in chosen] == [perform(path) for path in chosen]
