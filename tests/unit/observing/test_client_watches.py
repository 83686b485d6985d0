"""Which links want to hear of which elections."""

from elect.observing.client_watches import ClientWatches
from wire.protocol.identity import LinkNumber

ANN, BOB = ("client/ann/1", LinkNumber(0, 1)), ("client/bob/1", LinkNumber(0, 1))


def test_links_and_elections_are_found_by_each_other():
    watches = ClientWatches()
    watches.add(ANN)
    watches.add(BOB)
    watches.watch(ANN, ("default", "jobs"))
    watches.watch(BOB, ("jobs",))
    assert (list(watches.links), len(watches), ANN in watches) == ([ANN, BOB], 2, True)
    assert list(watches.watching("jobs")) == [ANN, BOB]
    assert list(watches.watching("default")) == [ANN]
    assert watches.elections(ANN) == ("default", "jobs")
    assert (watches.is_watched("default"), watches.is_watched("other")) == (True, False)


def test_a_later_watch_replaces_the_earlier_one():
    watches = ClientWatches()
    watches.add(ANN)
    watches.watch(ANN, ("default", "jobs"))
    watches.watch(ANN, ("jobs", "mail"))
    assert not watches.is_watched("default")
    assert list(watches.watching("mail")) == [ANN]


def test_nothing_is_left_of_a_link_that_ended():
    watches = ClientWatches()
    watches.add(ANN)
    watches.watch(ANN, ("default",))
    watches.remove(ANN)
    watches.remove(BOB)
    assert (len(watches), watches.elections(ANN), list(watches.watching("default"))) == (0, (), [])
    assert not watches.is_watched("default")
