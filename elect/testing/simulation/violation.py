"""What a simulation raises when a promise is broken."""

_LINES_SHOWN = 40


class InvariantViolation(AssertionError):  # noqa: N818 (named so in the contract)
    """An invariant of the protocol did not hold.

    Attributes:
        invariant: its name.
        detail: what was seen.
        transcript: the last transitions before it.
        replay: the command that shows it again.
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
