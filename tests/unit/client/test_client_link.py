"""The reports on a link of a process that is stopped for a time, without sockets."""

from types import SimpleNamespace

from elect.client import client_link
from elect.client.client_link import ClientLink
from elect.client.endpoints import ProbeTarget
from elect.observing.observer_messages import LeaderReport, Watch
from tests.unit.client.test_leader_finder import SEEDS, RefusedDialing
from wire.protocol.limits import Limits

MS = 1_000_000
REPORT = LeaderReport(election="default", term=1)


class ScriptedLink:
    """An open link on which each read takes the time of the script; a report comes with all but the last one."""

    def __init__(self, *reads_ms: int, waiting: set[int]) -> None:
        self.now_ns = 10**12
        self.sent: list[tuple[int, object]] = []
        self._reads_ms = reads_ms
        self._waiting = waiting
        self._count = 0
        self.limits, self.early = Limits(), iter(())
        self.channel = SimpleNamespace(read=self._read, write=id, sock=None)
        self.connection = SimpleNamespace(receive=lambda _: iter([REPORT]), receive_end=lambda: None, send=self._send)

    def _read(self) -> bytes:
        if self._count == len(self._reads_ms):
            return b""
        self.now_ns += self._reads_ms[self._count] * MS
        self._count += 1
        return b"report"

    def _send(self, message: object) -> None:
        self.sent.append((self._count, message))

    def has_input(self, _: object) -> bool:
        """Return whether more waits after the latest read."""
        return self._count in self._waiting


def test_reports_that_waited_for_a_stop_are_dated_back(monkeypatch):
    link = ScriptedLink(1_000, 900, 4_000, 0, 500, waiting={3})
    waited_ms: list[int] = []
    owner = SimpleNamespace(receive=lambda _, __, waited_ns: waited_ms.append(waited_ns // MS), note_tick=id)
    client = ClientLink(ProbeTarget(address=SEEDS[0]), RefusedDialing(), owner, ("default",))
    monkeypatch.setattr(client_link, "now_ns", lambda: link.now_ns)
    monkeypatch.setattr(client_link, "has_input", link.has_input)
    client._read(link)
    assert waited_ms == [0, 0, 4_000, 4_000, 0]
    assert [each for each in link.sent if isinstance(each[1], Watch)] == [(4, Watch(elections=("default",)))]
