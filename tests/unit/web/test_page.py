import base64
import hashlib
import re
from pathlib import Path

import elect.web.page
from elect.core.events import LeaderEnd, LossReason
from tests.unit.web.client import ask
from tests.unit.web.fake_node import FakeNode

FOLDER = Path(elect.web.page.__file__).parent


def test_the_policy_allows_the_page_s_own_style_and_script():
    answer = ask(FakeNode(), "GET", "/")
    text = answer.body.decode()
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    policy = answer.headers["Content-Security-Policy"]
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; connect-src 'self'; ")
    assert "unsafe" not in policy


def test_nothing_is_fetched_from_elsewhere():
    text = ask(FakeNode(), "GET", "/").body.decode()
    assert not re.findall(r"https?://|\bsrc=|@import|url\(", text)


def test_text_of_other_nodes_is_never_read_as_html():
    scripts = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.js"))
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|DOMParser|\.href", scripts)


def test_the_sources_of_the_page_can_be_read():
    files = [path for kind in ("html", "css", "js") for path in FOLDER.glob(f"*.{kind}")]
    assert len(files) > 3
    assert {path.name for path in files if path.read_text(encoding="utf-8").count("\n") > 400} == set()
    assert {
        path.name for path in files for line in path.read_text(encoding="utf-8").splitlines() if len(line) > 120
    } == set()


def test_each_reason_of_an_end_has_words_on_the_page():
    text = (FOLDER / "leaderships.js").read_text(encoding="utf-8")
    ends = text[text.index("const ENDS = {") : text.index("};")]
    assert set(re.findall(r"(\w+): \"", ends)) == {*map(str, LossReason), *map(str, LeaderEnd)}


def test_each_script_in_the_folder_is_on_the_page():
    text = ask(FakeNode(), "GET", "/").body.decode()
    assert all(path.read_text(encoding="utf-8") in text for path in FOLDER.glob("*.js"))
