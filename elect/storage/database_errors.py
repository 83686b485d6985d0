"""DatabaseErrors: the errors of one SQLite database, as errors of elect."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from elect.errors import StoreError
from elect.storage.data_lock import LockRecord


class DatabaseErrors:
    """Makes the errors of one database.

    Args:
        path: of the database.
        remedy: what to do when it is damaged.
    """

    def __init__(self, path: Path, remedy: str) -> None:
        self._path = path
        self._remedy = remedy

    @contextmanager
    def reported(self) -> Iterator[None]:
        """Raise errors of SQLite and of the system as those of elect."""
        try:
            yield
        except sqlite3.IntegrityError as error:
            raise RuntimeError(
                f"{self._path}: the database refused a write that would undo an earlier one: {error}"
            ) from error
        except sqlite3.OperationalError as error:
            raise self.failed(f"SQLite failed: {error} ({getattr(error, 'sqlite_errorname', '')})") from error
        except (sqlite3.Error, UnicodeDecodeError) as error:  # the text of an error may be damaged too
            raise self.damaged(str(error)) from error
        except StoreError:
            raise
        except OSError as error:
            raise StoreError(error.errno, str(error.strerror), str(error.filename or self._path)) from error

    def check_record(self, record: LockRecord | None, store_id: bytes, writes: int) -> None:
        """Check that the database is the one that its directory had, with all of its writes.

        Args:
            record: of the directory; None: it had no database before.
            store_id: in the database.
            writes: in the database.

        Raises:
            StoreError: it is another database, or an older copy.
        """
        if record is None:
            return
        if record.store_id != store_id:
            raise self.failed(f"this is not the database that was made in this directory; {self._remedy}")
        if record.writes > writes:
            raise self.failed(
                f"it is older than before: it had {record.writes} writes, now it has {writes}"
                f" (restored from a copy, or the disk lost writes); {self._remedy}"
            )

    def damaged(self, problem: str) -> StoreError:
        """Return the error of a database whose content is wrong."""
        return self.failed(f"the database is damaged ({problem}); {self._remedy}")

    def failed(self, problem: str) -> StoreError:
        """Return an error that names the database."""
        return StoreError(None, problem, str(self._path))
