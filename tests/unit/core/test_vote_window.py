"""How many campaigns of a node live at once, and which of them begin first."""

from elect.core.messages import Vote
from elect.core.state.scale import UNANSWERED_FIRST, VoteWindow
from tests.unit.core.desk import INTERVAL, TURN, Desk


def crowd() -> Desk:
    """A candidate in 200 elections; its own votes in the first of them are on disk."""
    desk = Desk(elections=tuple(f"e{n:03}" for n in range(200))).supported()
    desk.written()
    return desk


def grants_of(desk: Desk, peer: str, count: int) -> None:
    live = sorted(desk.elector.state.index.campaigns.live)
    desk.say(peer, *(desk.grant(peer, 1, election=name) for name in live[:count]))


def test_a_node_asks_for_few_votes_at_first():
    assert len(crowd().elector.state.index.campaigns.live) == UNANSWERED_FIRST


def test_each_vote_answered_soon_allows_one_more():
    desk = crowd()
    grants_of(desk, "a", 10)
    assert desk.elector.state.support.peers["a"].vote_window.size == UNANSWERED_FIRST + 10


def test_a_vote_answered_late_allows_no_more():
    desk = crowd()
    desk.now += TURN
    grants_of(desk, "a", 10)
    assert desk.elector.state.support.peers["a"].vote_window.size == UNANSWERED_FIRST


def test_a_peer_that_does_not_answer_holds_campaigns_up():
    desk = crowd()
    grants_of(desk, "a", UNANSWERED_FIRST)  # the next ones are asked of "c", too
    desk.written()
    live = desk.elector.state.index.campaigns.live
    asked = sorted(live)
    grants_of(desk, "a", 40)
    assert len(live) == UNANSWERED_FIRST - 40, "won by the other peer, and none begun instead"
    desk.say("c", *(desk.grant("c", 1, election=name) for name in asked[:10]))
    assert len(live) == UNANSWERED_FIRST - 40, "less than half is answered"
    desk.say("c", *(desk.grant("c", 1, election=name) for name in asked[10:22]))
    answers = 22
    assert len(live) == UNANSWERED_FIRST - 40 + 2 * answers, "one for each answer, and one more as it came soon"


def test_a_campaign_that_may_begin_does_not_wait_for_reviews(monkeypatch):
    desk = crowd()
    monkeypatch.setattr("elect.core.step.CONSIDERED_MAX", 50)
    desk.elector.state.index.review(desk.elector.state.elections)
    grants_of(desk, "a", UNANSWERED_FIRST // 2)
    assert desk.elector.state.index.unreviewed, "more than one input considers"
    assert any(isinstance(entry, Vote) for entry in desk.entries("a"))


def test_the_own_disk_is_asked_for_few_votes_at_first():
    """Without peers, 10,000 campaigns begun together would all wait for the disk, and time out."""
    desk = Desk(voters="b", elections=tuple(f"e{n:03}" for n in range(200)))
    campaigns = desk.elector.state.index.campaigns
    assert len(campaigns.live) == UNANSWERED_FIRST
    for _ in range(UNANSWERED_FIRST):
        desk.take(desk.elector.written(desk.now, desk.pending.pop(0).number))
    live, size = len(campaigns.live), campaigns.own_window.size
    assert UNANSWERED_FIRST < live <= size, "each vote that is on disk soon allows one more"
    desk.tick(2 * TURN)
    assert campaigns.own_window.size == live // 2, "votes that are not on disk in time halve it"


def test_votes_without_an_answer_halve_what_is_asked():
    desk = crowd()
    desk.tick(2 * TURN)
    assert desk.elector.state.support.peers["a"].vote_window.size == UNANSWERED_FIRST // 2


def test_votes_lost_in_one_delay_halve_it_once():
    window = VoteWindow()
    for asked_at in range(UNANSWERED_FIRST):
        window.ask(f"e{asked_at}", asked_at, 100 + asked_at)
    for now in range(100, 200):
        window.is_full(now)
    assert window.size == UNANSWERED_FIRST // 2


def test_one_whose_turn_comes_later_does_not_go_first(monkeypatch):
    monkeypatch.setattr("elect.core.state.scale.UNANSWERED_FIRST", 4)
    desk = Desk(elections=tuple(f"e{n:02}" for n in range(40)))
    desk.connect("c")
    desk.tick(INTERVAL)
    desk.beat("c", supports="b", acks=False)
    desk.beat("c", supports="b")
    campaigns = desk.elector.state.index.campaigns
    heads = {*campaigns.live, *campaigns.waiting}
    assert len(campaigns.live) == 4
    assert 8 < len(heads) < 40, "`c` comes first in the others, and this node a turn later"
    first = set(campaigns.live)
    desk.written()
    assert campaigns.live == first, "`c` has not answered"
    desk.now += TURN
    grants_of(desk, "c", 4)
    assert len(campaigns.live - first) == 4
    assert campaigns.live < heads


def test_a_closed_link_owes_no_answers():
    desk = crowd()
    window = desk.elector.state.support.peers["a"].vote_window
    assert window.is_full(desk.now)
    window.clear()
    assert not window.is_full(desk.now)


def test_one_input_considers_a_bounded_number_of_elections(monkeypatch):
    monkeypatch.setattr("elect.core.step.CONSIDERED_MAX", 50)
    monkeypatch.setattr("elect.core.state.scale.UNANSWERED_FIRST", 120)
    desk = Desk(elections=tuple(f"e{n:03}" for n in range(120))).supported()
    steps = 0
    while desk.latest.wake_at == desk.now:
        desk.tick()
        steps += 1
    assert steps >= 1
    assert len(desk.elector.state.index.campaigns.live) == 120
