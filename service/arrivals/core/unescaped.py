"""Bytes with every escape of JSON, URLs, forms, HTML and programs undone, and where each of them came from.

Only for searching: a match is reported by its place in the original. Escapes of different kinds may stand side by side,
and one of JSON or of a URL may have been escaped again.
"""

from bisect import bisect_right
from dataclasses import dataclass
import re

# HTML's names for what stands in URLs and secrets: https://html.spec.whatwg.org/multipage/named-characters.html
NAMED = {
    b"amp": b"&", b"quot": b'"', b"lt": b"<", b"gt": b">", b"apos": b"'", b"sol": b"/", b"colon": b":", b"period": b".",
    b"lowbar": b"_", b"equals": b"=", b"plus": b"+", b"comma": b",", b"bsol": b"\\", b"percnt": b"%", b"hyphen": b"-",
}  # fmt: skip
LAST_CODE_POINT = 0x10FFFF
_MAY_BE_ESCAPED = re.compile(rb"[\\%&]")
_ESCAPE = re.compile(
    rb"\\{1,8}u(?P<high>d[89ab][0-9a-f]{2})\\{1,8}u(?P<low>d[c-f][0-9a-f]{2})"
    rb"|\\{1,8}u(?P<unit>[0-9a-f]{4})"
    rb"|\\{1,8}x(?P<byte>[0-9a-f]{2})"
    rb"|\\{1,8}(?P<plain>[\"'/\\])"
    rb"|%(?:25){0,3}(?P<percent>[0-9a-f]{2})"
    rb"|&(?:amp;)?#x(?P<hex>[0-9a-f]{1,6});?"
    rb"|&(?:amp;)?#(?P<decimal>[0-9]{1,7});?"
    rb"|&(?P<named>" + b"|".join(NAMED) + rb");",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Unescaped:
    """`starts` and `origins`: where each piece begins here and in the original; every second piece was an escape."""

    content: bytes
    starts: list[int]
    origins: list[int]

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The place in the original that this part came from, with whole escapes at both ends."""
        first = bisect_right(self.starts, start) - 1
        last = bisect_right(self.starts, end - 1) - 1
        begin = self.origins[first] + (0 if first % 2 else start - self.starts[first])
        return begin, self.origins[last + 1] if last % 2 else self.origins[last] + end - self.starts[last]


def unescaped(content: bytes) -> Unescaped | None:
    """The content with its escapes undone; None for what holds no escape."""
    if not _MAY_BE_ESCAPED.search(content):
        return None
    pieces: list[bytes] = []
    starts, origins, length, at = [0], [0], 0, 0
    for escape in _ESCAPE.finditer(content):
        plain, meant = content[at : escape.start()], _meaning(escape)
        at = escape.end()
        pieces += (plain, meant)
        starts += (length + len(plain), length := length + len(plain) + len(meant))
        origins += (escape.start(), at)
    return Unescaped(b"".join([*pieces, content[at:]]), starts, origins)


def _meaning(escape: re.Match[bytes]) -> bytes:
    kind, text = escape.lastgroup, escape[escape.lastgroup or 0]
    if kind in ("byte", "percent"):
        return bytes([int(text, 16)])
    if kind == "plain":
        return text
    if kind == "named":
        return NAMED[text.lower()]
    if kind == "low":
        return _encoded(0x10000 + ((int(escape["high"], 16) & 0x3FF) << 10) + (int(text, 16) & 0x3FF))
    return _encoded(int(text, 10 if kind == "decimal" else 16))


def _encoded(code_point: int) -> bytes:
    return chr(min(code_point, LAST_CODE_POINT)).encode(errors="surrogatepass")
