"""Join tokens: texts that let one node join, once, until they expire.

A token is made with the operators' token, which every member has, so any leader can judge it. It holds for one node id
of one cluster. A node that has only the shared key or a certificate of the cluster cannot make one.

"Once" rests on two facts. A node that is a member needs no token, and another store under its id is refused. And a
leader remembers the store for which a token was used until the token expires. A later leader does not know that: it
would accept the token again, from a node of the same id, after the member was removed or was wiped at its own address.
"""

import hmac
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import NamedTuple

NONCE_LENGTH = 16
_EXPIRY_LENGTH = 8
_HEAD_LENGTH = _EXPIRY_LENGTH + NONCE_LENGTH

USED_MAX = 1_024
"""Tokens that a leader remembers: a cluster has 64 members. With more, those that expire first are forgotten."""


class TokenBearer(NamedTuple):
    """The node that shows a token."""

    node_id: str
    store_id: bytes


def make_token(secret: str, *, cluster: str, node_id: str, expires_s: int, nonce: bytes) -> str:
    """Return a token.

    Args:
        secret: the operators' token.
        cluster: the name of the cluster.
        node_id: the id of the node that may join.
        expires_s: the end of its validity, seconds since 1970.
        nonce: 16 random bytes.
    """
    head = expires_s.to_bytes(_EXPIRY_LENGTH, "big") + nonce
    return urlsafe_b64encode(head + _tag(secret, cluster, node_id, head)).decode().rstrip("=")


class JoinTokens:
    """Judges tokens, as the leader. Any thread calls it.

    Args:
        secret: the operators' token.
        cluster: the name of the cluster.
        clock: returns the seconds since 1970, which an expiry is compared with.
    """

    def __init__(self, secret: str, cluster: str, clock: Callable[[], float]) -> None:
        self._secret = secret
        self._cluster = cluster
        self._clock = clock
        self._lock = threading.Lock()
        self._used: dict[bytes, TokenBearer] = {}

    def fault(self, token: str, bearer: TokenBearer) -> str | None:
        """Return what is wrong with a token, as a sentence, or None."""
        if not token:
            return "this cluster demands a join token"
        head = self._head(token, bearer.node_id)
        if head is None:
            made_for = f"node {bearer.node_id} of cluster {self._cluster}"
            return f"the join token was not made for {made_for} with the operator_token of this leader"
        late_s = self._clock() - _expiry(head)
        if late_s >= 0:
            return f"the join token expired {late_s:.0f} s ago"
        if self._used.get(head, bearer) != bearer:
            return f"the join token was used for another store of node {bearer.node_id}"
        return None

    def use(self, token: str, bearer: TokenBearer) -> None:
        """Remember that a node joined with this token. The same store may show it again, in case the answer is lost."""
        head = self._head(token, bearer.node_id)
        if head is None:
            return
        with self._lock:
            self._used[head] = bearer
            now_s = self._clock()
            for each in [each for each in self._used if _expiry(each) <= now_s]:
                del self._used[each]
            while len(self._used) > USED_MAX:
                del self._used[min(self._used)]  # a head begins with the expiry

    def _head(self, token: str, node_id: str) -> bytes | None:
        """Return the expiry and the nonce of a token, or None if it is not one for this node."""
        try:
            data = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return None
        head, tag = data[:_HEAD_LENGTH], data[_HEAD_LENGTH:]
        return head if hmac.compare_digest(tag, _tag(self._secret, self._cluster, node_id, head)) else None


def _expiry(head: bytes) -> int:
    return int.from_bytes(head[:_EXPIRY_LENGTH], "big")


def _tag(secret: str, cluster: str, node_id: str, head: bytes) -> bytes:
    # Lengths first: otherwise a part of one name could pass for a part of the next one.
    names = b"".join(len(each.encode()).to_bytes(2, "big") + each.encode() for each in ("elect join", cluster, node_id))
    return hmac.digest(secret.encode(), names + head, "sha256")
