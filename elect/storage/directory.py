"""Directories whose names survive a power cut."""

import errno
import os
from pathlib import Path

from elect.errors import StoreError


def make_directory(path: Path) -> None:
    """Make a directory and what is missing above it, each durable in the one above."""
    try:
        missing = [directory for directory in (path, *path.parents) if not directory.exists()]
        for directory in reversed(missing):
            directory.mkdir(mode=0o700, exist_ok=True)
            sync_directory(directory.parent)
        if not path.is_dir():
            raise StoreError(None, "this is not a directory", str(path))
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(error.errno, f"can't be made: {error.strerror}", str(path)) from error
    except ValueError as error:  # there is a NUL in it, or what no file system can write
        raise StoreError(errno.EINVAL, f"can't be made: {error}", str(path)) from error


def sync_directory(path: Path) -> None:
    """Make names in a directory durable: a synced file whose name is lost is lost."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
