"""Links on which both ends speak, with keys and under TLS."""

import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.integration.wire_ends import Conversation, Note, conversing
from wire import LinkEnded, MessageReceived
from wire.io.link_events import LinkClosing
from wire.security.security import Keyed, Security

MESSAGES = 1_500
Secured = Callable[[Path], tuple[Security, Security]]


def keyed(directory: Path) -> tuple[Security, Security]:
    (directory / "key").write_text(secrets.token_hex(32))
    (directory / "key").chmod(0o600)
    return Keyed(directory / "key"), Keyed(directory / "key")


def certified(directory: Path) -> tuple[Security, Security]:
    authority = Authority(directory / "ca")
    return authority.tls("ann"), authority.tls("bob")


@pytest.mark.parametrize("secured", [keyed, certified])
def test_both_ends_speak_in_order_and_say_goodbye(secured: Secured, tmp_path: Path) -> None:
    with conversing(securities=secured(tmp_path)) as link:
        for number in range(100):
            assert link.ann.send(link.number, Note(number=number))
            assert link.bob.send("ann", link.number, Note(number=-number))
        assert [link.heard.next(MessageReceived).message for _ in range(100)][-1] == Note(number=99)
        assert [link.told.next(MessageReceived).message for _ in range(100)][-1] == Note(number=-99)
        assert link.bob.stop(5)
        assert link.told.next(LinkClosing).bye == "stopping"


@pytest.mark.parametrize("secured", [keyed, certified])
def test_two_saturated_ends_lose_nothing_and_wait_for_nobody(secured: Secured, tmp_path: Path) -> None:
    """Each end's thread sends as fast as the outbox takes it, while its other one reads."""
    with conversing(securities=secured(tmp_path)) as link:
        threads = [threading.Thread(target=say, args=(link, is_dialer)) for is_dialer in (True, False)]
        for thread in threads:
            thread.start()
        for inbox in (link.heard, link.told):
            assert [inbox.next(MessageReceived, 30).message.number for _ in range(MESSAGES)] == list(range(MESSAGES))  # type: ignore[attr-defined]
        for thread in threads:
            thread.join(30)
        assert link.ann.stop(5, bye="done")
        assert link.heard.next(LinkEnded).bye == "done"


def say(link: Conversation, is_dialer: bool) -> None:
    for number in range(MESSAGES):
        note = Note(number=number, data=bytes(10_000))
        while not (link.ann.send(link.number, note) if is_dialer else link.bob.send("ann", link.number, note)):
            time.sleep(0.001)
