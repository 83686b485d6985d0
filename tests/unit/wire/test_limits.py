import pytest

from wire.protocol.limits import Limits


def test_every_bound_is_above_zero() -> None:
    with pytest.raises(ValueError, match="pending_max is 0; it must be above 0"):
        Limits(pending_max=0)


@pytest.mark.parametrize("value", [1e-9, 86_401.0, float("inf"), float("nan")])
@pytest.mark.parametrize("name", ["write_timeout_s", "idle_timeout_s", "handshake_timeout_s"])
def test_a_time_is_one_that_a_socket_takes(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} is {value}; it must be from 0.001 to 86400"):
        Limits(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(("idle", "keepalive"), [(1.9, 0.1), (3.0, 2.0)])
def test_idle_timeout_too_short_for_keepalives_is_refused(idle: float, keepalive: float) -> None:
    with pytest.raises(ValueError, match="one late keepalive ends a good link"):
        Limits(idle_timeout_s=idle, keepalive_interval_s=keepalive)
