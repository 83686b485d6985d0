"""The leases of a cluster, as its processes recorded them to their last moment: a killed one printed no more."""

import mmap
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

from failovers.node_program import RECORD, RECORDS_MAX

from elect.testing.real_processes import ProcessCluster, ProcessEvent, Tenure, tenures


def events(running: ProcessCluster) -> list[ProcessEvent]:
    """Return what all processes recorded, and the kills: node by node, each in order."""
    found: list[ProcessEvent] = []
    for node in running.nodes.values():
        parts = [[event] for event in running.events if event.event == "killed" and event.node == node.node_id]
        parts += [list(_read(path, node.node_id)) for path in _files(node.path, node.node_id)]
        # A kill comes after all of its process: that may have recorded an event between the clock and the signal.
        for part in sorted(filter(None, parts), key=lambda part: part[0].boottime):
            found += part
    return found


def leases(running: ProcessCluster) -> dict[str, list[Tenure]]:
    """Return the leases of each election, in order of begin."""
    by_election: dict[str, list[ProcessEvent]] = {}
    kills: list[ProcessEvent] = []
    for event in events(running):
        if event.event == "killed":
            kills.append(event)
            for each in by_election.values():
                each.append(event)
        elif event.event in ("elected", "lost"):
            by_election.setdefault(event.election or "", list(kills)).append(event)
    return {election: tenures(its, election) for election, its in by_election.items()}


def count(running: ProcessCluster) -> int:
    """Return the number of records of all processes."""
    return sum(_count(path) for node in running.nodes.values() for path in _files(node.path, node.node_id))


def _files(config: Path, node_id: str) -> list[Path]:
    return list(config.parent.glob(f"{node_id}.*.leases"))


def _read(path: Path, node_id: str) -> Iterator[ProcessEvent]:
    with path.open("rb") as file:
        for at, term, name, election in RECORD.iter_unpack(file.read(_count(path) * RECORD.size)):
            yield ProcessEvent(
                event=name.decode(), node=node_id, boottime=at / 1e9, election=election.decode(), term=term
            )


def _count(path: Path) -> int:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:

        def is_free(index: int) -> bool:
            at: int = RECORD.unpack_from(memory, index * RECORD.size)[0]
            return at == 0

        return bisect_left(range(RECORDS_MAX), 1, key=is_free)
