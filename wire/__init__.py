"""Typed messages between processes over TCP: strict, bounded, one way or both. It knows nothing of elections.

A **Listener** accepts connections. A **Dialer** keeps one connection to a peer open. Each has an **Endpoint**: who this
end is, and a **Codec** with the frozen dataclasses that the connections carry. Both give events (`wire.io.link_events`)
to a function of their owner, such as a queue's `put`.

Here ann asks and bob answers:

    >>> import itertools, queue
    >>> from dataclasses import dataclass
    >>> from wire import Address, Codec, Dialer, Endpoint, Identity, Listener
    >>> @dataclass(frozen=True, slots=True, kw_only=True)
    ... class Question:
    ...     text: str
    >>> @dataclass(frozen=True, slots=True, kw_only=True)
    ... class Answer:
    ...     text: str
    >>> codec = Codec(Question, Answer)
    >>> ann = Identity(cluster="demo", node="ann", incarnation=1, store=bytes(16))
    >>> bob = Identity(cluster="demo", node="bob", incarnation=1, store=bytes(16))
    >>> at_ann, at_bob = queue.Queue(), queue.Queue()
    >>> listener = Listener(
    ...     Address("127.0.0.1", 0),
    ...     Endpoint(identity=bob, codec=codec, deliver=at_bob.put),
    ...     is_known_peer=lambda node: node == "ann",
    ...     two_way={"client"},
    ... )
    >>> listener.open()
    >>> listener.start()
    >>> dialer = Dialer(
    ...     "bob",
    ...     lambda: listener.address,
    ...     Endpoint(identity=ann, codec=codec, deliver=at_ann.put),
    ...     next_counter=itertools.count(1).__next__,
    ...     kind="client",
    ...     is_two_way=True,
    ... )
    >>> dialer.start()
    >>> opened = at_ann.get(timeout=5)
    >>> dialer.send(opened.number, Question(text="are you there?"))
    True
    >>> accepted, received = at_bob.get(timeout=5), at_bob.get(timeout=5)
    >>> received.message
    Question(text='are you there?')
    >>> listener.send(received.peer, received.number, Answer(text="yes"))
    True
    >>> at_ann.get(timeout=5).message
    Answer(text='yes')
    >>> dialer.stop(5, bye="thank you")
    True
    >>> at_bob.get(timeout=5).bye
    'thank you'
    >>> listener.stop(5)
    True

Without `two_way` and `is_two_way` a link is one-way: only the dialer sends. The end of such a link can prove that the
dialer no longer counts on it (FORMAT.md, section 10).

A Listener has a thread or two for each link. `SharedLinks` has one for thousands of them: give it to the Listener for
the kinds of peers that are many. An Address can be that of a Unix socket; the user of the other end is its proof.

Use a queue with a bound outside of examples. When it is full, `deliver` waits, and this end reads no more. Then the
other end's outbox fills: further messages to this end are dropped and counted.

In the example neither end proves its id. Give the Endpoint's `security` a `Keyed`, or a `Tls` of
`wire.security.tls`. Give `limits` a `Limits`, and `metrics` a `Meter`, such as the one for Prometheus in
`wire.link_metrics`. The errors are in `wire.protocol.wire_errors`.

The wire format is in `FORMAT.md`, beside this file: enough to write a client in another language.
"""

from wire.io.link_events import DialFailed, Event, LinkAccepted, LinkClosing, LinkEnded, LinkOpened, MessageReceived
from wire.io.meter import Meter
from wire.links.dialer import Dialer
from wire.links.endpoint import Endpoint
from wire.links.listener import Listener
from wire.links.shared_links import SharedLinks
from wire.protocol.address import Address
from wire.protocol.codec import Codec
from wire.protocol.identity import Identity, LinkNumber, PeerIdentity
from wire.protocol.limits import Limits
from wire.security.security import Keyed, Plain, Security

__all__ = [
    "Address",
    "Codec",
    "DialFailed",
    "Dialer",
    "Endpoint",
    "Event",
    "Identity",
    "Keyed",
    "Limits",
    "LinkAccepted",
    "LinkClosing",
    "LinkEnded",
    "LinkNumber",
    "LinkOpened",
    "Listener",
    "MessageReceived",
    "Meter",
    "PeerIdentity",
    "Plain",
    "Security",
    "SharedLinks",
]
