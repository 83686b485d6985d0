"""The links of a survey end with it, however it ends."""

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from elect import Client
from elect.client.client_link import ClientLink
from elect.client.endpoints import ProbeTarget
from elect.client.survey import Survey
from elect.clock import now_ns
from wire import Address
from wire.protocol.wire_errors import ConnectError

TARGETS = [ProbeTarget(address=Address("127.0.0.1", port)) for port in (1, 2, 3)]
PATIENCE_S = 60.0


class FakeSocket:
    """A socket that connects until somebody shuts it down."""

    def __init__(self) -> None:
        self.is_shut = threading.Event()

    def shutdown(self, _: int) -> None:
        self.is_shut.set()


@dataclass(frozen=True)
class SlowDialing:
    """A dial that lasts until its socket is shut down and the test lets it end."""

    to: str = ""
    watch: Callable[[object], object] = id
    begun: threading.Event = field(default_factory=threading.Event)
    may_end: threading.Event = field(default_factory=threading.Event)

    def dial(self, address: Address, _: object) -> None:
        sock = FakeSocket()
        self.watch(sock)
        self.begun.set()
        sock.is_shut.wait(PATIENCE_S)
        self.may_end.wait(PATIENCE_S)
        raise ConnectError(f"{address}: shut down")


@contextmanager
def slow_survey() -> Iterator[tuple[Survey, SlowDialing]]:
    dialing = SlowDialing()
    survey = Survey(lambda _: dialing, id, now_ns)
    try:
        yield survey, dialing
    finally:
        links = survey.threads
        survey.cancel()
        dialing.may_end.set()
        assert all(link.join(PATIENCE_S) for link in links)


def test_an_interrupted_survey_ends_its_links(monkeypatch):
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    with slow_survey() as (survey, _):
        monkeypatch.setattr(survey._changed, "wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            survey.ask(TARGETS, "default", PATIENCE_S)
        for link in survey.threads:
            with pytest.raises(OSError, match="it was given up"):
                link._guard(FakeSocket())


def test_the_close_of_a_client_waits_for_its_survey(monkeypatch):
    with slow_survey() as (survey, dialing), Client(["127.0.0.1:1"], cluster="c") as client:
        client._find()
        client._survey = survey
        join = ClientLink.join

        def end_and_join(link: ClientLink, timeout_s: float) -> bool:
            dialing.may_end.set()
            return join(link, timeout_s)

        monkeypatch.setattr(ClientLink, "join", end_and_join)
        asking = threading.Thread(target=survey.ask, args=(TARGETS[:1], "default", PATIENCE_S))
        asking.start()
        assert dialing.begun.wait(PATIENCE_S)
        client.close()
        asking.join()
        assert dialing.may_end.is_set()


def test_a_client_that_is_forgotten_cancels_its_survey():
    client = Client(["127.0.0.1:1"], cluster="c")
    client._find()
    survey = client._survey
    del client
    gc.collect()
    assert [each.error for each in survey.ask(TARGETS, "default", PATIENCE_S)] == ["not asked in time"] * 3
