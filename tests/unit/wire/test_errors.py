import re
from collections.abc import Iterator

from wire.protocol import wire_errors
from wire.protocol.wire_errors import Refusal, WireError


def tree(cls: type[WireError], depth: int = 0) -> Iterator[tuple[int, str, str]]:
    """Depth, name and reason of a class and of those below it."""
    yield depth, cls.__name__, {WireError: "", Refusal: "(its code)"}.get(cls, cls.reason)
    for below in cls.__subclasses__():
        yield from tree(below, depth + 1)


def test_the_tree_in_the_docstring_is_that_of_the_classes() -> None:
    drawn = re.findall(r"^    ( *)([A-Z]\w+)(?: +(\S.*))?$", wire_errors.__doc__ or "", re.MULTILINE)
    assert [(len(indent) // 4, name, reason) for indent, name, reason in drawn] == list(tree(WireError))


def test_each_has_a_reason_of_its_own() -> None:
    reasons = [reason for _, _, reason in tree(WireError)]
    assert len(reasons) == len(set(reasons))
