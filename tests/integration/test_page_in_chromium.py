"""The page at `/` in a browser without a window."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from bench.watching.chromium import PROGRAM, chromium
from elect import Node
from elect.core.configuration import ClusterState
from elect.leader import Leader
from elect.storage.store import MemoryStore
from elect.testing.real_processes import free_ports
from elect.web import application
from elect.web.server import HttpServer
from tests.nodes import cluster, configs, eventually
from tests.unit.web.fake_node import FakeElection, FakeNode
from wire.protocol.address import Address

pytestmark = [pytest.mark.debian(PROGRAM), pytest.mark.long]

EVIL = "<script>window.broken = 1</script><img src=x onerror='window.broken = 1'>"
ELECTIONS = 10_000


@pytest.fixture(scope="module")
def browser():
    with chromium() as page:
        page.show(width=1280, height=900)
        yield page


@pytest.fixture
def page(browser):
    browser.problems.clear()
    yield browser
    assert not browser.problems
    browser.open("about:blank")


def open_page(page, address):
    page.open(f"http://{address}/")
    page.wait_for("document.body.dataset.connection === 'live'")


def text(page, selector):
    return page.evaluate(f"document.querySelector({selector!r}).innerText")


@pytest.fixture
def many():
    """A node with many elections, one of them without a leader."""
    node = FakeNode()
    node.elections = {
        f"tenant-{number:05}": FakeElection(leader=Leader(node_id="bca"[number % 3], term=number))
        for number in range(ELECTIONS)
    }
    node.elections["tenant-07777"].leader = None
    with served(node) as address:
        yield address


@contextmanager
def served(node):
    """Serve the page of a fake node; its address."""
    node.content |= {"now": 10.0, "supported_for": 0.5, "voters": ["a"], "quorum": 1, "lifecycle": "ready", "peers": []}
    node.content |= {"cluster": "orders", "state": "running", "loop_lag": 0.0, "inbox": 0, "metadata": {}}
    node.content |= {"clients": {"count": 0, "max": 1000}}
    server = HttpServer(Address("127.0.0.1", 0), application(node))
    server.start()
    yield server.address
    node.stop()
    assert server.stop(5.0)


def test_a_new_leader_is_shown_and_said(page, tmp_path):
    with cluster(tmp_path, each={"a": {"http_listen": f"127.0.0.1:{free_ports(1)[0]}"}}) as nodes:
        open_page(page, nodes["a"].http_address)
        leader = nodes.leader()
        page.wait_for(f"document.getElementById('leader')?.textContent === {leader.config.node!r}")
        leader = nodes.hand_over(leader)
        page.wait_for(f"document.getElementById('leader')?.textContent === {leader.config.node!r}")
        page.wait_for(f"byId('announcer').textContent.includes({leader.config.node + ' leads'!r})")
        page.wait_for("byId('changes').innerText.includes('resigned')")
        assert page.evaluate("document.querySelectorAll('.matrix .sign.good').length") == 6


@pytest.mark.parametrize("names", [["default"], ["default", "jobs"]], ids=len)
@pytest.mark.parametrize(("state", "said"), [("standby", "A standby cluster"), ("sealed", "A sealed cluster")])
def test_a_cluster_that_elects_nobody_is_no_alarm(page, names, state, said):
    node = FakeNode()
    node.elections = {name: FakeElection() for name in names}
    node.configuration = replace(node.configuration, state=ClusterState(state))
    node.content["membership"] = node.status().membership.to_dict()
    with served(node) as address:
        open_page(page, address)
        page.wait_for(f"byId('summary').innerText.includes({said!r})")
        assert page.evaluate("document.querySelectorAll('.headline.bad').length") == 0
        page.wait_for("document.querySelectorAll('.why.idle').length > 0")
        assert page.evaluate("document.querySelectorAll('.why:not(.idle)').length") == 0
        assert page.evaluate(CONTRAST) >= 4.5


@pytest.mark.parametrize("names", [["default"], ["default", "jobs"]], ids=len)
def test_the_skip_link_leads_to_what_is_shown(page, names):
    node = FakeNode()
    node.elections = {name: FakeElection(leader=Leader(node_id="b", term=1)) for name in names}
    with served(node) as address:
        open_page(page, address)
        page.evaluate("document.querySelector('.skip').click()")
        page.wait_for("document.activeElement.matches('main *')")
        assert page.evaluate("document.activeElement.contains(byId('chosen'))")
        assert page.evaluate("document.activeElement.innerText.includes('default')")


def test_text_of_other_nodes_is_text(page, tmp_path):
    with cluster(
        tmp_path,
        each={"a": {"http_listen": f"127.0.0.1:{free_ports(1)[0]}"}},
        metadata={"evil": EVIL},
    ) as nodes:
        nodes["a"].election(EVIL[:64].replace("=", "-"))
        open_page(page, nodes["a"].http_address)
        page.wait_for(f"byId('nodes').innerText.split({EVIL!r}).length === 4")
        page.wait_for("document.querySelectorAll('.row').length === 2")
        assert page.evaluate("window.broken") is None
        assert page.evaluate("document.querySelectorAll('img').length") == 0


def test_a_stopped_node_says_so_and_comes_back(page, tmp_path):
    (port,) = free_ports(1)
    config = configs(tmp_path, "a", http_listen=f"127.0.0.1:{port}")["a"]
    with Node(config, store=MemoryStore()) as node:
        eventually(lambda: node.is_leader)
        open_page(page, node.http_address)
    page.wait_for("byId('summary').innerText.includes('a has stopped')")
    assert "reconnecting" in text(page, "#connection")
    with Node(config, store=MemoryStore()):
        page.wait_for("document.body.dataset.connection === 'live'")
        page.wait_for("byId('leader')?.textContent === 'a'")


def test_of_many_elections_few_rows_exist_and_trouble_is_first(page, many):
    open_page(page, many)
    page.wait_for("document.querySelector('.row')?.innerText.includes('tenant-07777')")
    assert "1 of 10,000 elections without a leader" in text(page, "#summary")
    assert page.evaluate("document.querySelectorAll('.row').length") < 60
    page.evaluate("byId('rows').scrollTop = byId('rows').scrollHeight")
    page.wait_for("byId('rows').innerText.includes('tenant-09999')")
    assert page.evaluate("document.querySelectorAll('.row').length") < 60
    page.evaluate("byId('search').value = 'NT-0420'; byId('search').dispatchEvent(new Event('input'))")
    page.wait_for("byId('matched').textContent === '10 of 10,000'")
    page.wait_for("byId('rows').innerText.includes('tenant-04209')")


@pytest.mark.parametrize(("changes", "said"), [(100, "a leads 100 elections"), (300, "a leads at least 256 elections")])
def test_it_counts_no_more_changes_than_it_has_kept(page, many, changes, said):
    open_page(page, many)
    page.evaluate(f"""
        for (let i = 0; i < {changes}; i++)
            receiveChange({{event: "leader", election: `e${{i}}`, leader: "a", term: 7, boottime: 11, end: null}});
        showChanges();
    """)
    assert said in text(page, "#change-list")


def test_the_keyboard_is_enough(page, many):
    open_page(page, many)
    page.wait_for("document.querySelector('.row')?.innerText.includes('tenant-07777')")
    page.press("/", "/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.evaluate("byId('rows').focus()")
    for key in ("ArrowDown", "End", "PageUp", "ArrowUp"):
        page.press(key)
    page.wait_for("document.querySelector('[aria-selected=true]')?.innerText.includes('tenant-09988')")
    assert page.evaluate("byId('rows').getAttribute('aria-activedescendant')") == "row-9988"
    page.wait_for("document.querySelector('#chosen h2')?.innerText === 'tenant-09988'")


def test_a_screen_reader_has_names_for_all(page, many):
    open_page(page, many)
    page.wait_for("document.querySelectorAll('.row').length > 10")
    labels = page.labels()
    assert {("heading", "Elections"), ("grid", "Elections"), ("searchbox", "Search by name or leader")} <= set(labels)
    named = {"button", "checkbox", "columnheader", "grid", "heading", "image", "region", "searchbox"}
    assert not [role for role, name in labels if role in named and not name]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_has_contrast(page, many, scheme):
    page.show(width=390, height=844, is_dark=scheme == "dark")
    open_page(page, many)
    page.wait_for("document.querySelectorAll('.row').length > 5")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate(CONTRAST) >= 4.5
    page.show(width=1280, height=900)


CONTRAST = """
(() => {
  const light = text => {
    const linear = part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = text.match(/[0-9.]+/g).map(part => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    const colour = getComputedStyle(element).backgroundColor;
    return colour === 'rgba(0, 0, 0, 0)' && element.parentElement ? ground(element.parentElement) : colour;
  };
  const ratios = [...document.querySelectorAll('h1, h2, p, dt, dd, small, span, strong, th, td, time')]
    .filter(element => element.innerText?.trim() && element.checkVisibility() && !element.closest('.unseen'))
    .map(element => [light(getComputedStyle(element).color), light(ground(element))].sort((a, b) => b - a))
    .map(([high, low]) => (high + 0.05) / (low + 0.05));
  return Math.min(...ratios);
})()
"""
