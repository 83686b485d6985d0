"""A finding: what was measured, why it matters, and the remedy."""

import textwrap
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum

TEXT_WIDTH = 100


class Severity(StrEnum):
    """How bad a finding is.

    Attributes:
        OK: nothing is wrong.
        NOTICE: it is worth knowing.
        WARNING: it makes failovers slow, or will be an error.
        ERROR: the node cannot take its part, or a promise of elect does not hold.
    """

    OK = "ok"
    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"


RISING = tuple(Severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding.

    Attributes:
        severity: of it.
        subject: the part of the node or the cluster that it is about.
        measured: a sentence with the numbers.
        why: why it matters; empty if nothing is wrong.
        remedy: what to do; empty if nothing is wrong.
    """

    severity: Severity
    subject: str
    measured: str
    why: str = ""
    remedy: str = ""

    def to_dict(self) -> dict[str, object]:
        """Return the content as JSON types."""
        return asdict(self)


def good(subject: str, measured: str) -> Finding:
    """Return the finding that nothing is wrong."""
    return Finding(severity=Severity.OK, subject=subject, measured=measured)


def worst(findings: Collection[Finding]) -> Severity:
    """Return the highest severity; OK of none."""
    return max((each.severity for each in findings), key=RISING.index, default=Severity.OK)


def paragraphs(findings: Collection[Finding]) -> Iterator[str]:
    """Return the lines of the findings, the worst first, in columns; why and remedy are below each."""
    widths = [
        max(map(len, column)) for column in zip(*((each.severity, each.subject) for each in findings), strict=True)
    ]
    for each in sorted(findings, key=lambda each: -RISING.index(each.severity)):
        yield f"{each.severity:<{widths[0]}}  {each.subject:<{widths[1]}}  {each.measured}"
        for name, text in (("why", each.why), ("do", each.remedy)):
            if text:
                yield from textwrap.wrap(
                    text,
                    TEXT_WIDTH,
                    initial_indent=f"    {name + ':':<5}",
                    subsequent_indent=" " * 9,
                    break_long_words=False,
                )
