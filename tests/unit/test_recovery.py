"""The configuration that some of the members get when the others are lost for good."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elect.core.configuration import MEMBERS_MAX, ClusterState, Configuration, Member, MemberKind
from elect.core.messages import TERM_MAX
from elect.core.ready import Ballot
from elect.errors import ConfigError, StoreError
from elect.storage.recovery import TERM_JUMP, StoreOwner, highest_term, read_owner, recovered
from elect.storage.sqlite import NAME, SqliteStore

STORE = b"a" * 16
BEFORE = Configuration(
    members=(
        Member(node_id="a", store_id=STORE, address="a:1"),
        Member(node_id="b", store_id=b"b" * 16, address="b:1"),
        Member(node_id="c", store_id=b"c" * 16),
        Member(node_id="l", is_voter=False),
        Member(node_id="o", kind=MemberKind.OBSERVER, is_voter=False, store_id=b"o" * 16),
        Member(node_id="w", kind=MemberKind.WITNESS),
    ),
    term=7,
    version=4,
    floor=5,
    cluster_id=b"k" * 16,
)


def recover(*voters: str, configuration: Configuration = BEFORE, term: int = 9, node_id: str = "a") -> Configuration:
    return recovered(configuration, node_id=node_id, store_id=STORE, voters=voters, addresses={}, term=term)


def test_only_the_survivors_vote_above_all_terms_of_before():
    made = recover("a", "b")
    assert made.voters == ("a", "b")
    assert made.is_newer_than(BEFORE)
    assert made.term == made.floor >= 9 + TERM_JUMP
    assert made.cluster_id == BEFORE.cluster_id


@pytest.mark.parametrize("state", ClusterState)
def test_recovered_cluster_is_active(state):
    made = recover("a", configuration=replace(BEFORE, state=state, successor="b:1", promotion_floor=7))
    assert (made.state, made.successor, made.promotion_floor) == (ClusterState.ACTIVE, "", 7)


def test_lost_voters_go_and_nodes_without_a_vote_stay():
    made = recover("a", "b")
    assert made.node_ids == ("a", "b", "l", "o")
    assert (made.member("l"), made.member("o")) == (BEFORE.member("l"), BEFORE.member("o"))


def test_survivors_keep_kind_and_address_but_no_store_of_before():
    """The node knows its own store. That of another survivor may have been replaced since."""
    made = recover("a", "b", "w")
    assert made.member("a") == BEFORE.member("a")
    assert made.member("b") == replace(BEFORE.member("b"), store_id=None)
    assert made.member("w").kind is MemberKind.WITNESS


def test_nodes_without_a_vote_may_become_voters():
    made = recover("a", "l", "o")
    assert made.voters == ("a", "l", "o")
    assert {made.member(each).kind for each in made.voters} == {MemberKind.VOTER}


def test_address_of_a_member_that_moved_is_taken():
    made = recovered(BEFORE, node_id="a", store_id=STORE, voters=["a", "b"], addresses={"b": "b:2", "o": "o:2"}, term=9)
    assert [made.member(each).address for each in "abo"] == ["a:1", "b:2", "o:2"]


@given(terms=st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)))
def test_no_two_runs_make_configurations_of_one_term(terms):
    """Two of one term that differ would be in dispute for ever; of different terms the newer one is handed on."""
    first, second = (recover("b", "a", term=term, node_id=node) for term, node in zip(terms, "ab", strict=True))
    assert first.term != second.term
    assert recover("a", configuration=first, term=first.term).is_newer_than(first)


@pytest.mark.parametrize(
    ("voters", "rule"),
    [
        ((), "'a', the node of this data_dir, is not among them"),
        (("b",), "'a', the node of this data_dir, is not among them"),
        (("a", "z"), "'z' is no member here; the members are a b c l o w"),
        (("a", "b", "a"), "an id occurs twice"),
    ],
)
def test_bad_list_of_survivors_is_refused(voters, rule):
    with pytest.raises(ConfigError) as caught:
        recover(*voters)
    assert str(caught.value).startswith(f"--voters is {list(voters)}: {rule}")


def test_witnesses_alone_are_refused():
    with pytest.raises(ConfigError, match="a witness never leads"):
        recover("w", node_id="w")


@pytest.mark.parametrize(("node_id", "why"), [("z", "is no member here"), ("c", "will be no member any more")])
def test_address_of_a_node_that_is_no_member_is_refused(node_id, why):
    with pytest.raises(ConfigError) as caught:
        recovered(BEFORE, node_id="a", store_id=STORE, voters=["a", "b"], addresses={node_id: "z:1"}, term=9)
    assert (
        str(caught.value) == f"--address is {node_id + '=z:1'!r}: {node_id!r} {why}; give the address of one of a b l o"
    )


def test_node_of_no_cluster_has_nothing_to_recover():
    with pytest.raises(ConfigError, match="belongs to no cluster yet"):
        recover("a", configuration=Configuration())


def test_term_at_the_end_of_the_range_is_refused():
    with pytest.raises(ConfigError, match="cannot be raised"):
        recover("a", "b", term=TERM_MAX - TERM_JUMP)
    assert recover("a", "b", term=TERM_MAX - TERM_JUMP - 2 * MEMBERS_MAX).term < TERM_MAX


def test_highest_term_is_that_of_any_election():
    ballots = [Ballot(term=8, voted_for=None), Ballot(term=11, voted_for="a", lowered_to=3)]
    assert highest_term(BEFORE, ballots) == 11
    assert highest_term(BEFORE, []) == 7
    assert highest_term(replace(BEFORE, floor=30), ballots) == 30


def test_owner_of_a_store_is_read_while_its_node_runs(tmp_path):
    store = SqliteStore(tmp_path)
    store.open(cluster="orders", node_id="a", promise_ns=9)
    assert read_owner(tmp_path) == StoreOwner(node_id="a", cluster="orders")
    store.close()
    assert read_owner(tmp_path) == StoreOwner(node_id="a", cluster="orders")


def test_owner_of_a_store_is_read_after_a_crash(tmp_path):
    """The latest writes are in the log, whose index may be lost."""
    store = SqliteStore(tmp_path / "data")
    store.open(cluster="orders", node_id="a", promise_ns=9)
    (tmp_path / "copy").mkdir()
    for name in (NAME, f"{NAME}-wal"):
        (tmp_path / "copy" / name).write_bytes((tmp_path / "data" / name).read_bytes())
    store.close()
    assert read_owner(tmp_path / "copy") == StoreOwner(node_id="a", cluster="orders")


@pytest.mark.parametrize("content", [None, b"", b"no database"])
def test_directory_without_a_store_is_refused_and_left_alone(tmp_path, content):
    if content is not None:
        (tmp_path / NAME).write_bytes(content)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StoreError, match=r"give the data_dir of a node|cannot be read"):
        read_owner(tmp_path)
    assert sorted(tmp_path.iterdir()) == before


def test_a_directory_that_may_not_be_read_is_a_store_error(tmp_path):
    """As one of another user; a name that is too long for the system is met by each user."""
    with pytest.raises(StoreError, match="this directory cannot be read"):
        read_owner(tmp_path / ("x" * 300))
