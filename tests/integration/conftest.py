"""Certificates that the tests of links share."""

import pytest

from tests.certificates import Authority
from wire.tls import Tls


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def ann(authority: Authority) -> Tls:
    return authority.tls("ann")


@pytest.fixture(scope="module")
def bob(authority: Authority) -> Tls:
    return authority.tls("bob", uris=["wire://c/bob"])
