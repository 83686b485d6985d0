import re

from elect.cli.demo.cluster_view import ClusterView
from elect.cli.demo.demo_progress import DemoProgress, FailoverTimes, LeaderFailure, duration
from elect.cli.demo.render import picture
from elect.cli.terminal import Colors
from elect.testing.real_processes import ProcessEvent

PLAIN = Colors(is_coloured=False)


def a_cluster():
    cluster_view = ClusterView(("a", "b"), 90.0)
    cluster_view.apply(ProcessEvent(event="started", node="a", boottime=90.5))
    cluster_view.apply(ProcessEvent(event="elected", node="a", boottime=95.0, term=4))
    cluster_view.apply(ProcessEvent(event="started", node="b", boottime=90.5))
    cluster_view.apply(ProcessEvent(event="leader", node="b", boottime=95.0, term=4, leader="a"))
    return cluster_view


def a_progress():
    progress = DemoProgress(headline="crash: b is killed", round="round 1 of 3")
    progress.times.add(LeaderFailure.CRASH, 0.0029)
    return progress


def test_the_picture_says_who_leads_and_draws_since_when():
    lines = picture(a_cluster(), a_progress(), now=100.0, width=100, colors=PLAIN)
    leader = next(line for line in lines if line.startswith("  a "))
    assert re.search(r"● leads, term 4, 5 s +─+█{22}$", leader)
    follower = next(line for line in lines if line.startswith("  b "))
    assert re.search(r"○ follows a +─+$", follower)
    assert "  crash          2.9 ms" in lines
    assert "  round 1 of 3  crash: b is killed" in lines


def test_a_narrow_terminal_gets_no_line_wider_than_it_is():
    for width in (48, 60, 79, 200):
        lines = picture(a_cluster(), a_progress(), now=100.0, width=width, colors=PLAIN)
        assert max(map(len, lines)) <= width


def test_colours_change_no_width():
    coloured = picture(a_cluster(), a_progress(), now=100.0, width=100, colors=Colors(is_coloured=True))
    plain = picture(a_cluster(), a_progress(), now=100.0, width=100, colors=PLAIN)
    assert coloured != plain
    assert [re.sub("\x1b\\[[0-9;]*m", "", line) for line in coloured] == plain


def test_the_number_of_lines_never_changes_as_the_demo_goes_on():
    late = a_progress()
    for failure in LeaderFailure:
        for _ in range(50):
            late.times.add(failure, 1.0)
    early = picture(a_cluster(), DemoProgress(), now=90.0, width=80, colors=PLAIN)
    assert len(picture(a_cluster(), late, now=100.0, width=80, colors=PLAIN)) == len(early)


def test_the_summary_has_the_least_the_middle_and_the_most():
    times = FailoverTimes()
    for seconds in (0.003, 0.001, 0.010):
        times.add(LeaderFailure.CRASH, seconds)
    times.add(LeaderFailure.HANG, 0.95)
    assert list(times.summary()) == [
        "                     min    median       max",
        "crash             1.0 ms    3.0 ms   10.0 ms",
        "hang              0.95 s    0.95 s    0.95 s",
    ]
    assert times.count == 4


def test_durations_read_well():
    assert [duration(value) for value in (0.00042, 0.0999, 0.1, 12.3456)] == ["0.4 ms", "99.9 ms", "0.10 s", "12.35 s"]
