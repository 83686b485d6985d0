"""SourceView: the mirror of a node, as its program reads it."""

from elect.core.configuration import Configuration
from elect.leader import Leader
from elect.mirror.mirror import Mirror
from elect.mirror.mirror_errors import SourceRefused
from elect.mirror.mirror_values import EVENTUAL, Consistency, MirrorState, MirrorStatus, Promotion, Reading


class SourceView:
    """The reads of the mirror of a node; each is that of `Mirror`. Any thread may use it.

    It starts, stops, promotes and seals nothing: the node does that. A mirror that the program had stopped would leave
    the node without the terms of the source, and one that it had promoted would not have sealed the source.

    Args:
        mirror: of the node.
    """

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror

    def __repr__(self) -> str:
        return f"<SourceView of {self._mirror!r}>"

    @property
    def state(self) -> MirrorState:
        """The state now."""
        return self._mirror.state

    @property
    def error(self) -> SourceRefused | None:
        """The refusal of the source that ended this mirror, or None. Start the node anew when its cause is removed."""
        return self._mirror.error

    @property
    def promotion(self) -> Promotion | None:
        """The durable record of the promotion, or None."""
        return self._mirror.promotion

    def status(self) -> MirrorStatus:
        """See Mirror."""
        return self._mirror.status()

    def wait(self, timeout: float | None = None) -> MirrorState:
        """See Mirror."""
        return self._mirror.wait(timeout)

    def leader(self, election: str = "default", consistency: Consistency | str = EVENTUAL) -> Reading[Leader | None]:
        """See Mirror."""
        return self._mirror.leader(election, consistency)

    def elections(self, consistency: Consistency | str = EVENTUAL) -> Reading[dict[str, Leader | None]]:
        """See Mirror."""
        return self._mirror.elections(consistency)

    def members(self, consistency: Consistency | str = EVENTUAL) -> Reading[Configuration | None]:
        """See Mirror."""
        return self._mirror.members(consistency)
