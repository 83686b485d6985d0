"""A counter that only the leader increments, in a storage that refuses stale tokens: how to test your own code.

The leader reads the counter when it is elected, and writes each increment with its fencing token. A write may be under
way until another node leads. `elect.testing.ElectionMachine` brings that about, and everything else that may happen to
a cluster, around the rules that you add. It needs `pip install elect[testing]`.
"""

from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from elect.testing import ElectionMachine, leading_node


@dataclass(frozen=True)
class Write:
    """A value that a leader sends to the storage."""

    token: int
    value: int


class Storage:
    """Keeps the counter; it runs somewhere else and knows nothing of elections but tokens."""

    def __init__(self, *, is_checking: bool) -> None:
        self.is_checking = is_checking
        self.value = 0
        self.token = 0
        self.accepted: list[Write] = []

    def write(self, write: Write) -> None:
        """Take a write, unless a later leader has written."""
        if self.is_checking and write.token < self.token:
            return
        self.token, self.value = write.token, write.value
        self.accepted.append(write)


class CounterMachine(ElectionMachine):
    """The counter's nodes and its storage."""

    is_checking = True

    def __init__(self) -> None:
        super().__init__()
        self.storage = Storage(is_checking=self.is_checking)

    def on_elected(self, node: str, token: int) -> None:
        """Read the counter when the node is elected."""
        self.memory[node].value = self.storage.value

    @rule(node=leading_node, delay=st.sampled_from((0.0, 1.0)))
    def increment(self, node: str, delay: float) -> None:
        """Increment the counter while the node leads; the write is under way for `delay` seconds."""
        token = self.token(node)
        if token is not None:
            self.memory[node].value += 1
            write = Write(token, self.memory[node].value)
            self.after(delay, lambda: self.storage.write(write))

    @invariant()
    def no_stale_write_is_accepted(self) -> None:
        """Once a leader's write is accepted, no earlier leader's is."""
        tokens = [write.token for write in self.storage.accepted]
        assert tokens == sorted(tokens), f"writes were accepted in the order {tokens}"


TestCounter = CounterMachine.TestCase
