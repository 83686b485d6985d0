"""The two messages that only a change of the members needs, and the union of all messages.

Source: PROTOCOL.md, section 7; on the wire: FORMAT.md, section 13.5.
"""

from dataclasses import dataclass

from elect.core.configuration import Configuration
from elect.core.messages import (
    DURATION_NS_MAX,
    TERM_MAX,
    Batch,
    ConfigurationId,
    Heartbeat,
    Knowledge,
    check_range,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """The sender has this configuration on its disk; the receiver installs it if it is newer, and reports that."""

    configuration: Configuration


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallReport:
    """The sender has the configuration of that id on its disk, and votes in no older one.

    Attributes:
        term: the highest one in which the sender voted or followed, in any election.
        duration: the longest support that it ever acknowledged (ns).
        root_term: the highest one in the election `default` alone.
    """

    configuration: ConfigurationId
    term: int
    duration: int
    root_term: int = 0

    def __post_init__(self) -> None:
        check_range("term", self.term, TERM_MAX)
        check_range("duration", self.duration, DURATION_NS_MAX)
        check_range("root_term", self.root_term, TERM_MAX)


Message = Heartbeat | Batch | Knowledge | Install | InstallReport
