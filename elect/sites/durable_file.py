"""Writes a small file durably and as a whole: after a kill it has the content of before, or the new one."""

import os
from pathlib import Path

from elect.errors import StoreError
from elect.storage.data_lock import make_directory, sync_directory


def write_file(path: Path, text: str) -> None:
    """Make this text the content of a file; its directory is made if it is missing.

    Raises:
        StoreError: it cannot be written.
    """
    part = path.with_suffix(".part")
    try:
        make_directory(path.parent)
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(error.errno, f"cannot write this file: {error.strerror}", str(path)) from error
