"""The log of `elect run` as JSON: its lines about changes say what the events say."""

import json

import pytest

from elect.testing.real_processes import RUN, Plan, ProcessCluster
from tests.integration.test_command import leader_of

COMMON = {"event", "election", "node", "term", "leader", "boottime"}


@pytest.mark.long
def test_the_log_has_the_fields_of_the_events(tmp_path):
    command = (*RUN[:-1], "--log-format", "json", RUN[-1])
    with ProcessCluster(Plan(directory=tmp_path, command=command)) as cluster:
        leader_of(cluster)
        cluster.wait_until_quiet(0.5)
        told = list(cluster.events)
    logs = [node.path.with_suffix(".log").read_text() for node in cluster.nodes.values()]
    lines = [json.loads(line) for log in logs for line in log.splitlines()]
    assert all(line.keys() >= {"time", "level", "logger", "message"} for line in lines)
    changes = [line for line in lines if "event" in line]
    assert all(line.keys() >= COMMON for line in changes)
    assert {"link", "lifecycle", "role"} <= {line["event"] for line in changes}
    written = [(each["event"], each["node"], each["term"], each["leader"], each["boottime"]) for each in changes]
    first = {
        (each.event, each.node, each.leader): each for each in reversed(told) if each.event in ("elected", "leader")
    }
    assert first
    for event in first.values():  # a later one of the same cause is held back for ten seconds
        assert (event.event, event.node, event.term, event.leader, event.boottime) in written
