"""The decorator for jobs that only the leader runs: `Election.required`."""

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
"""A coroutine function. Y and S are the types that its coroutines yield and receive."""


class SkippingLeaderOnly(Protocol):
    """Decorates a job: a call while this node does not lead returns None."""

    @overload
    def __call__(self, job: Job[P, Y, S, R], /) -> Job[P, Y, S, R | None]: ...

    @overload
    def __call__(self, job: Callable[P, R], /) -> Callable[P, R | None]: ...


class PassingLeaderOnly(Protocol):
    """Decorates a job that gets the Leadership as its first argument, and otherwise does the same."""

    @overload
    def __call__(self, job: Job[Concatenate[Leadership, P], Y, S, R], /) -> Job[P, Y, S, R | None]: ...

    @overload
    def __call__(self, job: Callable[Concatenate[Leadership, P], R], /) -> Callable[P, R | None]: ...


class LedElection(Protocol):
    """The election whose leader runs the job: an Election, or a test double."""

    @property
    def name(self) -> str:
        """The name of the election."""

    @property
    def leadership(self) -> Leadership | None:
        """The leadership of this node, if its lease is valid now."""

    @property
    def leader(self) -> Leader | None:
        """The leader that this node knows, or None."""


class Required:
    """Decorates jobs of an election that may run only while this node leads it.

    Args:
        election: whose leadership is checked when a call of a job begins. It is not checked while the job runs.
    """

    def __init__(self, election: LedElection) -> None:
        self._election = election

    @overload
    def __call__(self, job: Job[P, Y, S, R]) -> Job[P, Y, S, R | None]: ...

    @overload
    def __call__(self, job: Callable[P, R]) -> Callable[P, R | None]: ...

    @overload
    def __call__(
        self, *, otherwise: Literal["raise"], pass_leadership: Literal[False] = False
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...

    @overload
    def __call__(
        self, *, otherwise: Literal["raise"], pass_leadership: Literal[True]
    ) -> Callable[[Callable[Concatenate[Leadership, P], R]], Callable[P, R]]: ...

    @overload
    def __call__(
        self, *, otherwise: Literal["skip"] = "skip", pass_leadership: Literal[False] = False
    ) -> SkippingLeaderOnly: ...

    @overload
    def __call__(self, *, otherwise: Literal["skip"] = "skip", pass_leadership: Literal[True]) -> PassingLeaderOnly: ...

    def __call__(self, job: object = None, *, otherwise: Otherwise = "skip", pass_leadership: bool = False) -> object:
        """Decorate a function or coroutine function.

        Args:
            job: the function.
            otherwise: "skip": a call while this node does not lead returns None; "raise": it raises NotLeader.
            pass_leadership: True passes the Leadership to the job as its first argument.

        Raises:
            TypeError: `job` cannot be called or is a generator function, or another argument has a wrong type.
            ValueError: `otherwise` is neither "skip" nor "raise".
        """
        arguments.choice("otherwise", otherwise, ("skip", "raise"))
        is_passing = arguments.flag("pass_leadership", pass_leadership)
        leader_only = _LeaderOnly(self._election, is_raising=otherwise == "raise", is_passing=is_passing)
        return leader_only.wrap if job is None else leader_only.wrap(job)


class _LeaderOnly:
    def __init__(self, election: LedElection, *, is_raising: bool, is_passing: bool) -> None:
        self._election = election
        self._is_raising = is_raising
        self._is_passing = is_passing

    def wrap(self, job: object) -> object:
        """Return the job with the check. The body of a generator function would run after it, so that raises."""
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
