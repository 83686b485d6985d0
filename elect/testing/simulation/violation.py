"""The error of a broken promise."""

_LINES_SHOWN = 40


class InvariantViolation(AssertionError):  # noqa: N818 (named so in the contract)
    """A promise of the protocol is broken.

    >>> raise InvariantViolation("one lease", "a and b lead", ["1.0 a leads", "1.1 b leads"], "elect simulate --seed 1")
    Traceback (most recent call last):
    elect.testing.simulation.violation.InvariantViolation: one lease: a and b lead
    1.0 a leads
    1.1 b leads
    replay: elect simulate --seed 1

    Attributes:
        invariant: name of the promise.
        detail: the nodes, terms and times involved.
        transcript: the last lines before it.
        replay: the command that repeats the run.
    """

    def __init__(self, invariant: str, detail: str, transcript: list[str], replay: str) -> None:
        super().__init__(invariant, detail)
        self.invariant = invariant
        self.detail = detail
        self.transcript = transcript[-_LINES_SHOWN:]
        self.replay = replay

    def __reduce__(self) -> tuple[type["InvariantViolation"], tuple[str, str, list[str], str]]:
        return InvariantViolation, (self.invariant, self.detail, self.transcript, self.replay)

    def __str__(self) -> str:
        return "\n".join((f"{self.invariant}: {self.detail}", *self.transcript, f"replay: {self.replay}"))
