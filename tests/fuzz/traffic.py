"""The traffic of two ends in every kind of conversation, from the messages and conversations of the corpus."""

import random
from dataclasses import dataclass

from tests.corpus.messages import BOB, CONVERSATIONS, HANDSHAKE, LINK, MESSAGES, Conversation, codec_of, payloads
from wire.protocol.connection import Connection
from wire.protocol.handshake import MAGIC, Hello, Proof, Reject, Welcome, welcome

FRAME_BYTES_MAX = 4_096
"""Small, so that short inputs reach the bound."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Talk:
    """One of the conversations, as far as its handshake.

    Attributes:
        onward: payloads of the frames that the dialer says in it.
        back: those that the acceptor says.
        dialer: the dialer's end after it; never used, but copied.
        acceptor: the acceptor's.
    """

    conversation: Conversation
    onward: tuple[bytes, ...]
    back: tuple[bytes, ...]
    dialer: Connection
    acceptor: Connection

    @property
    def is_keyed(self) -> bool:
        return self.conversation.ring is not None

    def end(self, *, is_dialer: bool) -> Connection:
        """A new end; a dialer has said its Hello."""
        dialer, acceptor = self.conversation.ends(frame_bytes_max=FRAME_BYTES_MAX)
        if not is_dialer:
            return acceptor
        dialer.greet(self.conversation.said)
        return dialer

    def answer(self, said: Hello) -> Welcome:
        """The acceptor's, to a Hello that was let pass; to the conversation's own, the conversation's."""
        own = self.conversation.answer
        nonce, ring = own.nonce, self.conversation.ring
        return welcome(BOB, said, local=own.local, remote=own.remote, nonce=nonce, ring=ring)


def talk(conversation: Conversation) -> Talk:
    """Two ends that shake hands."""
    dialer, acceptor = conversation.ends(frame_bytes_max=FRAME_BYTES_MAX)
    onward, back = (tuple(payloads(said[len(MAGIC) :])) for said in conversation.shake_hands(dialer, acceptor))
    return Talk(conversation=conversation, onward=onward, back=back, dialer=dialer, acceptor=acceptor)


TALKS = tuple(talk(conversation) for conversation in CONVERSATIONS.values())
SAID = tuple(LINK.encode(message) for message in MESSAGES.values() if codec_of(message) is LINK)
REJECTS = tuple(HANDSHAKE.encode(message) for message in MESSAGES.values() if isinstance(message, Reject))
HANDSHAKES = (
    *(HANDSHAKE.encode(message) for message in MESSAGES.values() if isinstance(message, Hello | Welcome | Proof)),
    *(payload for each in TALKS for payload in (*each.onward, *each.back)),
    *REJECTS[-2:],
)
"""A few of the many rejects, which differ only in a word."""


def some(rng: random.Random) -> list[bytes]:
    """Payloads of messages as both ends say them after the handshake; an empty one is a keepalive."""
    return [rng.choice((*SAID, b"")) for _ in range(rng.randrange(4))]
