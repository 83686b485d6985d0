"""A decorator for jobs that only the leader runs."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Concatenate, Literal, ParamSpec, Protocol, TypeVar, cast, overload

from elect.bridge.leadership import Leadership
from elect.errors import NotLeader
from elect.leader import Leader
from wire.common import arguments

P = ParamSpec("P")
R = TypeVar("R")
Y = TypeVar("Y")
S = TypeVar("S")

Otherwise = Literal["skip", "raise"]

Job = Callable[P, Coroutine[Y, S, R]]
"""A coroutine function. Y and S are what its coroutines yield and are sent: its event loop's affair."""


class SkippingLeaderOnly(Protocol):
    """Decorates a job: a call while this node does not lead returns None."""

    @overload
    def __call__(self, job: Job[P, Y, S, R], /) -> Job[P, Y, S, R | None]: ...

    @overload
    def __call__(self, job: Callable[P, R], /) -> Callable[P, R | None]: ...


class PassingLeaderOnly(Protocol):
    """The same for a job that is given the Leadership as its first argument."""

    @overload
    def __call__(self, job: Job[Concatenate[Leadership, P], Y, S, R], /) -> Job[P, Y, S, R | None]: ...

    @overload
    def __call__(self, job: Callable[Concatenate[Leadership, P], R], /) -> Callable[P, R | None]: ...


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


class LeaderOnly:
    """Wraps jobs, coroutine functions included, so that they run only while their node leads.

    Args:
        election: which leadership is asked for, at each call.
        otherwise: what a call does while this node does not lead: "skip" returns None, "raise" raises NotLeader.
        is_passing: give the job the Leadership as its first argument.

    Raises:
        TypeError: `otherwise` is no text.
        ValueError: `otherwise` is neither.
    """

    def __init__(self, election: Led, *, otherwise: Otherwise, is_passing: bool) -> None:
        arguments.choice("otherwise", otherwise, ("skip", "raise"))
        self._election = election
        self._is_raising = otherwise == "raise"
        self._is_passing = is_passing

    def wrap(self, job: object) -> object:
        """The job, guarded.

        Raises:
            TypeError: it can't be called, or is a generator function, whose body would run after the check.
        """
        if arguments.is_coroutine_function(job):
            return self._wrap_async(cast("Callable[[], Coroutine[object, None, object]]", job))
        arguments.check_callable("job", job)
        return self._wrap(cast("Callable[[], object]", job))

    def _wrap(self, job: Callable[P, R]) -> Callable[P, R | None]:
        given_to = cast("Callable[Concatenate[Leadership, P], R]", job)

        @wraps(job)
        def run(*args: P.args, **kwargs: P.kwargs) -> R | None:
            leadership = self._admit()
            if leadership is None:
                return None
            return given_to(leadership, *args, **kwargs) if self._is_passing else job(*args, **kwargs)

        return run

    def _wrap_async(self, job: Job[P, Y, S, R]) -> Callable[P, Coroutine[object, None, R | None]]:
        given_to = cast("Job[Concatenate[Leadership, P], Y, S, R]", job)

        @wraps(job)
        async def run(*args: P.args, **kwargs: P.kwargs) -> R | None:
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
