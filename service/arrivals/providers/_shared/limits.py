"""Documented hard limits, as data: how each is shown, and which orders certainly break it.

An order that breaks one is refused before it costs anything. Where pages contradict each other, or an order does not
show a value (a size behind a URL), it is let through. Characters are Unicode code points.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as dataclass_replace
from fnmatch import fnmatchcase
from io import BytesIO
import re
from typing import Any

import imagesize
from msgspec.structs import replace

from arrivals.core.failure import Failure, FailureCode, make_failure
from arrivals.core.http import split_url
from arrivals.core.media import is_inline, media_of, read_data_uri

MEGABYTE = 1024 * 1024
_DATA_URI = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+=-]+)*,", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The limit that an order breaks, and how the provider would say so. `param` None: the limit's own."""

    message: str
    code: FailureCode = FailureCode.INVALID_REQUEST
    provider_code: str | None = None
    param: str | None = None


Check = Callable[[Mapping[str, Any]], Broken | None]


def no_check(values: Mapping[str, Any]) -> Broken | None:  # noqa: ARG001 - the form of a check
    """The check of limits that an order does not show."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit: its place in the input (in dots), how it is shown, what breaks it, and the models that it concerns."""

    param: str
    says: str
    check: Check = no_check
    models: tuple[str, ...] = ("*",)  # patterns, as in fnmatch


def refusals(limits: Iterable[Limit], model: str, values: Mapping[str, Any]) -> list[Failure]:
    """The limits that an order's input breaks, as failures of origin `preflight`; nothing was billed."""
    failures = []
    for limit in limits:
        broken = limit.check(values) if any(fnmatchcase(model, pattern) for pattern in limit.models) else None
        if broken is not None:
            failure = make_failure(broken.code, broken.message, origin="preflight", billed=False)
            failures.append(replace(failure, provider_code=broken.provider_code, param=broken.param or limit.param))
    return failures


def value_at(value: Any, path: str) -> Any:
    """The value at a path in dots; None where there is none."""
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def characters(
    param: str,
    least: int,
    most: int,
    *,
    long: str | None = None,
    missing: str | None = None,
    message: str | None = None,
) -> Limit:
    """A required text of so many characters. `long`, `missing`: the provider's codes; `message`: for a missing one."""

    def check(values: Mapping[str, Any]) -> Broken | None:
        value = value_at(values, param)
        if value is None or (isinstance(value, str) and len(value) < least):
            return Broken(message=message or f"{param} is required", provider_code=missing)
        return _too_long(param, value, most, long)

    return Limit(param=param, says=f"{least}-{most} characters", check=check)


def at_most(param: str, most: int, *, long: str | None = None) -> Limit:
    """An optional text of at most so many characters."""

    def check(values: Mapping[str, Any]) -> Broken | None:
        return _too_long(param, value_at(values, param), most, long)

    return Limit(param=param, says=f"{most} characters", check=check)


def _too_long(param: str, value: Any, most: int, code: str | None) -> Broken | None:
    if not isinstance(value, str) or len(value) <= most:
        return None
    message = f"{param} has {len(value)} characters; at most {most} are allowed"
    return Broken(message=message, code=FailureCode.PROMPT_TOO_LONG, provider_code=code)


def required(param: str, *, code: str | None = None, message: str | None = None) -> Limit:
    """A value that may not be left out."""

    def check(values: Mapping[str, Any]) -> Broken | None:
        absent = value_at(values, param) in (None, "", [])
        return Broken(message=message or f"{param} is required", provider_code=code) if absent else None

    return Limit(param=param, says="required", check=check)


def one_of(param: str, *choices: Any, message: str | None = None, code: str | None = None) -> Limit:
    """A choice from a list, where an order makes it. Numbers may be written as text, and text as numbers."""
    written = {str(choice) for choice in choices}
    listed = ", ".join(str(choice) for choice in choices)

    def check(values: Mapping[str, Any]) -> Broken | None:
        value = value_at(values, param)
        if value is None or (not isinstance(value, bool) and _written(value) in written):
            return None
        return Broken(message=message or f"{param} must be one of {listed}", provider_code=code)

    return Limit(param=param, says=listed, check=check)


