import platform

import pytest

from elect.config.shown_settings import SHOWN_MAX, read, settings_of, shown
from tests.nodes import configs
from wire.protocol.identity import ATTRIBUTE_CHARACTERS_MAX


def test_what_a_node_shows_is_what_another_reads(tmp_path):
    config = configs(tmp_path, "a", failback="never", clock_drift=0.02, support_duration="1500ms")["a"]
    said = read(shown(config))
    assert said == settings_of(config)
    assert (said["python"], said["support_duration"], said["clock_drift"], said["failback"]) == (
        platform.python_version(),
        "1.5s",
        "0.02",
        "never",
    )
    assert len(shown(config)) < ATTRIBUTE_CHARACTERS_MAX / 8


@pytest.mark.parametrize(
    ("text", "said"),
    [("", {}), ("a=1 b c=", {"a": "1", "c": ""}), ("=x \x1b=1", {}), ("x=1 " * SHOWN_MAX + "y=2", {"x": "1"})],
)
def test_what_is_no_setting_is_left_out(text, said):
    assert read(text) == said
