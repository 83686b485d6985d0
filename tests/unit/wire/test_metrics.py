import re
import time

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from wire import link_metrics as wire_metrics
from wire.io.meter import Meter
from wire.link_metrics import WireMetrics


def three() -> int:
    return 3


def tell(meter: Meter) -> None:
    meter.watch_peer("b", three)
    meter.add_connections("in", 1)
    meter.add_frames("out", 2, 100)
    meter.add_handshake("in", "cluster")
    meter.add_dial("b", "connect")
    meter.add_sent("b", 5)
    meter.add_coalesced("b", "heartbeat")
    meter.add_dropped("b", "heartbeat")
    meter.add_received("b")
    meter.add_rejected_frame("payload")


def test_every_series_of_the_contract() -> None:
    metrics = WireMetrics()
    tell(metrics)
    value = metrics.registry.get_sample_value
    assert value("wire_connections", {"direction": "in"}) == 1
    assert value("wire_frames_total", {"direction": "out"}) == 2
    assert value("wire_bytes_total", {"direction": "out"}) == 100
    assert value("wire_handshakes_total", {"direction": "in", "outcome": "cluster"}) == 1
    assert value("wire_dials_total", {"peer": "b", "outcome": "connect"}) == 1
    assert value("wire_outbox_sent_total", {"peer": "b"}) == 5
    assert value("wire_outbox_coalesced_total", {"peer": "b", "kind": "heartbeat"}) == 1
    assert abs((value("wire_last_received_timestamp_seconds", {"peer": "b"}) or 0) - time.time()) < 60
    assert value("wire_outbox_dropped_total", {"peer": "b", "kind": "heartbeat"}) == 1
    assert value("wire_rejected_frames_total", {"reason": "payload"}) == 1
    assert value("wire_outbox_depth", {"peer": "b"}) == 3


def test_what_was_counted_meanwhile_is_added_at_each_scrape() -> None:
    metrics = WireMetrics()
    metrics.watch_peer("b")
    value = metrics.registry.get_sample_value
    for scrape in (1, 2):
        for _ in range(3):
            metrics.add_frames("in", 1, 10)
            metrics.add_sent("b", 2)
        for _ in range(2):
            assert value("wire_frames_total", {"direction": "in"}) == 3 * scrape
            assert value("wire_bytes_total", {"direction": "in"}) == 30 * scrape
            assert value("wire_outbox_sent_total", {"peer": "b"}) == 6 * scrape
    assert value("wire_last_received_timestamp_seconds", {"peer": "b"}) is None


def test_every_series_is_in_the_docstring_as_it_is_exposed() -> None:
    metrics = WireMetrics()
    tell(metrics)
    metrics.set_certificate_end("own", 1.0)
    rows = re.findall(r"^    (\w+) +(gauge|counter) +([a-z, ]+?)  +(.+)$", wire_metrics.__doc__ or "", re.MULTILINE)
    exposed = [
        (
            family.samples[0].name,
            family.type,
            ", ".join(sorted(family.samples[0].labels, key=("direction", "peer").__contains__, reverse=True)),
            family.documentation,
        )
        for family in text_string_to_metric_families(generate_latest(metrics.registry).decode())
        if not family.name.endswith("_created")
    ]
    assert sorted(rows) == sorted(exposed)
    for name, kind, _, text in rows:
        assert text.endswith(".")
        assert (kind == "counter") == name.endswith("_total")
        assert "Unix time" not in text or name.endswith("_timestamp_seconds")


def test_a_peers_series_go_when_the_peer_goes() -> None:
    registry = CollectorRegistry()
    metrics = WireMetrics(registry)
    tell(metrics)
    metrics.forget_peer("b", three)
    text = generate_latest(registry).decode()
    assert 'peer="b"' not in text
    assert 'reason="payload"' in text


def test_peer_series_are_removed_with_the_last_link() -> None:
    metrics = WireMetrics()
    tell(metrics)
    metrics.watch_peer("b", lambda: 4)
    depth = metrics.registry.get_sample_value
    assert depth("wire_outbox_depth", {"peer": "b"}) == 7
    metrics.forget_peer("b", three)
    assert depth("wire_outbox_depth", {"peer": "b"}) == 4
    assert depth("wire_outbox_sent_total", {"peer": "b"}) == 5
    metrics.forget_peer("b")
    metrics.add_dropped("b", "heartbeat")
    metrics.add_received("b")
    assert 'peer="b"' not in generate_latest(metrics.registry).decode()


def test_a_peer_never_heard_of_may_be_forgotten() -> None:
    metrics = WireMetrics()
    metrics.forget_peer("b")
    metrics.watch_peer("b")
    metrics.forget_peer("b")
    metrics.forget_peer("b")


def test_a_meter_by_itself_counts_nothing() -> None:
    meter = Meter()
    tell(meter)
    meter.forget_peer("b", three)
    assert vars(meter) == {}


def test_one_that_left_the_registry_makes_room_for_another() -> None:
    registry = CollectorRegistry()
    first = WireMetrics(registry)
    first.close()
    first.close()
    tell(WireMetrics(registry))
    assert registry.get_sample_value("wire_connections", {"direction": "in"}) == 1
