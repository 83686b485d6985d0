"""The error that the fuzzer looks for."""


class Wrong(Exception):  # noqa: N818 - what was found, not an error of this program
    """Something came of an input that must not."""


def need(is_right: bool, why: str) -> None:
    """Raise Wrong unless it is right."""
    if not is_right:
        raise Wrong(why)
