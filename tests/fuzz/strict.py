"""A second judge of strict CBOR: it reads only the heads of the parts."""

DEPTH_MAX = 16
TEXT, TAG, SPECIAL = 3, 6, 7
SPECIAL_MIN = 32
SIZED = 24
RESERVED = 28


def is_strict(data: bytes) -> bool:
    """Return whether the bytes are one strict value; floats and special values are accepted."""
    try:
        return _end(data, 0, 0) == len(data)
    except (ValueError, IndexError):
        return False


def _end(data: bytes, start: int, depth: int) -> int:
    """Return the end of the value that begins at `start`."""
    major, low = data[start] >> 5, data[start] & 31
    if low >= RESERVED or major == TAG:
        raise ValueError("an indefinite length, a tag, or nothing that there is")
    at = start + 1 + ((1 << low - SIZED) if low >= SIZED else 0)
    count = int.from_bytes(data[start + 1 : at], "big") if low >= SIZED else low
    match major:
        case 2 | 3:
            return _end_of_string(data, at, at + count, is_text=major == TEXT)
        case 4:
            return _end_of_parts(data, at, count, depth + 1)[0]
        case 5:
            end, starts = _end_of_parts(data, at, 2 * count, depth + 1)
            keys = [data[a:b] for a, b in zip(starts[::2], starts[1::2], strict=True)]
            if len(set(keys)) < len(keys):
                raise ValueError("a key stands twice")
            return end
    if at > len(data) or (major == SPECIAL and low == SIZED and count < SPECIAL_MIN):
        raise ValueError("cut short, or a special value that has a shorter form and must have it")
    return at


def _end_of_string(data: bytes, start: int, end: int, *, is_text: bool) -> int:
    if end > len(data):
        raise ValueError("cut short")
    if is_text:
        data[start:end].decode("utf-8")
    return end


def _end_of_parts(data: bytes, at: int, count: int, depth: int) -> tuple[int, list[int]]:
    if count and depth > DEPTH_MAX:  # an empty one, in which nothing is, is no deeper
        raise ValueError("too deep")
    starts = []
    for _ in range(count):
        starts.append(at)
        at = _end(data, at, depth)
    return at, starts
