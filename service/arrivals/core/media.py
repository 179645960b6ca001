"""Media types: their grammar, the types of bytes, the schemes an output may have, and bytes that came as a data URI."""

import base64
import re
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from arrivals.core.http import MAX_URL_CHARACTERS, split_url

UNKNOWN = "application/octet-stream"
PLAIN = "text/plain;charset=us-ascii"  # what a data URI is that does not say: RFC 2397
MAX_CHARACTERS = 255
MAX_SCHEME_CHARACTERS = 20
INLINE = "data:"  # its bytes are kept apart, under a URL of ours

# https://www.rfc-editor.org/rfc/rfc9110#section-8.3.1, and empty parameters by 5.6.6; nothing is tried twice
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_QUOTED = r'"(?:[\t !#-\[\]-~]|\\[\t -~])*+"'
_MEDIA_TYPE = re.compile(rf"{_WORD}/{_WORD}(?:[ \t]*+;[ \t]*+(?:{_WORD}=(?:{_WORD}|{_QUOTED}))?+)*+[ \t]*+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SPACE = re.compile(rb"[\t\n\f\r ]+")
_PLAIN_ALPHABET = bytes.maketrans(b"-_", b"+/")
# https://en.wikipedia.org/wiki/List_of_file_signatures
# pattern of the first bytes: media type
SIGNATURES = {
    rb"\x89PNG\r\n\x1a\n": "image/png",
    rb"\xff\xd8\xff": "image/jpeg",
    rb"GIF8[79]a": "image/gif",
    rb"(?s)RIFF.{4}WEBP": "image/webp",
    rb"(?s).{4}ftypavif": "image/avif",
    rb"(?s).{4}ftyp": "video/mp4",
    rb"\x1aE\xdf\xa3": "video/webm",
    rb"(?s)RIFF.{4}WAVE": "audio/wav",
    rb"ID3|\xff[\xfb\xf3\xf2]": "audio/mpeg",
    rb"OggS": "audio/ogg",
    rb"fLaC": "audio/flac",
}
_DATA_URI = re.compile(r"data:([^,]{0,512}),", re.IGNORECASE)
_BASE64 = re.compile(r" *; *base64 *\Z", re.IGNORECASE)


class Inline(Struct, frozen=True, kw_only=True):
    """Bytes that came inside an answer, and what they are."""

    content_type: str
    content: bytes


def media_type(text: str | None) -> str | None:
    """A media type with its parameters, as it may stand in a header; None for what is none."""
    if text is None or len(text) > MAX_CHARACTERS or not _MEDIA_TYPE.fullmatch(text):
        return None
    return text.strip()


def media_of(content: bytes) -> str | None:
    """The media type that the first bytes of a file show; None where they show none."""
    return next((media for first, media in SIGNATURES.items() if re.match(first, content)), None)


def is_inline(url: str) -> bool:
    """True if the bytes stand in the URL itself."""
    return url[: len(INLINE)].lower() == INLINE


def output_objection(url: str) -> str | None:
    """The objection to an output's URL, which may be https, http or data; None if there is none."""
    if is_inline(url):
        return None
    if len(url) > MAX_URL_CHARACTERS:
        return f"its URL has {len(url)} characters"
    try:
        parts = split_url(url)
    except ValueError:
        return "its URL is none"
    if parts.scheme not in ("https", "http"):
        return f"its URL begins with {parts.scheme[:MAX_SCHEME_CHARACTERS]!r}"
    return "its URL leads nowhere" if not parts.hostname or _CONTROL.search(url) else None


def read_data_uri(url: str) -> Inline | None:
    """The bytes of a data URI; None for one that is malformed: https://www.rfc-editor.org/rfc/rfc2397."""
    head = _DATA_URI.match(url)
    if head is None:
        return None
    media, content = head[1], unquote_to_bytes(url[head.end() :])
    encoded = _BASE64.search(media)
    if encoded is not None:
        media = media[: encoded.start()]
        decoded = read_base64(content)
        if decoded is None:
            return None
        content = decoded
    return Inline(content_type=_type_of(media.strip()), content=content)


def read_base64(text: bytes) -> bytes | None:
    """Bytes from base64 as it comes: with white space, without its padding, in the alphabet of URLs, or cut off.

    None for what has other letters: https://infra.spec.whatwg.org/#forgiving-base64, and section 5 of RFC 4648.
    """
    bare = _SPACE.sub(b"", text).rstrip(b"=").translate(_PLAIN_ALPHABET)
    whole = bare[:-1] if len(bare) % 4 == 1 else bare  # six bits of a byte that was cut off
    try:
        return base64.b64decode(whole + b"=" * (-len(whole) % 4), validate=True)
    except ValueError:
        return None


def _type_of(media: str) -> str:
    """The type of a data URI; `;charset=…` alone is a parameter of plain text."""
    if not media:
        return PLAIN
    return media_type(f"text/plain{media}" if media.startswith(";") else media) or UNKNOWN
