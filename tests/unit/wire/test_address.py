import pytest

from wire.address import Address


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


def test_both_ends_write_an_address_alike() -> None:
    assert str(Address.of_socket(("::ffff:10.0.0.1", 5, 0, 0))) == "10.0.0.1:5"
    assert str(Address.of_socket(("fe80::1%eth0", 5, 0, 2))) == "[fe80::1]:5"
    assert str(Address.of_socket(("127.0.0.1", 5))) == "127.0.0.1:5"


def test_a_unix_socket_has_no_address() -> None:
    with pytest.raises(ValueError, match="not an internet address"):
        Address.of_socket((1, "x"))


def test_whose_an_address_is() -> None:
    assert Address("10.0.0.1", 5).network == "10.0.0.1"
    assert Address("2001:db8:1:2:3:4:5:6", 5).network == Address("2001:db8:1:2:ffff::1", 6).network
    assert Address("2001:db8:1:2::1", 5).network != Address("2001:db8:1:3::1", 5).network
