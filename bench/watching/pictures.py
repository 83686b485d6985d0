"""Pictures of the page in each situation that an operator meets, wide, dark and on a phone."""

import http.client
import signal
import tempfile
import time
from pathlib import Path

from watching.chromium import Page

from elect.testing.real_processes import RUN, Plan, ProcessCluster

SIZES = {
    "wide": (1280, 900, False),
    "dark": (1280, 900, True),
    "phone": (390, 844, False),
    "phone-dark": (390, 844, True),
}
SHOWN = "a"
"""The node whose page is shown."""

QUIET_S = 1.5
MANY_START_S = 120.0


def take(page: Page, directory: Path, situation: str) -> None:
    """Take the pictures of what the page shows now."""
    for name, (width, height, is_dark) in SIZES.items():
        page.show(width=width, height=height, is_dark=is_dark)
        time.sleep(0.3)
        page.picture(directory / f"{situation}-{name}.png")
    print(
        f"{situation}: {len(SIZES)} pictures in {directory}; problems of the page: {page.problems or 'none'}",
        flush=True,
    )


def resign(running: ProcessCluster, node_id: str) -> None:
    """Have a node give up leadership, and wait for the next leader."""
    since = len(running.events)
    client = http.client.HTTPConnection(running.http[node_id], timeout=10)
    client.request("POST", "/resign")
    client.getresponse().read()
    client.close()
    running.wait_for_leader(since=since, besides=node_id)


def leader_besides_shown(running: ProcessCluster) -> str:
    """Return the node that leads; it is not the one whose page is shown."""
    running.wait_for_leader()
    running.wait_until_quiet(QUIET_S)
    leader = max((each for each in running.events if each.event == "elected"), key=lambda each: each.boottime).node
    if leader == SHOWN:
        resign(running, SHOWN)
        return leader_besides_shown(running)
    return leader


def kill_leader(running: ProcessCluster) -> str:
    """Kill the leader; return its id."""
    leader = leader_besides_shown(running)
    since = len(running.events)
    running.nodes[leader].signal(signal.SIGKILL)
    running.wait_for_leader(since=since, besides=leader)
    running.nodes[leader].wait()
    return leader


def few(page: Page, directory: Path) -> None:
    """Take pictures of one election of three nodes."""
    with (
        tempfile.TemporaryDirectory(prefix="elect-page-") as place,
        ProcessCluster(Plan(directory=Path(place), with_http=True)) as running,
    ):
        running.wait_for_leader()
        page.open(f"http://{running.http[SHOWN]}/")
        for _ in range(3):
            running.nodes[kill_leader(running)].start()
        leader_besides_shown(running)
        take(page, directory, "steady")
        kill_leader(running)
        page.wait_for("document.body.innerText.includes('its process ended')")
        take(page, directory, "failover")
        for node_id in set(running.nodes) - {SHOWN}:
            if running.nodes[node_id].is_running:
                running.nodes[node_id].signal(signal.SIGKILL)
                running.nodes[node_id].wait()
        page.wait_for("document.body.innerText.includes('are needed')")
        take(page, directory, "no-quorum")
        running.nodes[SHOWN].terminate()
        running.nodes[SHOWN].wait()
        page.wait_for("document.body.dataset.connection === 'stopped'")
        take(page, directory, "stopped")


def many(page: Page, directory: Path, elections: int) -> None:
    """Take pictures of many elections of three nodes."""
    names = [f"tenant-{number:05}/orders" for number in range(elections)]
    command = (*RUN[:-1], *(part for name in names for part in ("--election", name)), RUN[-1])
    with (
        tempfile.TemporaryDirectory(prefix="elect-page-") as place,
        ProcessCluster(Plan(directory=Path(place), with_http=True, command=command)) as running,
    ):
        running.wait_until_quiet(QUIET_S, timeout=MANY_START_S)
        page.open(f"http://{running.http[SHOWN]}/")
        page.wait_for("model.report?.elections.leaderless === 0", MANY_START_S)
        page.wait_for(f"model.report.elections.total >= {elections}")
        began = time.monotonic()
        page.evaluate("byId('rows').scrollTop = 0.7 * byId('rows').scrollHeight")
        page.wait_for("[...document.querySelectorAll('.row')].every(row => row.children.length > 1)")
        print(f"{elections} elections: rows in the middle are there after {1e3 * (time.monotonic() - began):.0f} ms")
        print(f"elements on the page: {page.evaluate('document.querySelectorAll(`*`).length')}", flush=True)
        take(page, directory, "many")
        leader = next(node_id for node_id in running.nodes if node_id != SHOWN)
        running.nodes[leader].signal(signal.SIGSTOP)
        page.evaluate("byId('rows').scrollTop = 0")
        page.wait_for("model.report.elections.leaderless > 0")
        take(page, directory, "many-in-trouble")
        running.nodes[leader].signal(signal.SIGCONT)
