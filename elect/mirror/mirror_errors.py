"""The exceptions of a mirror.

ElectError
└── MirrorError
    ├── SourceRefused               the source refuses this mirror, and a retry changes nothing
    ├── MirrorStale                 the mirror cannot say that its knowledge is new enough
    ├── StrongReadRefused           only the source itself can answer
    ├── MirrorBootstrapping         the mirror does not know the whole source yet
    ├── SealFailed                  the source is not known to be sealed
    └── MirrorTimeout (TimeoutError)  a wait was over
"""

from collections.abc import Sequence

from elect.errors import ElectError, Forked, Stopped


class MirrorError(ElectError):
    """The base of all errors of a mirror."""


class SourceRefused(MirrorError):
    """The source refuses this mirror, and a retry changes nothing.

    Attributes:
        code: "other_cluster", "other_version", "not_observer" or "promoted".
        address: of the node that refuses it.
        text: the reason, as a sentence.
    """

    def __init__(self, code: str, address: str, text: str) -> None:
        super().__init__(code, address, text)
        self.code = code
        self.address = address
        self.text = text

    def __str__(self) -> str:
        return f"{self.address} refuses this mirror ({self.code}): {self.text}"


class MirrorStale(MirrorError):
    """The mirror cannot say that its knowledge is new enough.

    Attributes:
        age: its knowledge may be this old, s; infinite: not known.
        age_max: the age that was asked for.
        state: of the mirror, as a sentence.
    """

    def __init__(self, age: float, age_max: float, state: str) -> None:
        super().__init__(age, age_max, state)
        self.age = age
        self.age_max = age_max
        self.state = state

    def __str__(self) -> str:
        return (
            f"this mirror is {self.state}, and its knowledge may be {self.age:.3g} s old, not {self.age_max:g} s;"
            " ask the source, or accept an older answer"
        )


class StrongReadRefused(MirrorError):
    """Only the source itself can answer.

    Attributes:
        sources: the addresses of its nodes.
    """

    def __init__(self, sources: Sequence[str]) -> None:
        super().__init__(tuple(sources))
        self.sources = tuple(sources)

    def __str__(self) -> str:
        return f"a mirror has no strong reads; ask the source with a Client, at {', '.join(self.sources)}"


class MirrorBootstrapping(MirrorError):
    """The mirror does not know the whole source yet."""

    refusal = "bootstrapping"

    def __str__(self) -> str:
        return (
            "this mirror has not received a whole snapshot of its source, so higher terms may exist there; wait until"
            " it follows, or force the promotion if the source is lost and the risk is accepted"
        )


class SealFailed(MirrorError):
    """The source is not known to be sealed.

    Attributes:
        answers: what each source said last, by its address.
    """

    def __init__(self, answers: Sequence[tuple[str, str]]) -> None:
        super().__init__(tuple(answers))
        self.answers = tuple(answers)

    def __str__(self) -> str:
        said = "; ".join(f"{address}: {text}" for address, text in self.answers) or "no node answered"
        return f"the source is not known to be sealed ({said}); repeat it, or make sure that the source is down"


class MirrorTimeout(MirrorError, TimeoutError):
    """A wait was over.

    Attributes:
        awaited: the condition.
        timeout: the wait, s.
        state: of the mirror, as a sentence.
    """

    def __init__(self, awaited: str, timeout: float, state: str) -> None:
        super().__init__()
        self.args = (awaited, timeout, state)
        self.awaited = awaited
        self.timeout = timeout
        self.state = state

    def __str__(self) -> str:
        return f"{self.awaited} did not come within {self.timeout:g} s; this mirror is {self.state}"


class MirrorStopped(Stopped):
    """The mirror is not running. `node_id` is its name."""

    def __str__(self) -> str:
        return f"mirror {self.node_id} is not running; call start() of a new one"


class MirrorForked(Forked):
    """The mirror runs in the process that this one was forked from. `node_id` is its name."""

    def __str__(self) -> str:
        return f"mirror {self.node_id} runs in the process that this one was forked from; make a new one here"
