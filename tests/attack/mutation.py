"""Worse copies of what is really sent: JSON whose values are swapped, HTTP heads that lie, bytes that are torn."""

import json
import random

# Values where nobody expects them. As text, because Python's own encoder refuses some of them.
STRANGERS = (
    b"null", b"true", b"-1", b"0", b"1e308", b"-1e999",
    b"NaN", b"Infinity", b"9" * 400, b"1e-400", b'""', b'" "',
    b"[]", b"{}", b"[null]", b"[[[[[[]]]]]]", b'{"error":{"code":1}}', b'"\\u0000"', b'"\\ud800"',
    b'"\\udfff\\ud800"', b'"\xff\xfe"',
    b'"' + b"x" * 3000 + b'"', b'"https://[::1"', b'"https://user:key@127.0.0.1:99999/\\u0000"', b'"//evil.example/x"',
    b'"javascript:alert(1)"', b'"data:image/png;base64,AAAA"', b'"data:,"', b'"../../.."', b'"."',
    b'"%2e%2e/%00"', b'"\\r\\nX: y"', b'"2026-13-45T99:99:99Z"', b'"-1"', b'"1e309"', b'"\xd9\xa3"',
    b'"succeeded"', b'"FAILED"', b"[" * 3000, b'{"a":' * 2000,
)  # fmt: skip
HEADERS = (
    "retry-after: 1e999", "retry-after: -1", "retry-after: Thu, 99 Foo 2026 99:99:99 GMT", "retry-after: " + "9" * 400,
    "content-type: text/html", "content-type: application/json; charset=utf-16", "content-type: ;;;=", "date: \x00",
    "content-encoding: gzip", "location: http://127.0.0.1/", "x-webhook-secret: \xe9", "x-request-id: " + "x" * 5000,
)  # fmt: skip
STATUSES = (100, 200, 201, 204, 302, 400, 401, 402, 403, 404, 409, 410, 413, 422, 429, 499, 500, 502, 503, 504, 599, 0)
SPLICED = (
    b"\x00", b"\xff", b"\r\n", b"\n\n", b'"', b"\\", b"{", b"]", b"\xed\xa0\x80", b"%00", b"data: ", b"~", b".",
    b"=", b",",
)  # fmt: skip
MARK = "\ue000"  # stands where raw bytes come in
LARGEST = 100_000


def worse(seed: bytes, other: bytes, rng: random.Random) -> bytes:
    """A copy of the seed with one to four things wrong; `other` is another seed to take parts of."""
    copy = seed
    for _ in range(rng.randint(1, 4)):
        copy = rng.choice((_torn, _torn, _head, _value, _value, _value, _value, _crossed))(copy, other, rng)
    return copy[:LARGEST]


def _torn(seed, _other, rng):
    """Bytes left out, doubled, flipped or put in."""
    at, to = sorted((rng.randint(0, len(seed)), rng.randint(0, len(seed))))
    to = min(to, at + 40)
    return rng.choice((
        lambda: seed[:at] + seed[to:],
        lambda: seed[:to] + seed[at:to] * rng.randint(1, 20) + seed[to:],
        lambda: seed[:at] + rng.choice(SPLICED) * rng.randint(1, 3) + seed[at:],
        lambda: seed[:at] + bytes([rng.randrange(256)]) + seed[at + 1 :],
        lambda: seed[:at],
    ))()  # fmt: skip


def _crossed(seed, other, rng):
    """The beginning of one and the end of another."""
    return seed[: rng.randint(0, len(seed))] + other[rng.randint(0, len(other)) :]


def _head(seed, other, rng):
    """Another status, one more header, one fewer."""
    gap = next((gap for gap in (b"\r\n\r\n", b"\n\n") if gap in seed), None)
    if gap is None:
        return _torn(seed, other, rng)
    head, _, body = seed.partition(gap)
    lines = head.decode("latin-1").splitlines()
    kind = rng.randrange(3)
    if kind == 0 and lines and lines[0].startswith("HTTP/"):
        lines[0] = f"HTTP/1.1 {rng.choice(STATUSES)} Words"
    elif kind == 1:
        lines.append(rng.choice(HEADERS))
    elif len(lines) > 1:
        del lines[rng.randrange(1, len(lines))]
    return "\n".join(lines).encode("latin-1", "replace") + b"\n\n" + body


def _value(seed, other, rng):
    """One value of the JSON in it replaced, left out, doubled under the same key, wrapped, or taken from another."""
    start, end = _json_in(seed)
    if start is None:
        return _torn(seed, other, rng)
    value = json.loads(seed[start:end].decode("utf-8", "replace"))
    places = [*_places(value)]
    path = rng.choice(places) if places else ()
    kind = rng.randrange(6)
    raw = rng.choice(STRANGERS)
    if kind == 0 and path:
        _replace(value, path, None, drop=True)
        return seed[:start] + json.dumps(value).encode() + seed[end:]
    if kind == 1:
        ostart, oend = _json_in(other)
        raw = other[ostart:oend] if ostart is not None else raw
    elif kind == 2:
        raw = b"[" + json.dumps(_at(value, path)).encode() + b"]"
    elif kind == 3 and path and isinstance(path[-1], str):
        raw = json.dumps(_at(value, path)).encode() + b"," + json.dumps(path[-1]).encode() + b":" + raw
    value = _replace(value, path, MARK)
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return seed[:start] + text.replace(f'"{MARK}"'.encode(), raw, 1) + seed[end:]


def _json_in(seed):
    """(start, end) of the JSON that begins at the first bracket; (None, None) where there is none."""
    starts = [at for at in (seed.find(b"{"), seed.find(b"[")) if at >= 0]
    if not starts:
        return None, None
    text = seed[min(starts) :].decode("latin-1")
    try:
        _, length = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None, None
    return min(starts), min(starts) + length


def _places(value, path=()):
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from _places(part, (*path, key))


def _at(value, path):
    for key in path:
        value = value[key]
    return value


def _replace(value, path, new, *, drop=False):
    if not path:
        return new
    inside = _at(value, path[:-1])
    if drop:
        del inside[path[-1]]
    else:
        inside[path[-1]] = new
    return value
