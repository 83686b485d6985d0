import pytest

from elect.bridge.health_checks import Health


class Desk:
    """A hook that takes time and answers, asked once at a time."""

    def __init__(self, answer: object = True, took: int = 0) -> None:
        self.now, self.answer, self.took, self.told = 100, answer, took, 0
        self.while_asked = []
        self.health = Health(self.hook, interval_ns=1, late_ns=50, clock=lambda: self.now, on_change=self.tell)

    def hook(self) -> object:
        self.now += self.took
        self.while_asked.append(self.health.is_good(self.now))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    def tell(self) -> None:
        self.told += 1

    def ask(self, answer: object = True, took: int = 0) -> bool:
        self.answer, self.took = answer, took
        self.health._call_hook()
        return self.health.is_good(self.now)


def test_before_the_first_answer_it_is_unhealthy():
    desk = Desk()
    assert not desk.health.is_good(0)
    assert desk.ask()
    assert desk.told == 1


@pytest.mark.parametrize("answer", [False, 0, None, ValueError("no"), SystemExit(1), KeyboardInterrupt()])
def test_a_false_answer_and_any_exception_is_unhealthy(answer):
    desk = Desk()
    desk.ask()
    assert not desk.ask(answer)
    assert desk.told == 2
    assert not desk.ask(answer)
    assert desk.told == 2
    assert desk.ask("fine")
    assert desk.told == 3


def test_a_late_answer_is_unhealthy():
    desk = Desk()
    desk.ask()
    assert desk.ask(took=50)
    assert desk.while_asked[-1]
    assert not desk.ask(took=51)
    assert not desk.while_asked[-1]
    assert desk.ask()


def test_a_stopped_health_calls_no_hook():
    desk = Desk()
    desk.health.stop()
    desk.health.run()
    assert desk.while_asked == []
