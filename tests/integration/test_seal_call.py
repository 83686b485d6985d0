"""All nodes of a source are asked at once to seal their cluster, and the first that has done it is enough."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from elect import SealFailed
from elect.core.promotion import SEEN_TERM_MAX
from elect.observing.mirror_messages import SealAnswer
from tests.mirroring import mirror_of, source
from tests.nodes import eventually

Answer = Callable[[SealAnswer], None]


def wait(mirror: str, successor: str, answer: Answer) -> None:
    """A node that is cut off from its own cluster, and waits for it."""


def sealing(term: int) -> Callable[[str, str, Answer], None]:
    """A node that seals its cluster at once, and names this term."""
    return lambda mirror, successor, answer: answer(SealAnswer(outcome="sealed", highest_term=term))


def test_a_node_that_does_not_answer_delays_no_other(tmp_path: Path):
    with (
        source(on_seal=wait) as silent,
        source(node_id="b", on_seal=sealing(7)) as can,
        mirror_of(silent.listens, can.listens, data_dir=tmp_path) as mirror,
    ):
        assert mirror.seal("10.1.0.1:7101", timeout=20).highest_term == 7
        eventually(lambda: "elect-mirror-seal" not in {each.name for each in threading.enumerate()})


def test_each_node_that_did_not_seal_is_in_the_error(tmp_path: Path):
    with (
        source(on_seal=wait) as silent,
        source(node_id="b") as cannot,
        mirror_of(silent.listens, cannot.listens, "127.0.0.1:9", data_dir=tmp_path) as mirror,
        pytest.raises(SealFailed) as caught,
    ):
        mirror.seal("10.1.0.1:7101", timeout=2)
    said = dict(caught.value.answers)
    assert said[silent.listens] == "no answer in time"
    assert "unsupported" in said[cannot.listens]
    assert "refused" in said["127.0.0.1:9"]


def test_a_seal_with_a_term_that_cannot_be_is_none(tmp_path: Path):
    with (
        source(on_seal=sealing(SEEN_TERM_MAX + 1)) as made,
        mirror_of(made.listens, data_dir=tmp_path) as mirror,
        pytest.raises(SealFailed, match="wrong_term"),
    ):
        mirror.seal("10.1.0.1:7101", timeout=20)


@pytest.mark.parametrize(
    ("successor", "error"), [("x" * 501, ValueError), ("a\nb", ValueError), ("ü", ValueError), (5, TypeError)]
)
def test_a_successor_that_is_none_is_refused_at_the_call(tmp_path: Path, successor: object, error: type[Exception]):
    with (
        source(on_seal=sealing(7)) as made,
        mirror_of(made.listens, data_dir=tmp_path) as mirror,
        pytest.raises(error, match="successor"),
    ):
        mirror.seal(successor, timeout=20)
