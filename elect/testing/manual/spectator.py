"""Who watches a cluster, without touching it."""

from elect.core.ready import Ready, Send, Write
from elect.testing.manual.manual_node import HeldFrame, ManualNode


class StepListener:
    """Told of all that happens on a stage; overrides what it cares about."""

    def arriving(self, source: str, target: str, frame: HeldFrame) -> None:
        """A frame is about to be handled."""

    def stepped(self, actor: ManualNode, ready: Ready) -> None:
        """A node handled an input; nothing of what follows from it has happened yet."""

    def sent(self, node_id: str, send: Send, *, is_lost: bool) -> None:
        """A message left, or was lost on the spot."""

    def written(self, node_id: str, write: Write) -> None:
        """A write ended well."""
