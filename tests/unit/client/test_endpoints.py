"""The addresses at which a client finds nodes."""

from elect.client.endpoints import Endpoints, ProbeTarget
from elect.core.configuration import Configuration, Member
from elect.observing.observer_messages import MembersReport
from wire import Address

SEEDS = (Address("10.0.0.1", 1), Address("10.0.0.2", 1))


def report(version: int, **addresses: str | None) -> MembersReport:
    listed = tuple(Member(node_id=node_id) for node_id in sorted(addresses))
    known = {node_id: address for node_id, address in addresses.items() if address is not None}
    return MembersReport(configuration=Configuration(members=listed, version=version), addresses=known)


def texts(endpoints: Endpoints) -> list[tuple[str, str]]:
    return [(target.node_id, str(target.address)) for target in endpoints.targets()]


def test_seeds_come_first_to_last():
    assert texts(Endpoints(SEEDS)) == [("", "10.0.0.1:1"), ("", "10.0.0.2:1")]


def test_members_come_before_seeds_and_no_address_twice():
    endpoints = Endpoints(SEEDS)
    endpoints.refresh(report(1, a="10.0.0.2:1", b="10.0.0.3:1"))
    assert texts(endpoints) == [("a", "10.0.0.2:1"), ("b", "10.0.0.3:1"), ("", "10.0.0.1:1")]


def test_a_removed_member_is_not_dialed_any_more():
    endpoints = Endpoints(SEEDS)
    endpoints.refresh(report(1, a="10.0.0.4:1", b="10.0.0.3:1"))
    endpoints.refresh(report(2, b="10.0.0.3:1"))
    assert texts(endpoints)[0] == ("b", "10.0.0.3:1")
    assert "10.0.0.4:1" not in dict(texts(endpoints)).values()


def test_an_older_or_empty_report_leaves_the_list():
    endpoints = Endpoints(SEEDS)
    endpoints.refresh(report(2, a="10.0.0.4:1"))
    before = texts(endpoints)
    for useless in (report(1, b="10.0.0.5:1"), report(3), report(3, a="no address"), report(2, a=None)):
        endpoints.refresh(useless)
        assert texts(endpoints) == before


def test_a_member_without_an_address_keeps_its_former_one():
    endpoints = Endpoints(SEEDS)
    endpoints.refresh(report(1, a="10.0.0.4:1", b="10.0.0.5:1"))
    endpoints.refresh(report(2, a="10.0.0.4:1", b=None))
    assert ("b", "10.0.0.5:1") in texts(endpoints)


def test_a_hint_comes_first_and_needs_only_an_id():
    endpoints = Endpoints(SEEDS)
    assert endpoints.hint("default", "b", "") is None
    endpoints.refresh(report(1, a="10.0.0.4:1", b="10.0.0.5:1"))
    target = ProbeTarget(address=Address("10.0.0.5", 1), node_id="b")
    assert endpoints.hint("default", "b", "") == target
    assert endpoints.targets()[0] == target
    assert endpoints.hint("default", "z", "10.0.0.9:1") == ProbeTarget(address=Address("10.0.0.9", 1), node_id="z")
    endpoints.forget_hint("default")
    assert ("z", "10.0.0.9:1") not in texts(endpoints)


def test_a_seed_may_be_any_node_whoever_was_there_before():
    endpoints = Endpoints(SEEDS)
    endpoints.refresh(report(1, a="10.0.0.2:1", b="10.0.0.3:1"))
    endpoints.hint("default", "a", "10.0.0.2:1")
    assert [(target.node_id, target.to) for target in endpoints.targets()] == [("a", ""), ("b", "b"), ("", "")]
