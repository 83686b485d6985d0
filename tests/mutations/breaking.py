"""Breaks of the rules: the function of a rule is replaced for as long as a context is entered."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from tests.mutations.worlds import World

Applied = AbstractContextManager[object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One rule taken out.

    Attributes:
        name: what is broken.
        rule: where PROTOCOL.md has the rule, with its mark if it has one.
        apply: breaks it for as long as it is entered.
        world: where it shows, by seed.
        seeds_max: within how many seeds it must be found.
    """

    name: str
    rule: str
    apply: Callable[[], Applied]
    world: World
    seeds_max: int


class Breaks(list[Break]):
    """The breaks of one subject, each the function below its name."""

    def add(
        self, name: str, rule: str, world: World, seeds_max: int
    ) -> Callable[[Callable[[], Applied]], Callable[[], Applied]]:
        """Return a decorator that adds a function as a break."""

        def added(apply: Callable[[], Applied]) -> Callable[[], Applied]:
            self.append(Break(name=name, rule=rule, apply=apply, world=world, seeds_max=seeds_max))
            return apply

        return added


def replaced(owner: object, name: str, new: object) -> Applied:
    """Replace a function or property."""
    return patch.object(owner, name, new)


def wrapped(owner: object, name: str, wrap: Callable[..., object]) -> Applied:
    """Replace a function by the result of `wrap`."""
    return patch.object(owner, name, wrap(getattr(owner, name)))


def nothing(*arguments: object, **options: object) -> None:
    """Do nothing instead of the rule."""


@contextmanager
def both(one: Applied, other: Applied) -> Iterator[None]:
    """Two replacements that are one break."""
    with one, other:
        yield
