import math

import pytest

from wire.common.line_limit import INTERVAL_S, SUBJECTS_MAX, LineLimit


class Bench:
    """A limit, and the lines that passed: at once, or later with the number of those before."""

    def __init__(self) -> None:
        self.limit: LineLimit[str] = LineLimit()
        self.passed: list[tuple[float, str, int]] = []

    def wait(self, now_s: float) -> None:
        self.passed += [(now_s, line, held) for line, held in self.limit.take_due(now_s)]

    def log(self, now_s: float, text: str, subject: str, line: str) -> None:
        self.wait(now_s)
        if self.limit.admit(text, subject, line, now_s):
            self.passed.append((now_s, line, 0))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_first_line_passes_and_the_latest_later(bench):
    for number in range(100):
        bench.log(number / 100, "leads", "e", f"term {number}")
    bench.wait(INTERVAL_S - 0.1)
    assert bench.passed == [(0, "term 0", 0)]
    bench.wait(INTERVAL_S)
    assert bench.passed[1:] == [(INTERVAL_S, "term 99", 98)]


def test_a_cause_that_goes_on_for_ever_is_a_line_an_interval(bench):
    for tenth in range(10_000):
        bench.log(tenth / 10, "leads", "e", "line")
    assert len(bench.passed) == 1_000 / INTERVAL_S
    assert sum(1 + held for *_, held in bench.passed) >= 9_800


def test_causes_do_not_delay_each_other(bench):
    for text, subject in (("leads", "e"), ("leads", "f"), ("lost", "e")):
        bench.log(0, text, subject, text + subject)
    assert [line for _, line, _ in bench.passed] == ["leadse", "leadsf", "loste"]


def test_a_cause_that_ended_is_a_new_one(bench):
    for now_s in (0, INTERVAL_S, 2 * INTERVAL_S):
        bench.log(now_s, "leads", "e", "line")
    assert [held for *_, held in bench.passed] == [0, 0, 0]


def test_thousands_of_subjects_share_the_last_line(bench):
    for number in range(10_000):
        bench.log(0, "leads", f"e{number}", f"e{number} leads")
        bench.log(0, "lost", "f", "f lost")
    assert len(bench.passed) == SUBJECTS_MAX + 2
    bench.passed.clear()
    bench.wait(INTERVAL_S)
    assert bench.passed == [
        (INTERVAL_S, "f lost", 9_998),
        (INTERVAL_S, "e9999 leads", 10_000 - SUBJECTS_MAX - 2),
    ]
    bench.wait(3 * INTERVAL_S)
    assert (bench.limit._causes, bench.limit._subjects) == ({}, {})


def test_at_the_end_all_lines_pass_and_nothing_is_remembered(bench):
    for _ in range(3):
        bench.log(0, "leads", "e", "line")
    bench.wait(math.inf)
    bench.log(1, "leads", "e", "later")
    assert bench.passed == [(0, "line", 0), (math.inf, "line", 1), (1, "later", 0)]
