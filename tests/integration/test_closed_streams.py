"""Standard streams that are closed, full or without a reader; no file or socket of elect has their numbers."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.integration.test_command import ELECT, PATIENCE_S, write_alone
from tests.nodes import eventually, free_ports

pytestmark = pytest.mark.long

CLOSED = [{0}, {1}, {2}, {1, 2}, {0, 1, 2}]


def start(arguments, closed, **options):
    """Run a command without some of its standard streams."""
    streams = {name: subprocess.PIPE for number, name in ((1, "stdout"), (2, "stderr")) if number not in closed}
    redirections = " ".join(f"{number}>&-" for number in sorted(closed))
    return subprocess.Popen(
        ["sh", "-c", f'exec "$@" {redirections}', "sh", *arguments], text=True, **streams, **options
    )


def end(arguments, closed=frozenset(), **options):
    """Run a command to its end; return the exit code and the output."""
    with start(arguments, closed, **options) as process:
        said = process.communicate(timeout=PATIENCE_S)
    return process.returncode, "".join(filter(None, said))


def run(arguments, **options):
    return subprocess.run([*ELECT, *arguments], check=False, timeout=60, **options)


def files(pid):
    """Return the target of each descriptor of a process."""
    found = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found[int(link.name)] = str(link.readlink())
        except FileNotFoundError:
            continue
    return found


def is_started(pid):
    """Return whether the process has its lock, its database and its listening socket."""
    found = " ".join(files(pid).values())
    return all(name in found for name in ("elect.lock", "elect.sqlite3-wal", "socket:"))


@pytest.mark.parametrize("closed", CLOSED)
@pytest.mark.parametrize("events", [[], ["--events"]])
def test_run_without_streams_runs_and_ends_well(tmp_path, closed, events):
    """SIGTERM ends it with 0, and the descriptors that were closed are of /dev/null."""
    with start([*ELECT, "run", "-c", write_alone(tmp_path), *events], closed) as process:
        eventually(lambda: is_started(process.pid), PATIENCE_S)
        found = files(process.pid)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert "Traceback" not in "".join(filter(None, said))
    assert {found[number] for number in closed} == {"/dev/null"}


@pytest.mark.parametrize("closed", [{1}, {2}, {0, 1, 2}])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["nonsense"], 2),
        (["run", "-c", "missing.toml"], 2),
        (["check", "-c", "missing.toml"], 2),
        (["status", "127.0.0.1:1"], 1),
        (["resign", "127.0.0.1:1"], 1),
        (["simulate", "--seconds", "0.1"], 0),
        (["demo", "--nodes", "99"], 2),
    ],
)
def test_command_without_streams_ends_with_its_code(closed, arguments, code):
    """Output without a reader is dropped, and changes no exit code."""
    returned, said = end([*ELECT, *arguments], closed)
    assert returned == code
    assert "Traceback" not in said


@pytest.mark.parametrize("closed", [{1}, {0, 1}])
@pytest.mark.parametrize(
    "arguments",
    [["leader", "127.0.0.1:1", "--cluster", "x"], ["leader", "127.0.0.1:1", "--cluster", "x", "--watch"],
     ["members", "list", "127.0.0.1:1"], ["members", "token", "d", "-c", "missing.toml"]],
)  # fmt: skip
def test_answer_that_cannot_be_written_is_a_failure(closed, arguments):
    """Else a script takes an empty text for the answer. Nobody is asked."""
    assert end([*ELECT, *arguments], closed) == (1, "elect: cannot write the output: stdout is closed\n")


@pytest.fixture(params=["", "1"])
def environ(request):
    """With and without a buffer between a command and its output."""
    return os.environ | {"PYTHONUNBUFFERED": request.param}


@pytest.mark.parametrize("arguments", [["--help"], ["simulate", "--help"], ["simulate"], ["status", "127.0.0.1:1"]])
def test_command_whose_reader_has_gone_ends_as_by_sigpipe(arguments, environ):
    """As a shell expects of `elect … | head -1`: 141 and not a word."""
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    with os.fdopen(write_fd, "wb") as broken:
        ended = run(arguments, env=environ, stdout=broken, stderr=subprocess.PIPE)
    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.parametrize("arguments", [["--help"], ["simulate", "--seconds", "0.1"], ["status", "127.0.0.1:1"]])
def test_command_whose_output_is_full_ends_with_1_and_says_so(arguments, environ):
    """A disk that is full is told in one line."""
    with Path("/dev/full").open("wb") as full:
        ended = run(arguments, env=environ, stdout=full, stderr=subprocess.PIPE)
    assert (ended.returncode, ended.stderr.count(b"\n")) == (1, 1)
    assert ended.stderr.startswith(b"elect: ")
    assert b"No space left on device" in ended.stderr


@pytest.mark.parametrize("arguments", [["nonsense"], ["check", "-c", "missing.toml"]])
@pytest.mark.parametrize("kind", ["broken", "full"])
def test_complaint_that_nobody_takes_changes_no_code(arguments, kind, environ):
    """The exit code is the same when stderr is a pipe without a reader or a full disk."""
    read_fd, write_fd = (
        os.pipe() if kind == "broken" else (os.open(os.devnull, os.O_RDONLY), os.open("/dev/full", os.O_RDWR))
    )
    os.close(read_fd)
    with os.fdopen(write_fd, "wb") as stream:
        ended = run(arguments, env=environ, stdout=subprocess.PIPE, stderr=stream)
    assert (ended.returncode, ended.stdout) == (2, b"")


PROGRAM = """
import os, socket, sys
from pathlib import Path
from elect import Config, Node
from tests.nodes import eventually
from wire.io.sockets import own_socket

directory, first, second, moment = sys.argv[1:]
ports = {"a": first, "b": second}

def close():
    for number in range(3):
        os.close(number)

def make(name, peer):
    return Node(Config(
        node=name, cluster="test", data_dir=f"{directory}/{name}", listen=f"127.0.0.1:{ports[name]}",
        peers={peer: f"127.0.0.1:{ports[peer]}"}, http_listen="127.0.0.1:0",
    ))

a, b = make("a", "b"), make("b", "a")
if moment == "before":
    close()
a.start()
if moment == "between":
    close()
b.start()
eventually(lambda: a.is_leader or b.is_leader)
if moment == "running":
    close()
    http = a.http_address
    # Linux chooses the number for the first one before it waits for it.
    clients = [own_socket(socket.create_connection((http.host, http.port))) for _ in range(3)]
    eventually(lambda: len(a._http.connections) == len(clients))
found = {}
for number in range(3):
    try:
        found[number] = os.readlink(f"/proc/self/fd/{number}")
    except FileNotFoundError:
        found[number] = "closed"
Path(directory, "found").write_text(" ".join(found.values()))
assert a.stop() and b.stop()
"""


@pytest.mark.parametrize("moment", ["before", "between", "running"])
def test_program_that_closed_its_streams_has_none_of_ours_there(tmp_path, moment):
    """Its output never goes to a peer or into a file of elect, also when it closed the streams later."""
    first, second = map(str, free_ports(2))
    program = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(tmp_path), first, second, moment]
    ended = subprocess.run(program, check=False, timeout=60, cwd=Path(__file__).parents[2])
    assert ended.returncode == 0
    assert set((tmp_path / "found").read_text().split()) <= {"/dev/null", "closed"}
