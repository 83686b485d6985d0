import cbor2
import pytest

from wire import cbor
from wire.errors import PayloadError

COUNTS = sorted({count + change for count in (0, 24, 2**8, 2**16) for change in (-1, 0, 1) if count + change >= 0})
NUMBERS = [*COUNTS, 2**32 - 1, 2**32, 2**63 - 1]


@pytest.mark.parametrize("number", [*NUMBERS, *(-1 - number for number in NUMBERS)])
def test_an_integer_has_its_shortest_form(number: int) -> None:
    assert cbor.integer(number) == cbor2.dumps(number)


@pytest.mark.parametrize("count", COUNTS)
def test_whatever_has_a_length_has_its_shortest_form(count: int) -> None:
    assert cbor.text("x" * count) == cbor2.dumps("x" * count)
    assert cbor.octets(b"x" * count) == cbor2.dumps(b"x" * count)
    assert cbor.array_head(count) + cbor.NULL * count == cbor2.dumps([None] * count)
    words = {str(number): "x" for number in range(count)}
    assert cbor.text_map(words) == cbor2.dumps(words)


def test_the_three_others_are_single_bytes() -> None:
    assert (cbor.boolean(value=False), cbor.boolean(value=True), cbor.NULL) == (b"\xf4", b"\xf5", b"\xf6")


def test_a_text_that_has_no_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        cbor.text("\ud800")


def test_nothing_is_left_over_from_one_payload_to_the_next() -> None:
    whole = cbor2.dumps(["a", [1, {"b": "c"}], b"d"])
    for _ in range(3):
        assert cbor.loads(whole) == ["a", [1, {"b": "c"}], b"d"]
        for wrong in (whole[:-1], whole + b"\0", b"", b"\x81" * 100, b"\xc1\x01", whole + whole, b"\x9f\x01\xff"):
            with pytest.raises(PayloadError):
                cbor.loads(wrong)
            assert cbor.loads(whole) == ["a", [1, {"b": "c"}], b"d"]
            assert cbor.loads(b"\x01") == 1