def _written(value: Any) -> str:
    """A value as a page writes it: in JSON 8.0 is 8."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def between(param: str, least: float, most: float) -> Limit:
    """A number within a range, where an order has it; it may be written as text."""

    def check(values: Mapping[str, Any]) -> Broken | None:
        value = value_at(values, param)
        if value is None:
            return None
        try:
            fits = not isinstance(value, bool | list | dict) and least <= float(value) <= most
        except (ValueError, OverflowError):
            fits = False
        return None if fits else Broken(message=f"{param} must be from {least:g} to {most:g}")

    return Limit(param=param, says=f"{least:g} to {most:g}", check=check)


def count(params: str | Sequence[str], most: int, *, message: str | None = None) -> Limit:
    """A greatest number of items, in one list or in several together."""
    names = [params] if isinstance(params, str) else list(params)

    def check(values: Mapping[str, Any]) -> Broken | None:
        sizes = {name: len(value) for name in names if isinstance(value := value_at(values, name), list)}
        total = sum(sizes.values())
        if total <= most:
            return None
        longest = max(sizes, key=sizes.__getitem__)
        return Broken(message=message or f"{total} items; at most {most} are allowed", param=longest)

    return Limit(param=names[0], says=f"at most {most}" + (" together" if len(names) > 1 else ""), check=check)


def not_both(param: str, other_param: str, *, message: str | None = None) -> Limit:
    """Two parameters for the same value, of which an order may use one."""

    def check(values: Mapping[str, Any]) -> Broken | None:
        both = value_at(values, param) and value_at(values, other_param)
        return Broken(message=message or f"{param} and {other_param} cannot be given together") if both else None

    return Limit(param=param, says=f"not together with {other_param}", check=check)


def media(
    params: str | Sequence[str],
    formats: Sequence[str],
    *,
    megabytes: float | None = None,
    large: str | None = None,
    unsupported: str | None = None,
) -> Limit:
    """Images or other files of certain formats (`jpeg`, `png` …), as far as a URL's extension or a data URI shows.

    `large`, `unsupported`: the provider's own codes.
    """
    names = [params] if isinstance(params, str) else list(params)
    accepted = {*formats, *(["jpg"] if "jpeg" in formats else [])}
    size = f", {megabytes:g} MB each" if megabytes else ""

    def check(values: Mapping[str, Any]) -> Broken | None:
        for name in names:
            for place, item in _items(name, value_at(values, name)):
                wrong = _wrong_format(item, accepted)
                message = wrong or _too_large(item, megabytes)
                if message:
                    code = unsupported if wrong else large
                    return Broken(message=message, code=FailureCode.INVALID_INPUT, provider_code=code, param=place)
        return None

    return Limit(param=names[0], says=", ".join(formats) + size, check=check)


def pixels(params: str | Sequence[str], least: int, most: int) -> Limit:
    """Images whose sides have so many pixels each, where the order itself shows them, as data URIs."""
    names = [params] if isinstance(params, str) else list(params)

    def check(values: Mapping[str, Any]) -> Broken | None:
        for name in names:
            for place, item in _items(name, value_at(values, name)):
                broken = wrong_size(item, least, most)
                if broken is not None:
                    return dataclass_replace(broken, param=place)
        return None

    return Limit(param=names[0], says=f"{least} to {most} pixels a side", check=check)


def wrong_size(item: Any, least: int, most: int) -> Broken | None:
    """The broken limit on the sides of an image in a data URI; None where they fit or cannot be read."""
    data_uri = read_data_uri(item[:SHOWN_CHARACTERS]) if isinstance(item, str) and is_inline(item) else None
    if data_uri is None or media_of(data_uri.content) not in MEASURED:
        return None
    width, height = imagesize.get(BytesIO(data_uri.content))  # -1 each, where its head is broken
    if width <= 0 or height <= 0 or (least <= min(width, height) and max(width, height) <= most):
        return None
    message = f"an image of {width} x {height} pixels; each side must have from {least} to {most}"
    return Broken(message=message, code=FailureCode.INVALID_INPUT)


UNSPECIFIC_FORMATS = frozenset({"", "octet-stream"})
MEASURED = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
SHOWN_CHARACTERS = 512 * 1024  # an image says how large it is near its beginning
LONGEST_SCHEME = 16
# What a URL's end says for certain; anything else may be served as whatever it is.
IMAGE_ENDINGS = frozenset({"png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "svg", "heic", "avif", "ico"})


def _items(name: str, value: Any) -> list[tuple[str, Any]]:
    """A value, or each item of a list, with where it stands."""
    if isinstance(value, list):
        return [(f"{name}[{index}]", item) for index, item in enumerate(value)]
    return [(name, value)]


def _wrong_format(item: Any, accepted: set[str]) -> str | None:
    if not isinstance(item, str):
        return None
    data_uri = _DATA_URI.match(item)
    media_format = (data_uri[1] or "").partition("/")[2].lower().removeprefix("x-") if data_uri else _ending(item)
    if media_format in accepted | UNSPECIFIC_FORMATS:
        return None
    return f"{media_format} is not among the formats {', '.join(sorted(accepted))}"


def _too_large(item: Any, megabytes: float | None) -> str | None:
    if not isinstance(item, str) or megabytes is None or "://" in item[:LONGEST_SCHEME]:
        return None
    prefix = _DATA_URI.match(item)  # some take base64 without anything before it
    size = (len(item) - (prefix.end() if prefix else 0)) * 3 // 4 - item[-2:].count("=")
    return f"an input of {size} bytes; at most {megabytes:g} MB are allowed" if size > megabytes * MEGABYTE else None


def _ending(url: str) -> str:
    try:
        ending = split_url(url).path.rpartition(".")[2].lower()
    except ValueError:
        return ""
    return ending if ending in IMAGE_ENDINGS else ""


def https_urls(param: str, *, code: str | None = None) -> Limit:
    """URLs that the provider itself fetches, so they must be public https ones."""

    def check(values: Mapping[str, Any]) -> Broken | None:
        for place, item in _items(param, value_at(values, param)):
            if isinstance(item, str) and not item.lower().startswith("https://"):
                message = f"{param} must be public https URLs"
                return Broken(message=message, code=FailureCode.INPUT_UNREACHABLE, provider_code=code, param=place)
        return None

    return Limit(param=param, says="public https URLs", check=check)


def absent(*params: str, message: str, says: str) -> Limit:
    """Parameters that an order may not hold at all."""

    def check(values: Mapping[str, Any]) -> Broken | None:
        name = next((name for name in params if value_at(values, name) is not None), None)
        return Broken(message=message, param=name) if name else None

    return Limit(param=params[0], says=says, check=check)


def note(param: str, says: str) -> Limit:
    """A limit that an order does not show."""
    return Limit(param=param, says=says)
