"""The seeds of a test: a few for each run, more in `make check`, all of them in `make slow`."""

import pytest


def seeds(few: int, more: int, every: int) -> list[object]:
    """Return the seeds below `every`: the first few unmarked, some more marked `long`, the others `slow`."""
    marks = {**dict.fromkeys(range(few, more), pytest.mark.long), **dict.fromkeys(range(more, every), pytest.mark.slow)}
    return [*range(few), *(pytest.param(seed, marks=mark) for seed, mark in marks.items())]
