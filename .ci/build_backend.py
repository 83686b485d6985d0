"""The build backend: setuptools at work in a copy of the sources, so that a build leaves nothing beside them.

An editable install needs the sources where they are; only that one is left to setuptools itself.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

from setuptools import build_meta
from setuptools.build_meta import build_editable, get_requires_for_build_editable, prepare_metadata_for_build_editable

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

SOURCES = ("elect", "wire", "README.md", "LICENSE", "setup.cfg", "pyproject.toml", ".ci/build_backend.py")
Settings = dict[str, str | list[str] | None] | None

shutil.rmtree(Path(__file__).parent / "__pycache__", ignore_errors=True)  # the import of this file leaves one


@contextmanager
def copied() -> Iterator[None]:
    """Work in a copy of the sources; a source distribution of it has this file, too."""
    with tempfile.TemporaryDirectory(prefix="elect-build-") as name:
        for source in SOURCES:
            copy = Path(name, source)
            copy.parent.mkdir(exist_ok=True)
            if Path(source).is_dir():
                shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy)
        Path(name, "MANIFEST.in").write_text("include .ci/build_backend.py\n", encoding="utf-8")
        with chdir(name):
            yield


def absolute(path: str) -> str:
    """The path, good in another directory, too."""
    return str(Path(path).absolute())


def build_wheel(directory: str, settings: Settings = None, metadata: str | None = None) -> str:
    """Write a wheel to a directory; its file name."""
    directory, metadata = absolute(directory), metadata and absolute(metadata)
    with copied():
        return build_meta.build_wheel(directory, settings, metadata)


def build_sdist(directory: str, settings: Settings = None) -> str:
    """Write a source distribution to a directory; its file name."""
    directory = absolute(directory)
    with copied():
        return build_meta.build_sdist(directory, settings)


def prepare_metadata_for_build_wheel(directory: str, settings: Settings = None) -> str:
    """Write the wheel's metadata below a directory; its name there."""
    directory = absolute(directory)
    with copied():
        return build_meta.prepare_metadata_for_build_wheel(directory, settings)
