import re

import pytest

from wire.protocol.address import Address, ip_of


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("10.0.0.1:7101", "10.0.0.1", 7101), ("[::1]:7101", "::1", 7101), ("db.example:0", "db.example", 0)],
)
def test_text_and_back(text: str, host: str, port: int) -> None:
    assert Address.parse(text) == Address(host, port)
    assert str(Address(host, port)) == text


@pytest.mark.parametrize("text", ["", "a", ":1", "a:", "a:-1", "a:65536", "a:x", "a:²", "::1:7101", "[]:1"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Address.parse(text)


@pytest.mark.parametrize(
    "text",
    ["db.example.:1", "elect_a:1", "a-b:1", "bücher.example:1", "[fe80::1%eth0]:1", "1:1", "DB:1"],
)
def test_what_is_an_address(text: str) -> None:
    """Names as they are found in the field, and scoped IPv6 addresses, are taken as they are."""
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("http://10.0.0.1:7101", "only a host and a port are needed, as in 10.0.0.1:7101"),
        ("http://10.0.0.1:7101/", "only a host and a port are needed, as in 10.0.0.1:7101"),
        ("https://[::1]:7101/x?y=z:1", "only a host and a port are needed, as in 10.0.0.1:7101"),
        ("tcp://db.example", "only a host and a port are needed"),
        ("10.0.0.0/8:7101", "only a host and a port are needed"),
        ("10.0.0.1:7101 ", "has a blank in it"),
        (" 10.0.0.1:7101", "has a blank in it"),
        ("10.0.0.1: 7101", "has a blank in it"),
        ("10.0.0.1:7101\n", "has a blank in it"),
        ("a b:1", "has a blank in it"),
        ("10.0.0.1", 'is not host:port, as in "10.0.0.1:7101" or "[::1]:7101"'),
        ("10.0.0.1:", "is not host:port"),
        ("7101", "is not host:port"),
        ("[::1]", "is not host:port"),
        ("db.example:7101.", "is not host:port"),
        ("db.example:http", "is not host:port"),
        ("fe80::1", "an IPv6 address needs brackets and a port, as in [::1]:7101"),
        ("::1:7101", "an IPv6 address needs brackets and a port, as in [::1]:7101"),
        (":7101", "has no host; all addresses of this machine are 0.0.0.0 or [::]"),
        ("*:7101", "has no host; all addresses of this machine are 0.0.0.0 or [::]"),
        ("[]:7101", "brackets are for an IPv6 address"),
        ("[10.0.0.1]:7101", "brackets are for an IPv6 address"),
        ("[db.example]:7101", "brackets are for an IPv6 address"),
        ("10.0.0.256:7101", "'10.0.0.256' is neither an IP address nor the name of a host"),
        ("10.0.0:7101", "neither an IP address nor the name of a host"),
        ("10.0.0.1.:7101", "neither an IP address nor the name of a host"),
        ("a..b:7101", "neither an IP address nor the name of a host"),
        ("user@db:7101", "neither an IP address nor the name of a host"),
        (f"{'a' * 64}:7101", "neither an IP address nor the name of a host"),
        ("\ufeffdb:7101", "neither an IP address nor the name of a host"),
        ("db:70000", "port is 70000; 0 to 65535 is allowed"),
        (f"db:{'9' * 5000}", "is not host:port"),
    ],
)
def test_error_says_what_an_address_needs(text: str, rule: str) -> None:
    """Each slip has the rule that it breaks."""
    with pytest.raises(ValueError, match=re.escape(rule)):
        Address.parse(text)


def test_both_ends_write_an_address_alike() -> None:
    assert str(Address.of_socket(("::ffff:10.0.0.1", 5, 0, 0))) == "10.0.0.1:5"
    assert str(Address.of_socket(("fe80::1%eth0", 5, 0, 2))) == "[fe80::1]:5"
    assert str(Address.of_socket(("127.0.0.1", 5))) == "127.0.0.1:5"


def test_a_unix_socket_has_no_address() -> None:
    with pytest.raises(ValueError, match="not an internet address"):
        Address.of_socket((1, "x"))


def test_whose_an_address_is() -> None:
    assert Address("10.0.0.1", 5).network == "10.0.0.1"
    assert Address("::ffff:10.0.0.1", 5).network == "10.0.0.1"
    assert Address("2001:db8:1:2:3:4:5:6", 5).network == Address("2001:db8:1:2:ffff::1", 6).network
    assert Address("2001:db8:1:2::1", 5).network != Address("2001:db8:1:3::1", 5).network


def test_this_machine_dials_its_wildcard_on_loopback() -> None:
    """Connecting to a wildcard works on some systems only, and [::] not where IPv6 is switched off."""
    for host in ("0.0.0.0", "::", "::ffff:0.0.0.0"):
        assert Address(host, 5).from_here == Address("127.0.0.1", 5)
    assert Address("10.0.0.1", 5).from_here == Address("10.0.0.1", 5)
    assert Address("db.example", 5).from_here == Address("db.example", 5)


def test_a_host_that_is_written_as_an_ip_address_is_one() -> None:
    """IPv4 within IPv6 is IPv4, a zone is left out, and a name is none."""
    assert str(ip_of("::ffff:127.0.0.1")) == "127.0.0.1"
    assert str(ip_of("fe80::1%eth0")) == "fe80::1"
    assert ip_of("localhost") is None


def test_the_path_of_a_unix_socket() -> None:
    address = Address.parse("unix:/run/my app/a.sock", is_unix_allowed=True)
    assert (address.host, address.port, address.is_unix) == ("/run/my app/a.sock", 0, True)
    assert str(address) == "unix:/run/my app/a.sock"
    assert address.from_here is address
    assert not address.is_wildcard
    assert not Address("a", 1).is_unix


@pytest.mark.parametrize(
    "text", ["unix:", "unix:a.sock", "unix:/", "unix:/run/", "unix:/run/a\nb", "unix:/" + "x" * 103]
)
def test_what_is_no_path_of_a_unix_socket(text: str) -> None:
    with pytest.raises(ValueError, match="unix:"):
        Address.parse(text, is_unix_allowed=True)


def test_a_unix_socket_is_an_address_only_where_it_is_allowed() -> None:
    with pytest.raises(ValueError, match="a host and a port are needed here"):
        Address.parse("unix:/run/a.sock")
    assert Address.parse("unix:7101") == Address("unix", 7101)
    with pytest.raises(ValueError, match="a Unix socket has none"):
        Address("/run/a.sock", 1)
