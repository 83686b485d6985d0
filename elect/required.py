"""A decorator for jobs that only the leader runs."""

import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Concatenate, Literal, ParamSpec, Protocol, TypeVar, cast

from elect.errors import NotLeader
from elect.leader import Leader
from elect.leadership import Leadership

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")

Otherwise = Literal["skip", "raise"]


class Led(Protocol):
    """The election whose leader runs the job."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def leadership(self) -> Leadership | None:
        """This node's leadership, if its lease is valid now."""

    @property
    def leader(self) -> Leader | None:
        """Who leads, as far as is known."""


class Guard:
    """Wraps jobs, coroutine functions included, so that they run only while their node leads.

    Args:
        election: which leadership is asked for, at each call.
        otherwise: what a call does while this node does not lead: "skip" returns None, "raise" raises NotLeader.
        is_passing: give the job the Leadership as its first argument.

    Raises:
        ValueError: `otherwise` is neither.
    """

    def __init__(self, election: Led, *, otherwise: Otherwise, is_passing: bool) -> None:
        if otherwise not in ("skip", "raise"):
            raise ValueError(f'otherwise is {otherwise!r}; "skip" or "raise" is allowed')
        self._election = election
        self._is_raising = otherwise == "raise"
        self._is_passing = is_passing

    def wrap(self, job: Callable[P, R]) -> Callable[P, R | None]:
        """The job, guarded."""
        if inspect.iscoroutinefunction(job):
            return cast("Callable[P, R | None]", self._wrap_async(job))
        given_to = cast("Callable[Concatenate[Leadership, P], R]", job)

        @wraps(job)
        def run(*args: P.args, **kwargs: P.kwargs) -> R | None:
            leadership = self._admit()
            if leadership is None:
                return None
            return given_to(leadership, *args, **kwargs) if self._is_passing else job(*args, **kwargs)

        return run

    def _wrap_async(self, job: Callable[P, Awaitable[A]]) -> Callable[P, Awaitable[A | None]]:
        given_to = cast("Callable[Concatenate[Leadership, P], Awaitable[A]]", job)

        @wraps(job)
        async def run(*args: P.args, **kwargs: P.kwargs) -> A | None:
            leadership = self._admit()
            if leadership is None:
                return None
            return await (given_to(leadership, *args, **kwargs) if self._is_passing else job(*args, **kwargs))

        return run

    def _admit(self) -> Leadership | None:
        leadership = self._election.leadership
        if leadership is None and self._is_raising:
            raise NotLeader(self._election.name, self._election.leader)
        return leadership
