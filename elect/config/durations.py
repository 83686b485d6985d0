"""Durations as people write them: "100ms", "1.5s", or a number of seconds."""

import re
from fractions import Fraction

from elect.clock import NS_PER_S

UNITS_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": NS_PER_S, "m": 60 * NS_PER_S, "h": 3_600 * NS_PER_S}

_DURATION = re.compile(r"\s*(\d{1,18}(?:\.\d{1,18})?)\s*(ns|us|ms|s|m|h)?\s*", re.ASCII)


def parse_ns(value: object) -> int:
    """Return a duration in nanoseconds.

        >>> parse_ns("100ms"), parse_ns(1.5), parse_ns("2")
        (100000000, 1500000000, 2000000000)

    Args:
        value: text with a unit (ns, us, ms, s, m, h); text or a number without one means seconds.

    Raises:
        ValueError: the value is no duration; the text is the rule that it breaks.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError('a duration is text like "100ms" or a number of seconds')
    found = _DURATION.fullmatch(f"{value:.9f}" if isinstance(value, float) else str(value))
    if found is None:
        raise ValueError('a duration is a number and a unit of ns, us, ms, s, m, h, as in "100ms"; never negative')
    number, unit = found.groups()
    return round(Fraction(number) * UNITS_NS[unit or "s"])


def format_ns(duration_ns: int) -> str:
    """Return the shortest text of a duration, in seconds or a smaller unit.

    >>> format_ns(100_000_000), format_ns(1_500_000_000)
    ('100ms', '1.5s')
    """
    unit = next(unit for unit in ("s", "ms", "us", "ns") if duration_ns >= UNITS_NS[unit] or unit == "ns")
    whole, rest = divmod(duration_ns, UNITS_NS[unit])
    decimals = f"{rest:0{len(str(UNITS_NS[unit])) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{decimals}{unit}" if decimals else f"{whole}{unit}"
