"""Whatever happens to the files, a store is refused or says exactly what it said: never less, never something else."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elect.core.configuration import Configuration, Member
from elect.core.ready import Ballot
from elect.errors import IdentityError, StoreError
from elect.storage import sqlite
from elect.storage.sqlite import SqliteStore
from elect.storage.store import StoreContent

pytestmark = pytest.mark.long

FILES = (sqlite.NAME, f"{sqlite.NAME}-wal", "elect.lock")


def start(directory: Path) -> StoreContent:
    store = SqliteStore(directory)
    opened = store.open(cluster="orders", node_id="a", promise_ns=5)
    store.close()
    return opened


@pytest.fixture(scope="module", params=["stopped", "crashed"])
def image(request) -> Iterator[Path]:
    """The files of a store with votes of two starts in it, as a clean stop leaves them, and as a crash does."""
    with tempfile.TemporaryDirectory() as directory:
        data, image = Path(directory, "data"), Path(directory, "image")
        store = SqliteStore(data)
        for term in (3, 4):
            store.open(cluster="orders", node_id="a", promise_ns=5)
            store.write({f"election-{number}": Ballot(term=term, voted_for="b") for number in range(150)}, 9)
            if term == 3:
                store.close()
        members = (Member(node_id="a", address="a:7101"), Member(node_id="b", store_id=bytes(range(16))))
        configuration = Configuration(members=members, term=7, version=2, floor=3, cluster_id=b"c" * 16)
        store.write({"default": Ballot(term=7, voted_for="c", lowered_to=2)}, configuration=configuration)
        if request.param == "crashed":
            shutil.copytree(data, image)
        store.close()
        if request.param == "stopped":
            shutil.copytree(data, image)
        yield image


@pytest.fixture(scope="module")
def expected(image) -> StoreContent:
    with tempfile.TemporaryDirectory() as directory:
        return start(shutil.copytree(image, Path(directory, "data")))


@settings(max_examples=150)
@given(
    name=st.sampled_from(FILES),
    place=st.floats(0, 1, exclude_max=True),
    near=st.sampled_from([None, 64, 512]),
    mask=st.integers(1, 255),
)
def test_flipped_byte_is_refused_or_changes_nothing(image, expected, name, place, near, mask):
    with tempfile.TemporaryDirectory() as directory:
        data = shutil.copytree(image, Path(directory, "data"))
        path = data / name
        content = bytearray(path.read_bytes() if path.exists() else b"")
        if content:
            # Half of the examples aim at the headers: most of a small file is empty space.
            content[int(place * min(len(content), near or len(content)))] ^= mask
            path.write_bytes(content)
        assert_refused_or_same(data, expected)


@settings(max_examples=100)
@given(name=st.sampled_from(FILES), place=st.floats(0, 1, exclude_max=True))
def test_file_cut_short_is_refused_or_changes_nothing(image, expected, name, place):
    with tempfile.TemporaryDirectory() as directory:
        data = shutil.copytree(image, Path(directory, "data"))
        path = data / name
        if path.exists() and path.stat().st_size:
            content = path.read_bytes()
            path.write_bytes(content[: int(place * len(content))])
        assert_refused_or_same(data, expected)


def assert_refused_or_same(data: Path, expected: StoreContent) -> None:
    try:
        opened = start(data)
    except (StoreError, IdentityError) as error:
        assert str(data) in str(error)
    else:
        assert opened == expected
