"""Hosts for a test, and what their links go by."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.certificates import Authority
from tests.network.hosts import Net, NoNetworkError
from tests.network.links import Securities
from wire.security import PLAIN, Keyed


@pytest.fixture
def net() -> Iterator[Net]:
    """Three hosts: `a`, `b` and `c`."""
    with ExitStack() as stack:
        try:
            made = stack.enter_context(Net("abc"))
        except NoNetworkError as problem:
            pytest.skip(f"no network namespaces: {problem}")
        yield made


@pytest.fixture(scope="module")
def securities(tmp_path_factory: pytest.TempPathFactory) -> Securities:
    directory = tmp_path_factory.mktemp("securities")
    path = directory / "key"
    path.write_text("61" * 32)
    path.chmod(0o600)
    authority = Authority(directory / "ca", ends_s=365 * 86_400)
    return {"plain": (PLAIN,) * 2, "key": (Keyed(path),) * 2, "tls": (authority.tls("ann"), authority.tls("bob"))}
