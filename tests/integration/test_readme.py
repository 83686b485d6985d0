"""The examples of the documents that need nodes, run unchanged."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack

import pytest

from elect import Client, Config, Node
from elect.testing.real_processes import free_ports
from tests.documents import ROOT, block, blocks
from tests.nodes import DEADLINE_S, cluster, configs, eventually, single

pytestmark = pytest.mark.long

QUICK_START = block("README.md", "python", "ADDRESSES")
SAID = re.compile(r"(\w) leads with token (\d+)\. Now try: kill -9 (\d+)\n")
LEADS = re.compile(r"(\w) leads in term (\d+)\n")


class Terminals:
    """The quick start's processes in an empty folder, and all that they print.

    Args:
        folder: where the program is.
        installed: where the package is.
    """

    def __init__(self, folder, installed) -> None:
        self._folder = folder
        self._installed = installed
        self._stack = ExitStack()
        self.processes = {}
        self.lines = []

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        for process in self.processes.values():
            process.kill()
        self._stack.close()

    def run(self, name: str) -> None:
        """Run the example as in a terminal."""
        process = subprocess.Popen(
            [sys.executable, "three_nodes.py", name],
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": str(self._installed)},
            stdin=subprocess.DEVNULL,  # as under nohup, and in a container
            stdout=subprocess.PIPE,
            text=True,
        )
        self._stack.enter_context(process)
        reader = threading.Thread(target=lambda: self.lines.extend(process.stdout))
        reader.start()
        self._stack.callback(reader.join)
        self._stack.callback(process.kill)
        self.processes[name] = process

    def leader(self, above: int = 0) -> tuple[str, int, int]:
        """Name, token and process id of the one that says that it leads with a higher token than this."""

        def find():
            said = [SAID.search(line) for line in self.lines]
            return [each for each in said if each and int(each[2]) > above]

        name, token, process = eventually(find, 30)[-1].groups()
        return name, int(token), int(process)


@pytest.fixture
def folder(tmp_path):
    """An empty folder with the quick start in it, on ports that are free here."""
    text = QUICK_START
    for number, port in zip((7101, 7102, 7103), free_ports(3), strict=True):
        assert f"127.0.0.1:{number}" in text
        text = text.replace(f":{number}", f":{port}")
    (tmp_path / "three_nodes.py").write_text(text)
    return tmp_path


def test_the_quick_start_elects_again_after_kill_9(folder, installed):
    """Three terminals; the leader is killed, another one leads; the dead one comes back; a signal ends each."""
    assert "python three_nodes.py a" in "".join(blocks("README.md", ""))
    with Terminals(folder, installed) as terminals:
        for name in "abc":
            terminals.run(name)
        name, token, process = terminals.leader()
        assert process == terminals.processes[name].pid
        os.kill(process, signal.SIGKILL)
        assert terminals.leader(above=token)[0] != name
        assert terminals.processes.pop(name).wait(DEADLINE_S) == -signal.SIGKILL
        terminals.run(name)
        eventually(lambda: sum("Press Ctrl-C" in line for line in terminals.lines) == 4)
        for process, number in zip(terminals.processes.values(), [signal.SIGINT, signal.SIGTERM] * 2, strict=False):
            process.send_signal(number)
        assert [process.wait(DEADLINE_S) for process in terminals.processes.values()] == [0, 0, 0]


@pytest.mark.parametrize("names", [[], ["d"], ["a", "b"]])
def test_the_quick_start_without_a_name_prints_its_usage(folder, installed, names):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "three_nodes.py", *names]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (1, "usage: python three_nodes.py NAME, which is a, b or c\n")


def test_the_output_in_the_readme_is_that_of_the_quick_start():
    """A line of the same form stands below the program."""
    assert any(SAID.fullmatch(text) for text in blocks("README.md", ""))


def test_the_client_of_the_readme_sees_a_failover(folder, installed):
    """It runs beside the quick start, and prints the next leader when the first one is killed."""
    ports = re.findall(r":(\d+)\"", (folder / "three_nodes.py").read_text())
    text = block("README.md", "python", "client.watch")
    for number, port in zip((7101, 7102, 7103), ports, strict=True):
        text = text.replace(f":{number}", f":{port}")
    (folder / "find_leader.py").write_text(text)
    with Terminals(folder, installed) as terminals:
        for name in "abc":
            terminals.run(name)
        _, token, _ = terminals.leader()
        with subprocess.Popen(
            [sys.executable, "-u", "find_leader.py"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(installed)},
            stdout=subprocess.PIPE,
            text=True,
        ) as client:
            try:
                name, term = LEADS.fullmatch(next(client.stdout)).groups()
                assert int(term) >= token  # on a busy machine a second leader may be the first that it hears of
                terminals.processes[name].kill()
                found = next(line for line in client.stdout if "leads in" in line and not line.startswith(name))
                assert int(LEADS.fullmatch(found)[2]) > int(term)
            finally:
                client.kill()


def test_the_survey_in_asyncio_has_leader_and_members(tmp_path):
    names = {}
    exec(compile(block("elect/cli/OPERATIONS.md", "python", "from asyncio"), "survey", "exec"), names)
    with cluster(tmp_path) as nodes, Client([nodes["a"].config.listen], cluster="test") as client:
        leader, members = asyncio.run(names["survey"](client))
        assert leader.node_id == nodes.leader().config.node
        assert [member.node_id for member in members] == ["a", "b", "c"]


def recipe():
    """The function of the recipe for asyncio."""
    names = {}
    exec(compile(block("elect/cli/OPERATIONS.md", "python", "import asyncio"), "recipe", "exec"), names)
    return names["lead"]


def test_a_cancelled_wait_of_asyncio_leaves_no_thread(tmp_path):
    """The task ends at once, and the node is no candidate any more."""
    with cluster(tmp_path) as nodes:
        node = nodes.followers()[0]
        before = set(threading.enumerate())

        async def main():
            task = asyncio.create_task(recipe()(node, None))
            await asyncio.sleep(0)  # now it waits
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        assert set(threading.enumerate()) <= before
        nodes.leader().resign(timeout=DEADLINE_S)
        assert nodes.leader() is not node


def test_the_recipe_for_asyncio_works_and_stops_when_it_should(tmp_path):
    """Work is cancelled when leadership is lost, begins again with the next one, and ends with the task."""
    with single(tmp_path) as node:

        async def main():
            told = asyncio.Queue()

            async def work(leadership):
                told.put_nowait(leadership)
                try:
                    await asyncio.Event().wait()
                finally:
                    told.put_nowait("cancelled")

            async def hear():
                return await asyncio.wait_for(told.get(), DEADLINE_S)

            task = asyncio.create_task(recipe()(node, work))
            first = await hear()
            first.resign()
            assert await hear() == "cancelled"
            second = await hear()
            assert second.token > first.token
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await hear() == "cancelled"
            assert second.lost.is_set()

        asyncio.run(main())
        assert not node.is_leader


def test_the_recipe_for_asyncio_raises_what_work_raises(tmp_path):
    """Work that fails resigns and raises."""
    with single(tmp_path) as node:

        async def work(_leadership):
            raise LookupError("work")

        with pytest.raises(LookupError, match="work"):
            asyncio.run(asyncio.wait_for(recipe()(node, work), DEADLINE_S))
        assert not node.is_leader


def test_the_recipe_for_other_workers_gets_the_token(tmp_path):
    """The token of the node beside, or None where it does not lead or does not run."""
    names = {}
    exec(compile(block("elect/cli/OPERATIONS.md", "python", "def leader_token"), "recipe", "exec"), names)
    config = configs(tmp_path, "a", http_listen="127.0.0.1:0")["a"]
    with Node(config) as node:
        address = str(node.http_address)
        token = eventually(lambda: names["leader_token"](address))
        assert token == node.leadership.token
        node.pause()
        assert names["leader_token"](address) is None
    assert names["leader_token"](address) is None


def test_the_hooks_of_gunicorn_start_and_stop_a_node(tmp_path, monkeypatch):
    """A worker has a node of its own while it lives."""
    hooks = {}
    exec(compile(block("elect/cli/OPERATIONS.md", "python", "gunicorn.conf.py"), "gunicorn.conf.py", "exec"), hooks)
    (port,) = free_ports(1)
    settings = f'[node]\nid = "a"\ncluster = "c"\nlisten = "127.0.0.1:{port}"\ndata_dir = "votes"\n'
    (tmp_path / "node.toml").write_text(settings)
    monkeypatch.chdir(tmp_path)
    worker = type("Worker", (), {})()
    hooks["post_worker_init"](worker)
    eventually(lambda: worker.node.is_leader)
    hooks["worker_exit"](None, worker)
    assert worker.node.state == "stopped"
    assert (hooks["workers"], Config.load("node.toml").voters) == (1, {"a"})


@pytest.mark.parametrize("library", ["gevent", "eventlet"])
def test_a_node_starts_after_the_patch_in_the_text(library, tmp_path):
    """The error advises the same call."""
    patch = block("elect/cli/OPERATIONS.md", "python", f"import {library}")
    start = f"""
from elect import Client, Config, Node
with Node(Config(node="a", cluster="c", listen="127.0.0.1:0", data_dir={str(tmp_path)!r})) as node:
    print(node.wait_for_leader(timeout=30).node_id)
"""
    call = [sys.executable, "-W", "ignore", "-c", patch + start]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "a\n", done.stderr
