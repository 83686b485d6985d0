"""PromotionTime: the time that a promotion has, and the parts of it that are kept for its steps."""

from wire.common.deadline import Deadline

INSTALL_SHARE = 0.25
"""The part of the time that is kept for the last step: a quorum of this cluster installs the promotion."""

SEAL_SHARE = 0.5
"""The part of the time that is kept for the seal."""

SEAL_S_MAX = 10.0
"""The longest wait for the seal: a write at each node of the source, its leases, and addresses that do not answer."""


class PromotionTime:
    """The time of one promotion; it begins now.

    Args:
        seconds: for all of it.

    Attributes:
        deadline: of all of it.
        seal_s: for the seal.
    """

    def __init__(self, seconds: float) -> None:
        self.deadline = Deadline(seconds)
        self.seal_s = min(SEAL_S_MAX, seconds * SEAL_SHARE)
        self._seconds = seconds

    @property
    def quorum_s(self) -> float:
        """Return the seconds that are left to hear a quorum of this cluster, before the source is sealed."""
        return max(0.0, self.deadline.remaining_s - self.seal_s - self._seconds * INSTALL_SHARE)

    @property
    def passed_s(self) -> float:
        """Return the seconds that have passed, as far as people care."""
        return round(self._seconds - self.deadline.remaining_s, 2)
