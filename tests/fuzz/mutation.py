"""Changes of bytes: random ones, and those of an attacker who knows the format."""

import random
from collections.abc import Callable, Sequence

import cbor2

from wire.protocol.frame import HEADER_BYTES

INTEGERS = (
    *(0, 1, -1, 23, 24, 255, 256, 65_535, 65_536, 2**31, 2**32, 2**53 - 1, 2**53),
    *(2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**70, -(2**63), -(2**63) - 1, -(2**64)),
)
LENGTHS = (0, 1, 2, 15, 16, 17, 255, 4_095, 4_096, 4_097, 4_112, 4_113, 8_192, 8_193, 65_536, 2**31, 2**32 - 1)
ODD: tuple[object, ...] = (
    *INTEGERS,
    *("", "a", "bob", "x" * 64, "x" * 65, "x" * 257, "\0", "\u20ac" * 64, "hello", "proof", "batch", "grant"),
    *(b"", b"a", bytes(8), bytes(16), bytes(31), bytes(32), bytes(64)),
    *(None, True, False, 0.0, 1.0, float("nan"), float("inf"), cbor2.undefined, cbor2.CBORSimpleValue(99)),
    *([], [[]], [1] * 30, {}, {"a": "b"}, {"a": 1}, {1: "a"}, {str(number): "v" for number in range(17)}),
    *(cbor2.CBORTag(tag, value) for tag in (0, 1, 2, 4, 24, 28, 29, 30, 35, 258, 55_799) for value in (0, "1", b"1")),
)
HEADS = (
    b"\x1b",
    b"\x9f",
    b"\xbf",
    b"\x5f",
    b"\x7f",
    b"\xff",
    b"\xc0",
    b"\xd8\x1c",
    b"\xf9\x00\x00",
    b"\x9b" + b"\xff" * 8,
)
"""Long integers, indefinite lengths, breaks, tags, floats, an array of more elements than there are bytes."""

Bytes = Callable[[random.Random, bytes], bytes]


def _flip(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    place = rng.randrange(8 * len(data))
    changed[place >> 3] ^= 1 << (place & 7)
    return bytes(changed)


def _overwrite(rng: random.Random, data: bytes) -> bytes:
    place, size = rng.randrange(len(data)), rng.randrange(1, 9)
    return data[:place] + rng.randbytes(size) + data[place + size :]


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _remove(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + data[place + rng.randrange(1, 17) :]


def _insert(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.choice((rng.randbytes(rng.randrange(1, 9)), rng.choice(HEADS))) + data[place:]


def _repeat(rng: random.Random, data: bytes) -> bytes:
    place, size = rng.randrange(len(data)), rng.randrange(1, 65)
    return data[: place + size] + data[place:]


def _announce(rng: random.Random, data: bytes) -> bytes:
    """Write a frame length at a place where one is allowed."""
    place = rng.choice((0, 8, rng.randrange(len(data))))
    return data[:place] + rng.choice(LENGTHS).to_bytes(HEADER_BYTES, "big") + data[place + HEADER_BYTES :]


BLIND: tuple[Bytes, ...] = (_flip, _flip, _overwrite, _cut, _remove, _insert, _repeat, _announce)


def blind(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Change bytes at random, one to three times."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        if not data or rng.random() < 0.05:
            data += rng.randbytes(rng.randrange(1, 33))
        elif rng.random() < 0.1:
            other = rng.choice(others)
            data = data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other)) :]
        else:
            data = rng.choice(BLIND)(rng, data)
    return data


def knowing(rng: random.Random, value: object) -> object:
    """Change one value in a payload, at any depth."""
    if isinstance(value, list) and value and rng.random() < 0.85:
        return _knowing_array(rng, value)
    if isinstance(value, dict) and value and rng.random() < 0.7:
        key = rng.choice(list(value))
        changed = {name: item for name, item in value.items() if name != key}
        return changed | {rng.choice((key, "k" * rng.choice((1, 2_049)), 7)): rng.choice((knowing(rng, value[key]), 1))}
    match value:
        case int() if rng.random() < 0.4:
            return value + rng.choice((-1, 1, 2**31, -(2**40)))
        case str() | bytes() if rng.random() < 0.4:
            return value * rng.choice((2, 30, 70)) if rng.random() < 0.5 else value[:-1]
    return _nested(rng, value) if rng.random() < 0.1 else rng.choice(ODD)


def _knowing_array(rng: random.Random, value: list[object]) -> list[object]:
    changed, place, what = list(value), rng.randrange(len(value)), rng.random()
    if what < 0.08:
        del changed[place]
    elif what < 0.12:
        del changed[place:]
    elif what < 0.2:
        changed.insert(place, rng.choice(ODD))
    elif what < 0.25:
        changed += [value[place]] * rng.choice((1, 2, 40))
    else:
        changed[place] = knowing(rng, value[place])
    return changed


def _nested(rng: random.Random, value: object) -> object:
    for _ in range(rng.choice((1, 3, 14, 15, 16, 17, 100))):
        value = [value] if rng.random() < 0.9 else {"n": value}
    return value


def lax(rng: random.Random, value: object) -> bytes:
    """Return the value in CBOR that is not the shortest, and in places not strict."""
    before = b"\xd9\xd9\xf7" if rng.random() < 0.02 else b""  # the tag that says: this is CBOR
    match value:
        case str() | bytes() if rng.random() < 0.05:
            return before + (b"\x7f" if isinstance(value, str) else b"\x5f") + cbor2.dumps(value) + b"\xff"
        case str():
            return before + _head(rng, 3, len(value.encode())) + value.encode()
        case bytes():
            return before + _head(rng, 2, len(value)) + value
        case list():
            return before + _parts(rng, 4, [lax(rng, each) for each in value])
        case dict():
            pairs = [lax(rng, key) + lax(rng, each) for key, each in value.items()]
            return before + _parts(rng, 5, pairs * 2 if rng.random() < 0.1 else pairs)
        case int() if type(value) is int and -(2**64) <= value < 2**64:
            return before + (_head(rng, 0, value) if value >= 0 else _head(rng, 1, -1 - value))
    return before + cbor2.dumps(value)


def _head(rng: random.Random, major: int, number: int) -> bytes:
    """Return the head of a major type, in one of the lengths that hold the number."""
    sizes = [size for size in range(4) if number < 1 << (8 << size)]
    if number < 24 and rng.random() < 0.8:
        return bytes([major << 5 | number])
    size = rng.choice(sizes) if rng.random() < 0.2 else sizes[0]
    return bytes([major << 5 | 24 + size]) + number.to_bytes(1 << size, "big")


def _parts(rng: random.Random, major: int, parts: list[bytes]) -> bytes:
    if rng.random() < 0.05:
        return bytes([major << 5 | 31]) + b"".join(parts) + b"\xff"
    return _head(rng, major, len(parts)) + b"".join(parts)


def payload(rng: random.Random, value: object, others: Sequence[bytes]) -> bytes:
    """Return a payload of another value, or of this value in another encoding."""
    if rng.random() < 0.15:
        return lax(rng, value)
    for _ in range(rng.choice((1, 1, 2))):
        value = knowing(rng, value)
    said = cbor2.dumps(value)
    return blind(rng, said, others) if rng.random() < 0.1 else said


def pieces(rng: random.Random, data: bytes) -> list[bytes]:
    """Return the data in random pieces."""
    if rng.random() < 0.5 or len(data) < 2:
        return [data]
    ends = sorted(rng.randrange(len(data)) for _ in range(rng.choice((1, 2, 8))))
    return [data[start:stop] for start, stop in zip([0, *ends], [*ends, len(data)], strict=True)]
