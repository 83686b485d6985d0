import base64
import pickle

import pytest

from wire.protocol.keys import Key, KeyRing

SECRET = bytes(range(32))
ONE, TWO, THREE = (Key(bytes([number]) * 32) for number in (1, 2, 3))


@pytest.mark.parametrize("text", [SECRET.hex(), SECRET.hex().upper(), base64.b64encode(SECRET).decode()])
def test_a_key_is_read_in_hex_and_in_base64(text: str) -> None:
    assert Key.parse(text).id == Key(SECRET).id


def test_hex_is_not_taken_for_base64_although_it_could_be() -> None:
    text = "ab" * 32
    assert len(base64.b64decode(text)) == 48
    assert Key.parse(text).id == Key(b"\xab" * 32).id


@pytest.mark.parametrize("digits", [44, 60, 130])
def test_hex_of_another_length_is_not_taken_for_base64(digits: int) -> None:
    with pytest.raises(ValueError, match=f"a key has {digits // 2} bytes; 32 to 64"):
        Key.parse("ab" * (digits // 2))


@pytest.mark.parametrize("length", [32, 64])
def test_lengths_at_the_bounds_are_taken(length: int) -> None:
    assert len(Key(bytes(length)).id) == 8


@pytest.mark.parametrize("length", [0, 31, 65])
def test_lengths_beyond_the_bounds_are_not(length: int) -> None:
    with pytest.raises(ValueError, match=f"a key has {length} bytes; 32 to 64"):
        Key(bytes(length))


@pytest.mark.parametrize("text", ["hunter2hunter2!", SECRET.hex()[:-1], SECRET.hex() + " x", "ab" * 31 + "xyz\n"])
def test_what_is_no_key_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"neither hex nor base64|bytes; 32 to 64 are needed") as caught:
        Key.parse(text)
    assert text[:8] not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_nothing_shows_or_stores_a_key() -> None:
    key = Key(SECRET)
    ring = KeyRing([key])
    for shown in (repr(key), str(key), f"{key}", repr(ring), repr({"ring": ring})):
        assert SECRET.hex() not in shown
        assert repr(SECRET) not in shown
        assert key.id.hex() in shown
    for kept in (key, ring):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(kept)


def test_an_id_depends_on_the_key_and_is_not_a_part_of_it() -> None:
    assert len({ONE.id, TWO.id, THREE.id}) == 3
    assert ONE.id not in bytes([1]) * 64


def test_digests_for_different_uses_are_different() -> None:
    assert ONE.digest(b"a", b"", 16) != ONE.digest(b"b", b"", 16) != TWO.digest(b"b", b"", 16)


def test_a_file_has_one_or_two_keys_a_line_each_and_comments() -> None:
    text = f"# of the cluster\n\n{SECRET.hex()}  # since May\n\t{base64.b64encode(bytes(40)).decode()}\n"
    assert KeyRing.parse(text).ids == (Key(SECRET).id, Key(bytes(40)).id)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "there are 0 keys"),
        ("# nothing\n", "there are 0 keys"),
        (f"{'ab' * 32}\n{'cd' * 32}\n{'ef' * 32}", "there are 3 keys"),
        (f"{'ab' * 32}\n{'AB' * 32}", "the same key is in it twice"),
        (f"{'ab' * 32}\nsecret secret\n", "line 2: it is neither hex nor base64"),
        ("\nabcd\n", "line 2: a key has 2 bytes"),
    ],
)
def test_a_file_that_breaks_a_rule_is_refused_by_line(text: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule) as caught:
        KeyRing.parse(text)
    assert "secret secret" not in str(caught.value)


def test_the_first_shared_key_of_the_peer_is_chosen() -> None:
    ring = KeyRing([ONE, TWO])
    assert ring.find([THREE.id, TWO.id, ONE.id]) is TWO
    assert ring.find([THREE.id]) is None
    assert ring.find([]) is None
