"""The package as users get it: built from a copy of the sources, installed alone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
NEEDED = ("elect", "wire", "setup.cfg", "pyproject.toml", "README.md", "LICENSE", ".ci")
OPTIONS = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]


def python(*arguments: str, directory: Path) -> str:
    """Run Python in a directory and return its output."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    call = [sys.executable, *arguments]
    return subprocess.run(
        call, check=True, timeout=120, cwd=directory, env=environment, stdout=subprocess.PIPE, text=True
    ).stdout


def copy_sources(target: Path) -> None:
    """Copy all that the package is built from."""
    for name in NEEDED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target / name)
