import asyncio

import pytest

from elect.api.required import Required
from elect.errors import NotLeader


class Election:
    """An election that leads or does not lead."""

    name = "e"
    leader = None

    def __init__(self, leadership: object = None) -> None:
        self.leadership = leadership


def wrap(election: Election, job, otherwise: str = "skip", is_passing: bool = False):
    return Required(election)(job, otherwise=otherwise, pass_leadership=is_passing)


def test_the_leader_runs_it_and_gets_its_result():
    assert wrap(Election("held"), lambda a, *, b: (a, b))(1, b=2) == (1, 2)


def test_another_node_skips_it():
    ran = []
    assert wrap(Election(), lambda: ran.append(1))() is None
    assert not ran


def test_another_node_raises_if_asked_to():
    with pytest.raises(NotLeader) as caught:
        wrap(Election(), lambda: 1, "raise")()
    assert caught.value.election == "e"


def test_the_leadership_is_passed_if_asked_to():
    assert wrap(Election("held"), lambda leadership, a: (leadership, a), is_passing=True)(1) == ("held", 1)


def test_each_call_asks_anew():
    election = Election("held")
    job = wrap(election, lambda: "ran")
    assert job() == "ran"
    election.leadership = None
    assert job() is None


def test_a_coroutine_function_stays_one():
    async def job(leadership, a):
        return leadership, a

    assert asyncio.run(wrap(Election("held"), job, is_passing=True)(1)) == ("held", 1)
    assert asyncio.run(wrap(Election(), job)()) is None


def test_the_job_keeps_its_name():
    def nightly():
        """Sweep."""

    wrapped = wrap(Election(), nightly)
    assert (wrapped.__name__, wrapped.__doc__) == ("nightly", "Sweep.")


def test_an_unknown_word_is_refused():
    with pytest.raises(ValueError, match="otherwise"):
        Required(Election())(otherwise="wait")
