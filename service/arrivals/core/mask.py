"""A mask that hides secrets in the answers of those who know them, however they are written there.

A secret is found as it is, behind any escapes (`unescaped.py`), and in base64, wherever in it it begins; so is every
callback URL's token, whoever's it is. The time grows with the length of what is looked at.
"""

import base64
from collections.abc import Iterable, Iterator
from functools import lru_cache, reduce
import re

from arrivals.core.unescaped import Unescaped, unescaped

HIDDEN = "********"
MIN_CHARACTERS = 8  # a shorter secret would hide words that everybody uses
MAX_UNESCAPED_BYTES = 4 * 1024 * 1024  # what is larger is a file, and is looked at as it is
MAX_LAYERS = 3  # JSON in a URL in HTML
CUT = "…"  # what ends so may end within a secret

# A callback URL's token: `callback.py` says what it is made of. One whose end is missing is hidden too.
TOKEN = re.compile(rb"(?P<secret>gen_[0-9a-z]{1,64}\.[^\s\"'<>~/\\]{1,200}~[\w-]*)")
DIGEST = re.compile(rb"(?<![0-9a-f])(?P<secret>[0-9a-f]{64})(?![0-9a-f])")


class Mask:
    """Hides these secrets; `digests`: whatever looks like one that was derived, too."""

    def __init__(self, secrets: Iterable[str], *, digests: bool = False) -> None:
        kept = sorted({secret for secret in secrets if len(secret) >= MIN_CHARACTERS}, key=len, reverse=True)
        self._secrets = [secret.encode(errors="surrogatepass") for secret in kept]
        self._forms = [form for secret in kept for form in _forms(secret)]
        self._heads = [form[:MIN_CHARACTERS] for form in self._forms]
        self._patterns = (TOKEN, DIGEST) if digests else (TOKEN,)

    def touches(self, texts: Iterable[str]) -> bool:
        """True where any of the texts may need masking. Most do not, and this is much faster than masking them."""
        content = "\n".join(texts).encode(errors="surrogatepass")
        return any(
            any(head in text for head in self._heads) or any(pattern.search(text) for pattern in self._patterns)
            for text in (content, *(layer.content for layer in _layers(content)))
        )

    def text(self, text: str) -> str:
        """The text without any secret, nor the beginning of one at its end."""
        shown = text.removesuffix(CUT)
        masked = self.octets(shown.encode(errors="surrogatepass")).decode(errors="surrogatepass")
        return text if masked == shown else masked + text[len(shown) :]

    def octets(self, content: bytes) -> bytes:
        """The bytes without any secret."""
        spans = [*self._spans(content)]
        above: list[Unescaped] = []
        for layer in _layers(content):
            above.insert(0, layer)
            spans += [reduce(_origin, above, span) for span in self._spans(layer.content)]
        if not spans:
            return content
        pieces, at = [], 0
        for start, end in _merged_spans(spans):
            pieces += [content[at:start], HIDDEN.encode()]
            at = end
        return b"".join([*pieces, content[at:]])

    def _spans(self, content: bytes) -> Iterator[tuple[int, int]]:
        for form in self._forms:
            start = content.find(form)
            while start >= 0:
                yield start, start + len(form)
                start = content.find(form, start + len(form))
        for pattern in self._patterns:
            for token in pattern.finditer(content):
                yield token.span("secret")
        for secret in self._secrets:
            begins = content.find(secret[:MIN_CHARACTERS], max(0, len(content) - len(secret) + 1))
            if begins >= 0 and secret.startswith(content[begins:]):
                yield begins, len(content)


@lru_cache(maxsize=4096)  # of an account it is asked about with every word, of a generation a few times
def _forms(secret: str) -> tuple[bytes, ...]:
    """The forms of a secret: as it is, in a form, and in base64 at each of the three places where it may begin."""
    content = secret.encode(errors="surrogatepass")
    plain = unescaped(content)  # one that itself holds what looks like an escape
    forms = {content, content.replace(b" ", b"+"), *((plain.content,) if plain else ())}
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + content)
        # What depends on the neighbors is left out: the letters that they share, and what fills up the end.
        whole = encoded[(before * 8 + 5) // 6 : (before + len(content)) * 8 // 6]
        forms |= {whole, whole.replace(b"+", b"-").replace(b"/", b"_")}
    return tuple(sorted(forms, key=len, reverse=True))


def _origin(span: tuple[int, int], layer: Unescaped) -> tuple[int, int]:
    return layer.origin(*span)


def _layers(content: bytes) -> Iterator[Unescaped]:
    """The content with its escapes undone, then with those that came to light, as often as it may have been escaped."""
    layer = unescaped(content) if len(content) <= MAX_UNESCAPED_BYTES else None
    for _ in range(MAX_LAYERS):
        if layer is None or layer.content == content:
            return
        yield layer
        content = layer.content
        layer = unescaped(content)


def _merged_spans(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The spans in order, those that overlap or touch as one."""
    start, end = -1, -1
    for begins, ends in sorted(spans):
        if begins > end:
            if end >= 0:
                yield start, end
            start, end = begins, ends
        else:
            end = max(end, ends)
    yield start, end
