"""Values check their own ranges, so what was decoded is what the core may rely on."""

import pytest

from elect.core import messages as m

CONFIGURATION = m.ConfigurationId(0, 0, b"12345678")
ACK = {"link": m.Number(1, 1), "session": m.Number(1, 1), "sent": 1, "duration": 1}
KNOWN = m.Known(election="e", term=1, leader="a")


@pytest.mark.parametrize(
    "make",
    [
        lambda: m.Number(-1, 0),
        lambda: m.Number(0, 2**63),
        lambda: m.ConfigurationId(0, 0, b"short"),
        lambda: m.ConfigurationId(m.TERM_MAX + 1, 0, b"12345678"),
        lambda: m.Ack(**ACK | {"sent": -1}),
        lambda: m.Ack(**ACK | {"duration": m.DURATION_NS_MAX + 1}),
        lambda: m.Standing(priority=-1),
        lambda: m.Standing(offset=2**63),
        lambda: m.Heartbeat(
            sent=1, duration=0, ack=None, supports=(), standing=m.Standing(), configuration=CONFIGURATION
        ),
        lambda: m.Heartbeat(
            sent=1, duration=1, ack=None, supports=("a" * 65,), standing=m.Standing(), configuration=CONFIGURATION
        ),
        lambda: m.Vote(election="", term=1, offset=0),
        lambda: m.Vote(election="é", term=1, offset=0),
        lambda: m.Vote(election="a\nb", term=1, offset=0),
        lambda: m.Vote(election="e", term=0, offset=0),
        lambda: m.Lead(election="e", term=m.TERM_MAX + 1),
        lambda: m.Known(election="e", term=-1, leader=None),
        lambda: m.Knowledge(number=0, whole=False, entries=()),
        lambda: m.Knowledge(number=1, whole=False, entries=(KNOWN,) * (m.ENTRIES_MAX + 1)),
        lambda: m.Batch(configuration=CONFIGURATION, entries=(m.Lead(election="e", term=1),) * (m.ENTRIES_MAX + 1)),
        lambda: m.Heartbeat(
            sent=1,
            duration=m.DURATION_NS_MIN,
            ack=None,
            supports=("a",) * (m.SUPPORTS_MAX + 1),
            standing=m.Standing(),
            configuration=CONFIGURATION,
        ),
    ],
)
def test_values_out_of_range_are_refused(make):
    with pytest.raises(ValueError, match=r"allowed|needed"):
        make()


def test_numbers_are_ordered_and_print_short():
    assert m.Number(1, 9) < m.Number(2, 1)
    assert str(m.Number(2, 1)) == "2.1"
