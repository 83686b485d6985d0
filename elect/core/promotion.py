"""The floor with which a standby cluster is promoted, and the error of a promotion that is refused.

Source: PROTOCOL.md, section 8, "Promotion".
"""

from enum import StrEnum

from elect.core.elect_error import ElectError

FLOOR_STEP = 1_000_000
"""A floor is a multiple of this, and at least this far above each term that is known of the other site: more terms than
that site can have used unseen. Nodes that are promoted at once mostly choose the same floor."""

FLOOR_MAX = (FLOOR_STEP - 1) * FLOOR_STEP
"""The term of a promoted configuration is its floor in steps. Up to this floor it is below the term of each leader."""

SEEN_TERM_MAX = FLOOR_MAX - FLOOR_STEP
"""The highest term of another site that leaves room for a floor: no cluster reaches it by elections."""


class PromotionRefusal(StrEnum):
    """The reason why a promotion was refused.

    Attributes:
        FLOOR: the floor is no multiple of FLOOR_STEP, is out of range, or is not above a term that this node knows.
        NEVER_STANDBY: this cluster is active, and never was a standby cluster; or this node is in none yet.
        SEALED: this cluster is sealed.
        DISPUTED: the nodes do not agree on who votes.
    """

    FLOOR = "floor"
    NEVER_STANDBY = "never_standby"
    SEALED = "sealed"
    DISPUTED = "disputed"


class PromotionRefused(ElectError, ValueError):  # noqa: N818 - an answer, not a fault of this program
    """A promotion was refused; the text says why, and what to do.

    Attributes:
        refusal: the reason.
        text: the sentence.
    """

    def __init__(self, refusal: PromotionRefusal, text: str) -> None:
        super().__init__(refusal, text)
        self.refusal = refusal
        self.text = text

    def __str__(self) -> str:
        return self.text


def floor_above(term: int) -> int:
    """Return the floor for a promotion: a multiple of FLOOR_STEP, at least FLOOR_STEP above this term.

    Raises:
        PromotionRefused: the term leaves no room for a floor.
    """
    if term > SEEN_TERM_MAX:
        text = (
            f"the highest term that is known is {term:,}, and above {SEEN_TERM_MAX:,} there is no room for a floor: the"
            " source shows terms that no elections reach; check that it is the right one"
        )
        raise PromotionRefused(PromotionRefusal.FLOOR, text)
    return -(-(term + FLOOR_STEP) // FLOOR_STEP) * FLOOR_STEP
