"""A data directory that the system refuses, in every way that it can."""

import os
from pathlib import Path

import pytest

from elect.errors import StoreError
from elect.storage import data_lock
from tests.unit.test_store import open_store


def make_fifo(directory: Path) -> None:
    directory.mkdir()
    os.mkfifo(directory / data_lock.NAME)


def make_loop(directory: Path) -> None:
    directory.symlink_to(directory.name)


def forbid(directory: Path) -> None:
    directory.mkdir(mode=0)


@pytest.mark.parametrize(
    ("make", "below"),
    [
        (forbid, "data"),
        (forbid, "deep/data"),
        (forbid, ""),
        (make_loop, ""),
        (make_loop, "data"),
        (make_fifo, ""),
        (Path.touch, "data/deep"),
        (Path.mkdir, "x" * 256),
        (Path.mkdir, "a\0b"),
        (Path.mkdir, "\ud800"),
    ],
)
def test_directory_that_can_not_be_used_is_a_store_error(make, below, tmp_path):
    """Whatever the system says of the path, and wherever it says it, is told as an error of the store."""
    make(tmp_path / "d")
    user = os.geteuid()
    if make is forbid and user == 0:  # to whom nothing is forbidden
        os.seteuid(65534)
    try:
        with pytest.raises(StoreError) as caught:
            open_store(tmp_path / "d" / below)
    finally:
        os.seteuid(user)
    assert str(tmp_path / "d" / below) in str(caught.value)


@pytest.mark.parametrize("below", ["", "a"])
def test_a_link_to_a_missing_directory_is_named(below, tmp_path):
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    with pytest.raises(StoreError, match=r"data is a link to .*disk, which is missing; is its disk mounted\?"):
        open_store(tmp_path / "data" / below)
    assert not (tmp_path / "disk").exists()


def test_files_of_a_store_are_above_the_standard_streams(tmp_path):
    """The number of a closed stream is not given to the lock or the database."""
    saved = os.dup(0)
    os.close(0)
    try:
        store, _ = open_store(tmp_path)
        files = {int(link.name): str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.exists()}
        store.close()
    finally:
        os.dup2(saved, 0)
        os.close(saved)
    ours = [number for number, name in files.items() if name.startswith(str(tmp_path))]
    assert len(ours) >= 2
    assert min(ours) > 2
