"""Checks of arguments, made in the caller's thread: TypeError for a wrong type, ValueError for a wrong value.

Each error names the argument, shows its value and says what is needed.
"""

import functools
import inspect
import operator
from collections.abc import Collection, Mapping
from numbers import Real
from typing import cast

SECONDS_MAX = 100 * 365 * 86_400.0
"""A hundred years, the longest wait: longer ones are shortened to it, as locks refuse more than about 292 years."""


def check_type(name: str, value: object, kind: type | tuple[type, ...], needed: str) -> None:
    """Raise TypeError unless the value is of one of these types.

    Args:
        name: the name of the argument.
        value: its value.
        kind: the type, or several.
        needed: the type in words for the error, such as "a Config".
    """
    if not isinstance(value, kind):
        raise _wrong_type(name, value, needed)


def check_members(name: str, value: object, protocol: type, needed: str) -> None:
    """Raise TypeError unless the value has each member of a Protocol, and no coroutine function among them."""
    members = [member for member in vars(protocol) if not member.startswith("_")]
    # In the class first: a property is then not evaluated.
    missing = [member for member in members if not (hasattr(type(value), member) or hasattr(value, member))]
    if missing:
        raise TypeError(f"{name} is {value!r}, which has no {', '.join(missing)}; {needed} is needed")
    for member in members:
        _refuse_coroutine_function(f"{name}.{member}", getattr(type(value), member, None))


def check_callable(name: str, value: object) -> None:
    """Raise TypeError unless a call of the value runs it: coroutine and generator functions only make an object."""
    if not callable(value):
        raise _wrong_type(name, value, "a function")
    _refuse_coroutine_function(name, value)


def check_returned(name: str, value: object) -> None:
    """Raise TypeError when a call has returned a coroutine or a generator: its body has not run, and never will."""
    if inspect.iscoroutine(value):
        value.close()
    elif not (inspect.isgenerator(value) or inspect.isasyncgen(value)):
        return
    raise TypeError(f"{name} returned a {type(value).__name__}, which nothing runs; {_INSTEAD}")


def is_coroutine_function(value: object) -> bool:
    """Return whether a call of the value, of a partial of it, or of its __call__ makes a coroutine."""
    return any(inspect.iscoroutinefunction(function) for function in _functions(value))


def is_generator_function(value: object) -> bool:
    """Return whether a call of the value makes a generator, or an asynchronous one."""
    return any(
        inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function) for function in _functions(value)
    )


def integer(name: str, value: object, minimum: int, maximum: int) -> int:
    """Return the value as an int within bounds. Integers of other libraries are accepted; True and 1.0 are not."""
    try:
        number = None if isinstance(value, bool) else int(operator.index(value))  # type: ignore[arg-type]  # it raises
    except TypeError:
        number = None
    if number is None:
        raise _wrong_type(name, value, "a whole number")
    if not minimum <= number <= maximum:
        raise ValueError(f"{name} is {_shown(number)}; {minimum} to {maximum} is allowed")
    return number


def number(name: str, value: object, minimum: float = 0.0, maximum: float = SECONDS_MAX) -> float:
    """Return the value as a float within bounds; nan is not within any."""
    given = _real(name, value, "a number")
    if not minimum <= given <= maximum:
        raise ValueError(f"{name} is {_shown(value)}; {minimum:g} to {maximum:g} is allowed")
    return float(given)


def seconds(name: str, value: object) -> float | None:
    """Return a timeout of 0 seconds or more, infinity included; None, which means no limit, stays None."""
    if value is None:
        return None
    given = _real(name, value, "a number of seconds, or None for no limit,")
    if not given >= 0:
        raise ValueError(f"{name} is {_shown(value)}; 0 or more seconds are needed, or None for no limit")
    return float(min(given, SECONDS_MAX))


def bounded_seconds(name: str, value: object) -> float:
    """Return a timeout as `seconds` does, with a hundred years for None."""
    given = seconds(name, value)
    return SECONDS_MAX if given is None else given


def text(name: str, value: object) -> str:
    """Return the value as a plain str: a member of an enum cannot be sent."""
    if not isinstance(value, str):
        raise _wrong_type(name, value, "text")
    return str.__str__(value)


def texts(name: str, value: object) -> dict[str, str]:
    """Return a mapping of texts as a dict."""
    if not isinstance(value, Mapping):
        raise _wrong_type(name, value, "a mapping of texts")
    return {text(f"a key of {name}", key): text(f"{name}[{key!r}]", item) for key, item in value.items()}


def flag(name: str, value: object) -> bool:
    """Return True or False; no other truthy or falsy value is accepted."""
    if not isinstance(value, bool):
        raise _wrong_type(name, value, "True or False")
    return value


def choice(name: str, value: object, choices: Collection[str]) -> str:
    """Return the value, which must be one of these texts."""
    given = text(name, value)
    if given not in choices:
        listed = " or ".join(f'"{each}"' for each in choices)
        raise ValueError(f"{name} is {given!r}; {listed} is allowed")
    return given


_INSTEAD = (
    "give a plain function: it runs in a thread, in which it may call asyncio.run(), or"
    " asyncio.run_coroutine_threadsafe() for a loop of another thread"
)


def _refuse_coroutine_function(name: str, value: object) -> None:
    if is_coroutine_function(value):
        raise TypeError(f"{name} is a coroutine function, which is not awaited here; {_INSTEAD}")
    if is_generator_function(value):
        raise TypeError(f"{name} is a generator function, whose body nothing runs here; {_INSTEAD}")


def _functions(value: object) -> tuple[object, ...]:
    """Return the functions that may run at a call: the value itself, and the __call__ of its type."""
    while isinstance(value, functools.partial):
        value = value.func
    return (value,) if isinstance(value, type) else (value, getattr(type(value), "__call__", None))  # noqa: B004 - the function itself is needed


def _real(name: str, value: object, needed: str) -> float:
    """Return a number unconverted: an int may be too large for a float."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise _wrong_type(name, value, needed)
    return cast("float", value)


def _wrong_type(name: str, value: object, needed: str) -> TypeError:
    return TypeError(f"{name} is {value!r}; {needed} is needed")


def _shown(value: object) -> str:
    """Return the value as text; Python refuses to write integers of thousands of digits."""
    try:
        return f"{value}"
    except ValueError:
        return "a number of thousands of digits"
