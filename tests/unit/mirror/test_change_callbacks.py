"""The calls of `on_change`: whatever one of them raises, the next change has its call."""

from collections.abc import Callable

import pytest

from elect.mirror.change_callbacks import ChangeCallbacks
from elect.mirror.mirror_values import ChangeOrigin, MirrorChange


def change(revision: int) -> MirrorChange:
    return MirrorChange(origin=ChangeOrigin.CHANGE, stream=b"s" * 16, revision=revision)


def give_up() -> None:
    raise SystemExit(1)


def be_interrupted() -> None:
    raise KeyboardInterrupt


def fail() -> None:
    raise ValueError("of the program")


@pytest.mark.parametrize("fault", [give_up, be_interrupted, fail])
def test_what_on_change_raises_ends_no_calls(fault: Callable[[], None], caplog):
    seen = list[int]()

    def on_change(each: MirrorChange) -> None:
        seen.append(each.revision)
        if each.revision == 1:
            fault()
        callbacks.stop(0)

    callbacks = ChangeCallbacks(on_change)
    callbacks.put([change(1), change(2)])
    callbacks._run()
    assert seen == [1, 2]
    assert "on_change raised" in caplog.text


def test_a_coroutine_that_on_change_returns_is_told(caplog):
    """Nothing would run it."""

    async def apply() -> None:
        raise AssertionError("it was run")

    def on_change(_: MirrorChange) -> object:
        callbacks.stop(0)
        return apply()

    callbacks = ChangeCallbacks(on_change)
    callbacks.put([change(1)])
    callbacks._run()
    assert "on_change returned a coroutine" in caplog.text
