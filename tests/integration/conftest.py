"""Certificates that the tests of links share, and the package as it is installed."""

from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.installing import OPTIONS, copy_sources, python
from wire.security.tls import Tls


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def ann(authority: Authority) -> Tls:
    return authority.tls("ann")


@pytest.fixture(scope="module")
def bob(authority: Authority) -> Tls:
    return authority.tls("bob", uris=["wire://c/bob"])


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the package is built from."""
    source = tmp_path_factory.mktemp("source")
    copy_sources(source)
    return source


@pytest.fixture(scope="session")
def installed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with nothing in it but the package."""
    target = tmp_path_factory.mktemp("installed")
    python("-m", "pip", "install", *OPTIONS, "--target", str(target), str(source), directory=target)
    return target
