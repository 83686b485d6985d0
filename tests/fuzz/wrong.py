"""The error that the fuzzer looks for."""


class Wrong(Exception):  # noqa: N818 - what was found, not an error of this program
    """An input had a forbidden result."""


def need(is_right: bool, why: str) -> None:
    """Raise Wrong unless it is right."""
    if not is_right:
        raise Wrong(why)
