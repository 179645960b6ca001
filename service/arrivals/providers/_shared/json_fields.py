"""Fields of loosely typed JSON: every function returns None for a value that is absent or of another kind."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urljoin

from arrivals.core.generation import Cost, Output, Status
from arrivals.core.http import MAX_URL_CHARACTERS, HttpCall, split_url
from arrivals.core.moments import number
from arrivals.core.origin import same_origin
from arrivals.core.wire import Micros, from_json, to_json
from arrivals.providers._shared.tolerance import meaning
from arrivals.providers.contract import DOT_SEGMENTS, Account, Unreadable

EXTENSIONS = {
    **dict.fromkeys(("png", "jpg", "jpeg", "webp", "gif", "avif"), "image"),
    **dict.fromkeys(("mp4", "webm", "mov"), "video"),
    **dict.fromkeys(("mp3", "wav", "m4a", "ogg"), "audio"),
}
OWN_KINDS = frozenset({"image", "video", "audio", "text"})
LAST_PLACE = 10**9


def record(body: bytes) -> dict[str, Any]:
    """A body that must be a JSON object. Raises Unreadable."""
    try:
        value = from_json(body)
    except ValueError as error:
        raise Unreadable(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Unreadable("not a JSON object")
    return value


def loose_record(body: bytes) -> dict[str, Any]:
    """A body that should be a JSON object; anything else is an empty one."""
    try:
        return record(body)
    except Unreadable:
        return {}


def part(value: Any, *path: str) -> dict[str, Any]:
    """The object at a path of keys; an empty one where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str | None:
    """A string that is not blank."""
    return value if isinstance(value, str) and value.strip() else None


def status_word(value: Any) -> str | None:
    """A provider's word for a status, as it wrote it."""
    word = text(value)
    return word.strip() if word else None


def identifier(value: Any) -> str | None:
    """An id, which some write as a number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    name = status_word(value)
    return None if name in DOT_SEGMENTS else name  # it goes into a path, and these lead elsewhere


def standing(word: str | None, words: Mapping[str, Status], origin: str) -> Status | None:
    """The status that a word means; None for one that is not documented.

    An accepted submission needs none: its id is what counts. Anything else without a word raises Unreadable.
    """
    if word is None and origin != "submit":
        raise Unreadable("no status")
    return Status.SUBMITTED if word is None else meaning(word, words)


def share(value: Any, full: float = 1.0) -> float | None:
    """Progress as 0.0 to 1.0, of something that ends at `full`."""
    amount = number(value)
    return min(max(amount / full, 0.0), 1.0) if amount is not None else None


def position(value: Any) -> int | None:
    """A place in a queue."""
    place = number(value)
    return int(place) if place is not None and 0 <= place <= LAST_PLACE else None


def price(value: Any) -> Cost | None:
    """US dollars, as written; words such as RunBlob's "calculating" are no price yet."""
    amount = number(value)
    if amount is None:
        return None
    return Cost(amount=value.strip() if isinstance(value, str) else format(Decimal(repr(value)), "f"))


def texts(value: Any) -> tuple[str, ...] | None:
    """A list of strings."""
    strings = tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
    return strings or None


def kind_of(url: str) -> str:
    """The kind of file that a URL's extension names; `file` where it names none."""
    try:
        path = split_url(url).path
    except ValueError:
        return "file"
    return EXTENSIONS.get(path.rpartition(".")[2].lower(), "file")


def outputs(
    urls: Sequence[str | None], base_url: str, kind: str | None = None, *, expires_at: Micros | None = None
) -> tuple[Output, ...]:
    """Outputs at URLs, each once; a relative one is the provider's own. What is on its origin needs its key."""
    absolute = dict.fromkeys(_joined(base_url, url.strip()) for url in urls if url)
    return tuple(
        Output(kind=kind or kind_of(url), url=url, requires_auth=same_origin(url, base_url), expires_at=expires_at)
        for url in absolute
        if url is not None
    )


def _joined(base_url: str, url: str) -> str | None:
    if len(url) > MAX_URL_CHARACTERS:
        return url  # an inline output, or one that nobody keeps
    try:
        return urljoin(base_url + "/", url)
    except ValueError:
        return None


def get(account: Account, path: str, host: str | None = None) -> HttpCall:
    """A GET request with the account's key, to the provider's own host or a further one."""
    return HttpCall(method="GET", url=_host(account, host) + path, headers=account.bearer())


def post(account: Account, path: str, value: Any, host: str | None = None) -> HttpCall:
    """A POST of JSON with the account's key, to the provider's own host or a further one."""
    headers = {**account.bearer(), "content-type": "application/json"}
    return HttpCall(method="POST", url=_host(account, host) + path, headers=headers, body=to_json(value).encode())


def _host(account: Account, host: str | None) -> str:
    return account.base_url if host is None else account.hosts[host]
