"""Hosts for a test, and the security of their links."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.certificates import Authority
from tests.network.hosts import Net, NoNetworkError
from tests.network.links import Securities
from wire.security.security import PLAIN, Keyed


@pytest.fixture
def make_net() -> Iterator[Callable[[], Net]]:
    """Makes four hosts, `a`, `b`, `c`, and `d` to spare, that reach no others."""
    with ExitStack() as stack:

        def make() -> Net:
            try:
                return stack.enter_context(Net("abcd"))
            except NoNetworkError as problem:
                pytest.skip(f"no network namespaces: {problem}")

        yield make


@pytest.fixture
def net(make_net: Callable[[], Net]) -> Net:
    """Yield four hosts on one bridge."""
    return make_net()


@pytest.fixture(scope="module")
def securities(tmp_path_factory: pytest.TempPathFactory) -> Securities:
    directory = tmp_path_factory.mktemp("securities")
    path = directory / "key"
    path.write_text("61" * 32)
    path.chmod(0o600)
    authority = Authority(directory / "ca", ends_s=365 * 86_400)
    return {"plain": (PLAIN,) * 2, "key": (Keyed(path),) * 2, "tls": (authority.tls("ann"), authority.tls("bob"))}
