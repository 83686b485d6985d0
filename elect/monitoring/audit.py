"""The audit file of a node: one line for each time an operator overrides a safety rule."""

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from wire.common.log import Log

logger = Log(__name__)

NAME = "audit.log"


def record(directory: str | os.PathLike[str], text: str) -> bool:
    """Append a line with the time, and log it; return whether it is durable. A failed write is logged only."""
    logger.warning("audit: %s", text)
    now = datetime.now(UTC)  # noqa: TID251 - an auditor compares it with other files
    line = f"{now.isoformat(timespec='seconds')} {text}\n"
    path = Path(directory) / NAME
    try:
        with suppress(FileExistsError), path.open("x") as file:
            _give_to_owner(file.fileno(), path.parent)
        with path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        logger.warning("audit: cannot write %s: %s", path, error)
        return False
    return True


def _give_to_owner(descriptor: int, directory: Path) -> None:
    """Give a new file to the owner of its directory, if root made it: the node itself has to add lines to it, too.

    It is new and no link: the owner could have made one, and would get a file of the system.
    """
    if os.geteuid() == 0:
        with suppress(OSError):  # a file system without owners, say: the line counts more
            owner = directory.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
