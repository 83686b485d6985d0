"""PromotionProgress: what a call that promotes a cluster has done, and the error that says so.

A promotion that ends after its source was asked to seal may have left both sites without a leader. So whatever ends it
then, its error is PromotionNotDone, with all that is done; Ctrl-C stays what it is, with a note.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from elect.errors import ElectError
from elect.sites.promotion_audit import PromotionAudit
from elect.sites.promotion_time import PromotionTime
from elect.sites.seal_record import BEGUN
from elect.sites.site_values import PromotionNotDone, PromotionResult


class PromotionProgress:
    """The progress of one call.

    Attributes:
        made: the part that is done.
        is_source_asked: this call has asked the source to seal, so it may be sealed.
    """

    def __init__(self) -> None:
        self.made = PromotionResult()
        self.is_source_asked = False

    def note_source_asked(self) -> None:
        """Note that the source is about to be asked."""
        self.made, self.is_source_asked = PromotionResult(not_sealed=BEGUN), True

    @contextmanager
    def reported(self, time: PromotionTime, audit: PromotionAudit) -> Iterator[None]:
        """Have the error that ends the block say what is done, and add a line to the audit file.

        Raises:
            PromotionNotDone: it has ended with another error, and the source may be sealed, or more is done.
        """
        try:
            yield
        except PromotionNotDone as error:
            audit.note_not_done(str(error))
            raise
        except ElectError as error:
            if not (self.is_source_asked or self.made.steps):
                audit.note_not_done(f"{error}; done: nothing")
                raise
            open_end = PromotionNotDone(self.made, time.passed_s, str(error))
            audit.note_not_done(str(open_end))
            raise open_end from error
        except BaseException as error:
            text = f"the promotion has ended with {type(error).__name__}; done: {self.made.done}. Repeat it"
            error.add_note(text)
            audit.note_not_done(text)
            raise
