"""The ends of a link check their arguments in the thread of the caller."""

import math
from dataclasses import dataclass

import pytest

from wire import Address, Codec, Dialer, Endpoint, Identity, Limits, Listener

STORE = bytes(16)
IDENTITY = Identity(cluster="c", node="ann", incarnation=1, store=STORE)


@dataclass(frozen=True, slots=True)
class Note:
    text: str


async def coroutine_function(*_: object) -> None:
    pass


def endpoint(**given: object) -> Endpoint:
    return Endpoint(**{"identity": IDENTITY, "codec": Codec(Note), "deliver": print, **given})


def listener(**given: object) -> Listener:
    return Listener(
        **{
            "address": Address("127.0.0.1", 0),
            "endpoint": endpoint(),
            "is_known_peer": bool,
            **given,
        }
    )


def dialer(**given: object) -> Dialer:
    return Dialer(
        **{
            "peer_id": "bob",
            "resolve": lambda: Address("127.0.0.1", 1),
            "endpoint": endpoint(),
            "next_counter": lambda: 1,
            **given,
        }
    )


CALLABLES = [(endpoint, "deliver"), (listener, "is_known_peer"), (listener, "judge")]
CALLABLES += [(listener, "judge_two_way")]
CALLABLES += [(dialer, "resolve"), (dialer, "next_counter"), (dialer, "judge")]
WRONG = [
    *((endpoint, name, 5) for name in ("identity", "codec", "limits", "metrics", "name")),
    (endpoint, "security", None),
    (listener, "endpoint", IDENTITY),
    (dialer, "endpoint", IDENTITY),
    (listener, "address", "127.0.0.1:0"),
    (listener, "kinds", "peer"),
    (listener, "kinds", [5]),
    (listener, "two_way", "client"),
    (listener, "two_way", 5),
    (dialer, "peer_id", 5),
    (dialer, "kind", None),
    (dialer, "is_two_way", "no"),
]


@pytest.mark.parametrize(("make", "name"), CALLABLES)
def test_what_is_not_awaited_is_refused(make, name):
    for given, text in ((coroutine_function, "coroutine function"), (5, "5; a function is needed")):
        with pytest.raises(TypeError, match=rf"^{name} is .*{text}"):
            make(**{name: given})


@pytest.mark.parametrize(("make", "name", "value"), WRONG)
def test_a_wrong_type_is_refused(make, name, value):
    with pytest.raises(TypeError, match=f"^{name}"):
        make(**{name: value})


@pytest.mark.parametrize("make", [listener, dialer])
@pytest.mark.parametrize(("timeout", "error"), [("1", TypeError), (True, TypeError), (-1, ValueError)])
def test_a_wrong_timeout_of_a_stop_is_refused(make, timeout, error):
    with pytest.raises(error, match=r"^timeout is "):
        make().stop(timeout)


@pytest.mark.parametrize("make", [listener, dialer])
@pytest.mark.parametrize("timeout", [None, math.inf, 10**400])
def test_a_stop_may_take_for_ever(make, timeout):
    assert make().stop(timeout)


@pytest.mark.parametrize("make", [listener, dialer])
def test_a_message_that_the_codec_does_not_carry_is_refused(make):
    end = make()
    to = ("bob",) if make is listener else ()
    assert not end.send(*to, (1, 1), Note("there is no such link"))
    for message in ("note", None, Note):
        with pytest.raises(TypeError, match=r"^message is .* note is carried"):
            end.send(*to, (1, 1), message)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("frame_bytes_max", 65_536.0),
        ("frame_bytes_max", True),
        ("frame_bytes_max", math.nan),
        ("links_max", "1"),
        ("idle_timeout_s", "5"),
        ("idle_timeout_s", None),
        ("write_timeout_s", True),
    ],
)
def test_a_bound_of_a_wrong_type_is_refused(name, value):
    with pytest.raises(TypeError, match=f"^{name} is "):
        Limits(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cluster", 5),
        ("node", b"ann"),
        ("incarnation", 1.0),
        ("incarnation", True),
        ("store", "x" * 16),
        ("attributes", {"zone": 5}),
        ("attributes", "zone"),
    ],
)
def test_an_identity_of_wrong_types_is_refused(name, value):
    with pytest.raises(TypeError, match=f"^{name}"):
        Identity(**{"cluster": "c", "node": "ann", "incarnation": 1, "store": STORE, name: value})


@pytest.mark.parametrize(("host", "port"), [(5, 1), (b"h", 1), ("h", 1.0), ("h", True), ("h", "1")])
def test_an_address_of_wrong_types_is_refused(host, port):
    with pytest.raises(TypeError, match=r"^(host|port) is "):
        Address(host, port)
