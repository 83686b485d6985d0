"""PromotionAudit: the lines about a promotion in the audit file of the node that was asked for it.

The first line is written before the source is sealed: the node was asked. The last one is written when a quorum has
installed the promotion: it is done. A file beside them is there from before the first line until after the last one. So
a node that was killed, or that ended without a quorum, or whose cluster another node promoted meanwhile, adds the last
line later: when it finds the promotion done, or when it is asked again. A kill between the last line and the removal of
that file has the line written twice: that is better than never.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from elect.bridge.node_context import NodeContext
from elect.monitoring import audit
from elect.sites.durable_file import write_file
from elect.sites.site_values import PromotionResult
from elect.storage.data_lock import sync_directory
from wire.common.log import Log
from wire.common.turns import Turns

logger = Log(__name__)

NAME = "promotion.asked"

TURN_S = 10.0
"""For the line of another thread, on a slow disk."""


class PromotionAudit:
    """The lines of one node. Any thread uses it.

    Args:
        context: of the node.
    """

    def __init__(self, context: NodeContext) -> None:
        self._node = f"node {context.node_id}"
        self._directory = Path(context.config.data_dir)
        self._path = self._directory / NAME
        self._turns = Turns()
        self._was_open = False
        self._is_asking = False

    @property
    def is_left_open(self) -> bool:
        """Whether the last line is missing, and no call goes on that will write it."""
        return not self._is_asking and self.is_open

    @property
    def is_open(self) -> bool:
        """Whether this node was asked for a promotion, and has not written yet that it is done."""
        return os.path.exists(self._path)  # noqa: PTH110 - that of Path raises for a directory that may not be read

    @contextmanager
    def asking(self) -> Iterator[None]:
        """The block is one call: it adds the lines, and nobody else does."""
        self._is_asking = True
        try:
            yield
        finally:
            self._is_asking = False

    def begin(self) -> None:
        """Record that this node is asked. The disk has to take that, as it has to take the promotion.

        Raises:
            StoreError: it cannot be written.
        """
        self._was_open = self.is_open
        write_file(self._path, f"{self._node} was asked for a promotion, and {audit.NAME} does not say yet: done\n")

    def cancel(self) -> None:
        """Take back `begin`: nothing is done. What an earlier call has begun stays open."""
        if not self._was_open:
            self._remove()

    def note_asked(self, *, is_forced: bool) -> None:
        """Add the first line."""
        how = ", forced" if is_forced else ""
        self._add(f"{self._node} was asked by an operator to promote this standby cluster{how}")

    def note_not_done(self, reason: str) -> None:
        """Add a line about a call that ends before the promotion is known to be done."""
        if self.is_open:
            self._add(f"the promotion that {self._node} was asked for is not known to be done: {reason}")

    def end(self, made: PromotionResult) -> None:
        """Add the last line, unless this node was not asked, or has added it."""
        with self._turns.take(TURN_S) as is_free:
            if not (is_free and self.is_open):
                return
            is_written = self._add(
                f"the promotion that {self._node} was asked for is done: {made};"
                f" the highest term of the source that is known is {made.source_highest_term}"
            )
            if is_written:
                self._remove()

    def _add(self, text: str) -> bool:
        return audit.record(self._directory, text)

    def _remove(self) -> None:
        try:
            self._path.unlink(missing_ok=True)
            sync_directory(self._directory)
        except OSError as error:
            logger.warning("! cannot remove %s: %s", self._path, error)
