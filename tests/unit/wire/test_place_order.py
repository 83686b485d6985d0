"""The order in which the addresses of a name are dialed."""

import itertools
import socket

from wire.links.place_order import PLACES_MAX, PlaceOrder

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (f"10.0.0.{place}", 1)) for place in range(3)]


def hosts(order: PlaceOrder) -> list[object]:
    return [str(each[4][0])[-1] for each in order.sort(FOUND)]


def test_the_order_of_the_system_holds_without_a_failure():
    order = PlaceOrder()
    order.note_failed(FOUND[0][4])
    order.note_linked(FOUND[0][4])
    assert hosts(order) == ["0", "1", "2"]
    assert not len(order)


def test_those_that_failed_come_last_the_latest_last():
    order = PlaceOrder(itertools.count(1).__next__)
    order.note_failed(FOUND[0][4])
    assert hosts(order) == ["1", "2", "0"]
    order.note_failed(FOUND[1][4])
    assert hosts(order) == ["2", "0", "1"]
    order.note_failed(FOUND[2][4])
    order.note_failed(FOUND[0][4])
    assert hosts(order) == ["1", "2", "0"]
    order.note_linked(FOUND[1][4])
    assert hosts(order) == ["1", "2", "0"]
    order.note_linked(FOUND[0][4])
    assert hosts(order) == ["0", "1", "2"]


def test_the_places_that_are_remembered_are_bounded():
    order = PlaceOrder()
    for place in range(PLACES_MAX + 10):
        order.note_failed(("10.1.1.1", place))
    assert len(order) == PLACES_MAX
