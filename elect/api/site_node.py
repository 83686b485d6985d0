"""The part of a node that is about a second site: its mirror of a source cluster, and its promotion."""

from elect.api.observed_node import ObservedNode
from elect.sites.site_values import PromotionResult
from elect.sites.source_view import SourceView
from wire.common import arguments

PROMOTE_TIMEOUT_S = 30.0
"""Half of it for the seal of the source, at most 10 s; a quarter for a quorum of this cluster to install the promotion;
and the rest, before that, to hear a quorum."""


class SiteNode(ObservedNode):
    """The handle of a node on its site."""

    @property
    def mirror(self) -> SourceView | None:
        """The mirror of the source, to read from, while this cluster stands by; None: it follows none."""
        mirror = None if self._runtime is None else self._runtime.site.mirror
        return None if mirror is None else SourceView(mirror)

    def promote(self, force: bool = False, timeout: float = PROMOTE_TIMEOUT_S) -> PromotionResult:
        """Have this standby cluster elect leaders from now on, for good: the source is lost, or is to stop.

        First it checks that this cluster can be promoted, and that a quorum of it is heard; a refusal changes nothing.
        Then it seals the source, if that can be reached. Then all terms of this cluster are above all that the source
        is known to have had, so that a store that checks tokens refuses the leaders of the source. It can be repeated,
        at any node: what is done stays done.

        Args:
            force: True promotes it also if the mirror of this node has not received a whole snapshot, or does not work:
                the terms of the source may then be higher. It also seals the source before a quorum is heard.
            timeout: seconds for all of it, above 0. Up to half of it, and at most 10 s, is for the seal.

        Raises:
            TypeError, ValueError: an argument has a wrong type or value.
            MirrorBootstrapping, MirrorUnavailable: the terms of the source are not known, and `force` is False.
            PromotionRefused: this cluster is no standby cluster, or its nodes do not agree on who votes.
            PromotionNotDone: it was not done in time, or an error came after the source was asked to seal. `result`
                says what is done. Repeat it.
            StoreError: the disk of this node takes no record of it, so nothing was sealed.
            Stopped: the node does not run, and this call has sealed nothing.
            Forked: the node runs in the process that this one was forked from.
        """
        is_forced, seconds = arguments.flag("force", force), arguments.bounded_seconds("timeout", timeout)
        if not seconds:
            raise ValueError("timeout is 0; a promotion takes some seconds: give a number above 0")
        self._context.check_running()
        assert self._runtime is not None
        return self._runtime.promoter.promote(is_forced=is_forced, seconds=seconds)
