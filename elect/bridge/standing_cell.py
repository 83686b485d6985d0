"""The standing that the application set last, on its way to the orchestrator thread."""


class StandingCell:
    """The latest priority and offset. Any thread or signal handler stores; the orchestrator thread takes.

    Replication offsets change all the time. So a store wakes no thread and waits for none: the orchestrator thread
    looks here in its next step, which sends the next heartbeats at the latest.

    Attributes:
        priority: as set last, or None: as configured.
        offset: as set last, or None.
    """

    __slots__ = ("_taken", "offset", "priority")

    def __init__(self) -> None:
        self.priority: int | None = None
        self.offset: int | None = None
        self._taken: tuple[int | None, int | None] = (None, None)

    def take_changed(self) -> tuple[int | None, int | None] | None:
        """Return the priority and the offset, or None if both are those that were returned last."""
        latest = (self.priority, self.offset)
        if latest == self._taken:
            return None
        self._taken = latest
        return latest
