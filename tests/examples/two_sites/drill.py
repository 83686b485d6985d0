"""A disaster drill: two sites of three nodes each, and a store that checks tokens. Site one fails; site two takes over.

    python -m tests.examples.two_sites.drill           all of it; or name some: planned killed cut unseen

- planned: nothing fails. The promotion seals site one first.
- killed: the processes of site one are killed, and start again later with their data.
- cut: nothing at site one can be reached, nor can it reach the store. It runs, and leads.
- unseen: only the mirrors cannot reach site one. It leads, and writes, while site two is promoted.

At the end site one comes back as the standby of site two. A write of a deposed leader is never accepted.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from elect.cli import http_client
from elect.cli.exit_codes import ExitCode, Failure
from elect.testing.real_processes import free_ports
from tests.examples.two_sites.fenced_store import FencedStore
from tests.fault.proxy import Proxy
from wire.common.deadline import now_s
from wire.protocol.address import Address

PROGRAM = Path(__file__).with_name("site_program.py")
VARIANTS = ("planned", "killed", "cut", "unseen")
DEADLINE_S = 60.0
PROMOTION_S = 6.0
"""Half of it for the seal of a site that does not answer."""


class Site:
    """Three processes.

    Args:
        name: of the site.
        node_ids: of its nodes.
        directory: for files and data.
    """

    def __init__(self, name: str, node_ids: str, directory: Path) -> None:
        self.name = name
        self._directory = directory
        ports = [f"127.0.0.1:{port}" for port in free_ports(2 * len(node_ids))]
        self.addresses = dict(zip(node_ids, ports, strict=False))
        self.http = dict(zip(node_ids, ports[len(node_ids) :], strict=True))
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, store: str, source: Sequence[str] = ()) -> None:
        """Start the processes; with a source they are a standby cluster of that."""
        for node_id, address in self.addresses.items():
            peers = {peer: at for peer, at in self.addresses.items() if peer != node_id}
            lines = [
                "[node]",
                f'id = "{node_id}"',
                'cluster = "orders"',
                f'listen = "{address}"',
                f'data_dir = "{self._directory / node_id}"',
                "[timing]",
                'heartbeat_interval = "100ms"',
                'support_duration = "600ms"',
                "[http]",
                f'listen = "{self.http[node_id]}"',
                "[peers]",
                *(f'{peer} = "{at}"' for peer, at in peers.items()),
                *(["[mirror]", f"source = {json.dumps(source)}"] if source else []),
            ]
            path = self._directory / f"{node_id}.toml"
            path.write_text("\n".join(lines) + "\n")
            with path.with_suffix(".log").open("ab") as log:
                command = [sys.executable, str(PROGRAM), str(path), self.name, store]
                self._processes.append(subprocess.Popen(command, stderr=log, stdout=log))

    def kill(self) -> None:
        """End all processes at once, as a fire does."""
        self._end(subprocess.Popen.kill)

    def stop(self) -> None:
        """End all processes; each resigns first."""
        self._end(subprocess.Popen.terminate)

    def _end(self, end: Callable[[subprocess.Popen[bytes]], None]) -> None:
        for process in self._processes:
            end(process)
        for process in self._processes:
            process.wait(DEADLINE_S)
        self._processes.clear()

    def wipe(self) -> None:
        """Delete all data: who comes back knows nothing."""
        for node_id in self.addresses:
            shutil.rmtree(self._directory / node_id)

    def states(self) -> list[object]:
        """Return the state of the cluster as each node has it, with that of its mirror."""
        found = list[object]()
        for at in self.http.values():
            try:
                answer = http_client.ask(Address.parse(at), "GET", "/mirror").content
            except Failure:
                continue  # it starts
            mirror = answer["mirror"]
            found.append((answer["cluster_state"], mirror["state"] if isinstance(mirror, dict) else None))
        return found

    def is_following(self) -> bool:
        """Return whether the mirror of each node follows."""
        return self.states() == [("standby", "following")] * len(self.http)

    def promote(self) -> dict[str, object]:
        """Promote the cluster. A promotion that is not done in time is repeated: what is done stays done."""
        options = ("--yes", "--json", "--timeout", str(PROMOTION_S))
        command = [sys.executable, "-m", "elect.cli", "mirror", "promote", *options, *self.http.values()]
        while True:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_S)
            if done.returncode != ExitCode.NOT_IN_TIME:
                break
        assert done.returncode == ExitCode.OK, done.stderr
        answer: dict[str, object] = json.loads(done.stdout)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


@dataclass(frozen=True)
class Report:
    """The outcome of one drill.

    Attributes:
        variant: its name.
        without_leader: from the last write of site one that was accepted to the first one of site two, s; below 0: site
            one wrote until then.
        was_sealed: the promotion has sealed site one.
        floor: of the promotion.
        accepted: the writes that the store took, by site.
        refused: the writes of site one that it refused, as those of a deposed leader.
    """

    variant: str
    without_leader: float
    was_sealed: bool
    floor: int
    accepted: dict[str, int]
    refused: int

    def __str__(self) -> str:
        seal = "sealed" if self.was_sealed else "not sealed"
        return (
            f"{self.variant:8} {self.without_leader:6.2f} s without a leader; site one {seal}; writes accepted:"
            f" {self.accepted}, refused: {self.refused}; terms above {self.floor:,}"
        )


def run(variant: str, directory: Path, *, is_whole: bool = True) -> Report:
    """Run one drill.

    Args:
        variant: its name.
        directory: for the files and data of both sites.
        is_whole: at the end site one becomes the standby of site two.

    Raises:
        AssertionError: the store accepted what it must not, or something did not happen in time.
    """
    with ExitStack() as stack:
        store = stack.enter_context(FencedStore())
        one = stack.enter_context(Site("one", "abc", directory))
        two = stack.enter_context(Site("two", "xyz", directory))
        to_store, *to_one = [Proxy(address) for address in (store.address, *one.addresses.values())]
        for proxy in (to_store, *to_one):
            stack.callback(proxy.stop)
        one.start(to_store.address)
        two.start(store.address, [proxy.address for proxy in to_one])
        _await(lambda: store.accepted, "site one writes")
        _await(two.is_following, "the mirrors of site two follow")
        cut = {"cut": (to_store, *to_one), "unseen": to_one}.get(variant, ())
        if variant == "killed":
            one.kill()
        for proxy in cut:
            proxy.cut()
        made = two.promote()
        _await(lambda: store.accepted[-1].site == "two", "site two writes")
        if variant == "killed":
            one.start(to_store.address)
        for proxy in cut:
            proxy.heal()
        if made["was_sealed"]:
            _await(lambda: one.states() == [("sealed", None)] * len(one.http), "all nodes of site one are sealed")
        else:
            _await(lambda: store.refused, "site one leads in its old terms, and is refused")
        one.stop()
        if is_whole:
            one.wipe()
            one.start(to_store.address, list(two.addresses.values()))
            _await(one.is_following, "site one follows site two")
        return _judged(variant, store, made)


def _judged(variant: str, store: FencedStore, made: dict[str, object]) -> Report:
    """Check what the store has accepted, and measure."""
    tokens = [write.token for write in store.accepted]
    assert tokens == sorted(tokens), "a write of a deposed leader was accepted"
    sites = [write.site for write in store.accepted]
    first = sites.index("two")
    assert "one" not in sites[first:], "site one wrote after site two"
    floor = made["floor"]
    assert isinstance(floor, int)
    assert tokens[first - 1] < floor < tokens[first], "the floor does not part the sites"
    return Report(
        variant=variant,
        without_leader=store.accepted[first].at - store.accepted[first - 1].at,
        was_sealed=made["was_sealed"] is True,
        floor=floor,
        accepted={site: sites.count(site) for site in ("one", "two")},
        refused=len(store.refused),
    )


def _await(is_met: Callable[[], object], what: str) -> None:
    ends_at = now_s() + DEADLINE_S
    while not is_met():
        assert now_s() < ends_at, f"it did not happen in time: {what}"
        time.sleep(0.05)


def main() -> None:
    """Run the drills that are named, or all."""
    if not {*sys.argv[1:]} <= {*VARIANTS}:
        sys.exit(f"usage: python -m tests.examples.two_sites.drill [{' | '.join(VARIANTS)}]...")
    for variant in sys.argv[1:] or VARIANTS:
        with tempfile.TemporaryDirectory() as directory:
            sys.stdout.write(f"{run(variant, Path(directory))}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
