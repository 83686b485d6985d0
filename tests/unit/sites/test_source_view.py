"""The program of a node reads its mirror, and cannot end it."""

from inspect import signature

import pytest

from elect.mirror.mirror import Mirror
from elect.mirror.mirror_errors import MirrorStopped
from elect.sites.source_view import SourceView

CHANGING = {"start", "stop", "promote", "seal"}


def public(owner: type) -> set[str]:
    return {name for name in vars(owner) if not name.startswith("_")}


def test_a_view_has_each_read_of_a_mirror_and_nothing_else():
    assert public(SourceView) == public(Mirror) - CHANGING
    assert not {"__enter__", "__exit__"} & {*vars(SourceView)}
    for name in public(SourceView):
        if callable(getattr(Mirror, name)):
            assert signature(getattr(SourceView, name)) == signature(getattr(Mirror, name))


@pytest.mark.parametrize("name", sorted(public(SourceView)))
def test_each_read_is_that_of_the_mirror(name, tmp_path):
    view = SourceView(Mirror(["127.0.0.1:9"], cluster="one", data_dir=tmp_path))
    assert "of cluster 'one'" in repr(view)
    with pytest.raises(MirrorStopped):  # it was never started
        found = getattr(view, name)
        found()
