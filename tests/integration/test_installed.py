"""The package as users install it, and the examples that they copy, outside this repository."""

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.documents import block
from tests.installing import ROOT, python

pytestmark = pytest.mark.long

EXAMPLE = ROOT / "tests" / "examples" / "replicated_counter" / "test_replicated_counter.py"

UNCHECKED = """
from hypothesis import Phase, settings
from test_replicated_counter import CounterMachine

class Unchecked(CounterMachine):
    is_checking = False

TestUnchecked = Unchecked.TestCase
TestUnchecked.settings = settings(max_examples=2000, deadline=None, derandomize=True, phases=[Phase.generate])
"""


@pytest.fixture
def project(installed, tmp_path):
    """A user's project, with the example in it; `run` calls pytest there."""
    shutil.copy(EXAMPLE, tmp_path)
    (tmp_path / "conftest.py").write_text(
        f"import elect, wire\nassert elect.__file__.startswith({str(installed)!r})\n"
        f"assert wire.__file__.startswith({str(installed)!r})\n"
    )

    def run(name: str) -> subprocess.CompletedProcess[str]:
        call = [sys.executable, "-W", "error", "-m", "pytest", "-p", "no:cacheprovider", "-q", name]
        environment = {**os.environ, "PYTHONPATH": str(installed)}
        return subprocess.run(
            call, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=170, check=False
        )

    return run


def test_the_metadata_tells_the_versions_and_no_url(installed):
    """The metadata that a package index shows is present and true."""
    (found,) = metadata.distributions(name="elect", path=[str(installed)])
    about = found.metadata
    versions = {f"Programming Language :: Python :: 3.{minor}" for minor in range(11, 15)}
    assert versions <= set(about.get_all("Classifier"))
    assert about["Requires-Python"] == ">=3.11"
    assert about["Summary"]
    assert "leader election" in about["Keywords"]
    assert about["Description"].startswith("# elect")
    assert not about.get_all("Project-URL")
    said = python("-c", "import elect; print(elect.__version__, elect.__file__)", directory=installed)
    assert said.split() == [found.version, str(installed / "elect" / "__init__.py")]


def test_the_page_is_in_the_package(installed):
    made = python("-c", "from elect.web.page import page; print(len(page.page(None, None).body))", directory=installed)
    folder = ROOT / "elect" / "web" / "page"
    assert (
        int(made) > sum(path.stat().st_size for kind in ("html", "css", "js") for path in folder.glob(f"*.{kind}")) - 99
    )


def test_the_rules_and_the_dashboard_are_where_the_text_says(installed):
    """The commands that copy them, as far as the folder that they name."""
    line = block("elect/cli/OPERATIONS.md", "", "elect.monitoring").splitlines()[0]
    command = re.search(r"python -c '(.+)'", line)[1]
    folder = Path(python("-c", command, directory=installed).strip())
    assert folder == installed / "elect" / "monitoring"
    assert {"alerts.yml", "dashboard.json"} <= {path.name for path in folder.iterdir()}


def test_counter_passes_with_the_installed_package_alone(project):
    ended = project("test_replicated_counter.py")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 passed" in ended.stdout


@pytest.mark.slow
def test_counter_without_its_token_check_fails(project, tmp_path):
    (tmp_path / "test_unchecked.py").write_text(UNCHECKED)
    ended = project("test_unchecked.py")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "AssertionError: writes were accepted in the order" in ended.stdout
    program = ended.stdout[ended.stdout.index("state = Unchecked()") :]
    assert "state.begin(seed=" in program
    assert "state.increment(" in program
    assert "state.teardown()" in program
