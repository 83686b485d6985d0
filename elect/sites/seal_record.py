"""SealRecord: the outcome of the seal of the source, beside the mirror, for a promotion that is repeated.

It says what was done, and decides nothing but one thing: a term that the source named with its seal counts for the
floor, also if the node was killed before it recorded that.
"""

import json
from pathlib import Path

from elect.core.promotion import SEEN_TERM_MAX
from elect.errors import StoreError
from elect.sites.durable_file import write_file
from elect.sites.site_values import PromotionResult, PromotionStep
from wire.common.log import Log

logger = Log(__name__)

NAME = "seal.json"

BEGUN = "it was asked, and the call or its node ended before an answer came"

NOT_HERE = "this node has not asked it; audit.log of the node that was promoted first says more"


class SealRecord:
    """The record of one node.

    Args:
        directory: of its mirror. Who deletes the data of the mirror, to follow another source, deletes this too.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME

    def read(self) -> PromotionResult:
        """Return the part of a promotion that is about the seal. A record that cannot be read is none."""
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            term, reason = content["source_highest_term"], content["not_sealed"]
        except FileNotFoundError:
            return PromotionResult(not_sealed=NOT_HERE)
        except (OSError, ValueError, TypeError, KeyError) as error:
            logger.warning("! cannot read %s: %s", self._path, error)
            return PromotionResult(not_sealed=NOT_HERE)
        if type(term) is not int or not 0 <= term <= SEEN_TERM_MAX or not isinstance(reason, str):
            logger.warning("! cannot read %s: its values are not valid", self._path)
            return PromotionResult(not_sealed=NOT_HERE)
        steps = () if reason else (PromotionStep.SEALED,)
        return PromotionResult(steps=steps, source_highest_term=term, not_sealed=reason)

    def begin(self) -> None:
        """Record that the source is about to be sealed. The disk has to take that, as it has to take the promotion.

        Raises:
            StoreError: it cannot be written.
        """
        known = self.read()
        self._write(known if known.was_sealed else PromotionResult(not_sealed=BEGUN))

    def write(self, made: PromotionResult) -> None:
        """Make the outcome durable; a failed write is logged only: the promotion is worth more."""
        try:
            self._write(made)
        except StoreError as error:
            logger.warning("! %s", error)

    def _write(self, made: PromotionResult) -> None:
        content = {"source_highest_term": made.source_highest_term, "not_sealed": made.not_sealed}
        write_file(self._path, json.dumps(content))
