from elect import Config
from elect.bridge.node_context import NodeContext
from elect.bridge.publisher import HELD_MAX, Profile, Publisher
from elect.core.events import Elected, LeaderChanged

ELECTED = Elected(election="e", term=1, at=0)
CHANGED = LeaderChanged(election="e", term=1, leader="a", at=0)


def publisher() -> tuple[Publisher, list]:
    """A publisher, and the events that it told together."""
    told: list = []
    context = NodeContext(Config(node="a", cluster="t", listen="127.0.0.1:0", data_dir="x"), lambda: 0)

    def dispatch(notices: list) -> None:
        told.append([notice.event for notice in notices])

    return Publisher(context, dispatch, lambda _: Profile()), told


def test_an_election_is_published_at_once_and_the_rest_at_flush():
    published, told = publisher()
    published.queue_events((CHANGED, ELECTED, CHANGED))
    assert told == [[CHANGED, ELECTED]]
    assert published.is_holding
    published.flush_events()
    published.flush_events()
    assert told == [[CHANGED, ELECTED], [CHANGED]]
    assert not published.is_holding


def test_too_many_events_are_told_although_none_is_urgent():
    published, told = publisher()
    for _ in range(HELD_MAX + 1):
        published.queue_events((CHANGED,))
    published.queue_events((CHANGED,))
    assert [len(events) for events in told] == [HELD_MAX + 1]


def test_the_highest_term_of_a_leader_is_kept():
    published, _ = publisher()
    election = published._context.published("e")
    other = LeaderChanged(election="e", term=1, leader="b", at=0)
    for event, term in ((other, 1), (Elected(election="e", term=3, at=0), 3), (other, 3)):
        published.publish((event,))
        assert election.leader_term == term


def test_an_election_is_told_with_its_leader():
    told: list = []
    published = Publisher(publisher()[0]._context, told.extend, lambda _: Profile())
    published.publish((ELECTED,))
    assert (told[0].leader.node_id, told[0].leader.term) == ("a", 1)
