"""Documented limits as data: what each kind of limit refuses, what it lets through, and how it is shown."""

import base64
import struct
from typing import Any

import pytest

from arrivals.core.failure import MEANING, FailureCode
from arrivals.providers._shared.limits import (
    Broken,
    Limit,
    absent,
    at_most,
    between,
    characters,
    count,
    https_urls,
    media,
    not_both,
    note,
    one_of,
    pixels,
    refusals,
    required,
    value_at,
)
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.describe import capabilities
from arrivals.providers.describe import limits as shown

MEGABYTE = 1024 * 1024
# JSON may hold them, and no float does.
HUGE = [pytest.param(10**400, id="huge"), pytest.param(-(10**400), id="-huge")]
LEFT_OUT = ...  # no value at all


def first_refusal(*order):
    """The first of the refusals of an order, which is what the provider would answer; None where it is let through."""
    return next(iter(refusals(*order)), None)


def refused_with(limit, value=LEFT_OUT, **values):
    """The refusal of an order that gives the limit's parameter this value; None where it is let through."""
    failure = first_refusal([limit], "any", values if value is LEFT_OUT else {limit.param: value} | values)
    return failure and (failure.code, failure.message, failure.provider_code, failure.param)


def lets_through(limit, value=LEFT_OUT, **values):
    """True where the limit refuses nothing."""
    return refused_with(limit, value, **values) is None


def image(width, height, media="image/gif"):
    """A data URI of the head of an image, which says how large it is."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0)
    if media == "image/png":
        head = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", width, height) + bytes(9)
    return f"data:{media};base64,{base64.b64encode(head).decode()}"


# ---------------------------------------------------------------- a refusal


BAD = Limit(param="n", says="bad", check=lambda values: Broken(message="first"))
WORSE = Limit(param="m", says="worse", check=lambda values: Broken(message="second", provider_code="X", param="m.0"))


def test_every_broken_limit_is_a_failure_in_the_order_of_the_limits():
    failures = refusals([note("x", "nothing to check"), WORSE, BAD], "any", {})

    assert [("second", "X", "m.0", "preflight", False), ("first", None, "n", "preflight", False)] == [
        (failure.message, failure.provider_code, failure.param, failure.origin, failure.billed) for failure in failures
    ]


def test_limit_without_a_place_of_its_own_names_its_parameter():
    assert (FailureCode.INVALID_REQUEST, "first", None, "n") == refused_with(BAD)


@pytest.mark.parametrize("code", FailureCode)
def test_fault_and_retryable_follow_the_code(code):
    limit = Limit(param="n", says="", check=lambda values: Broken(message="no", code=code))

    failure = first_refusal([limit], "any", {})

    assert MEANING[code] == (failure.fault, failure.retryable)


@pytest.mark.parametrize(
    ("models", "model", "concerned"),
    [
        (("*",), "sora-2", True),
        (("sora-2",), "sora-2", True),
        (("sora-2",), "sora-2-pro", False),
        (("veo-*", "sora-*"), "sora-2", True),
        ((), "sora-2", False),
    ],
)
def test_limit_concerns_the_models_that_it_names(models, model, concerned):
    limit = Limit(param="n", says="", check=lambda values: Broken(message="no"), models=models)

    assert concerned is (first_refusal([limit], model, {}) is not None)


def test_limit_that_an_order_does_not_show_refuses_nothing():
    assert lets_through(note("output", "kept 24 hours"), "anything")


@pytest.mark.parametrize(
    ("path", "value"),
    [("a", {"b": [1]}), ("a.b", [1]), ("a.b.0", None), ("a.c", None), ("c", None), ("c.d.e", None)],
)
def test_value_is_found_by_its_path_in_dots(path, value):
    assert value == value_at({"a": {"b": [1]}}, path)


# ---------------------------------------------------------------- texts


@pytest.mark.parametrize("value", ["x", "x" * 5, "é" * 5, "😀" * 5, 17, [], {}, True], ids=repr)
def test_text_of_an_allowed_length_is_let_through(value):
    """Characters are code points. What is no text is the provider's to refuse."""
    assert lets_through(characters("prompt", 1, 5), value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x" * 6, "prompt has 6 characters; at most 5 are allowed"),
        ("😀" * 6, "prompt has 6 characters; at most 5 are allowed"),
    ],
)
def test_text_that_is_too_long_is_counted(value, message):
    limit = characters("prompt", 1, 5, long="LONG", missing="MISSING", message="say something")

    assert (FailureCode.PROMPT_TOO_LONG, message, "LONG", "prompt") == refused_with(limit, value)


@pytest.mark.parametrize("value", [None, "", LEFT_OUT], ids=repr)
def test_text_that_is_missing_is_refused_in_the_providers_words(value):
    limit = characters("prompt", 1, 5, long="LONG", missing="MISSING", message="say something")

    assert (FailureCode.INVALID_REQUEST, "say something", "MISSING", "prompt") == refused_with(limit, value)
    assert (FailureCode.INVALID_REQUEST, "prompt is required", None, "prompt") == refused_with(
        characters("prompt", 1, 5), value
    )


def test_text_has_a_least_length():
    assert "prompt is required" == refused_with(characters("prompt", 3, 5), "ab")[1]
    assert lets_through(characters("prompt", 3, 5), "abc")


def test_text_may_stand_deeper():
    limit = characters("input.prompt", 1, 5)

    assert "input.prompt" == refused_with(limit, input={"prompt": ""})[3]
    assert lets_through(limit, input={"prompt": "a cat"})


@pytest.mark.parametrize("value", [LEFT_OUT, None, "", "x" * 5, 17], ids=repr)
def test_text_that_may_be_left_out_may(value):
    assert lets_through(at_most("prompt", 5, long="LONG"), value)


def test_text_that_may_be_left_out_is_counted_too():
    message = "prompt has 6 characters; at most 5 are allowed"

    assert (FailureCode.PROMPT_TOO_LONG, message, "LONG", "prompt") == refused_with(
        at_most("prompt", 5, long="LONG"), "x" * 6
    )


# ---------------------------------------------------------------- presence


@pytest.mark.parametrize("value", [LEFT_OUT, None, "", []], ids=repr)
def test_what_is_required_may_not_be_empty(value):
    limit = required("prompt", code="prompt_missing", message="say something")

    assert (FailureCode.INVALID_REQUEST, "say something", "prompt_missing", "prompt") == refused_with(limit, value)
    assert "prompt is required" == refused_with(required("prompt"), value)[1]


@pytest.mark.parametrize("value", [" ", 0, False, {}, [None], "a cat"], ids=repr)
def test_what_is_there_is_not_missing(value):
    assert lets_through(required("prompt"), value)


@pytest.mark.parametrize("value", ["https://a.test", "", 0, False, [], {}], ids=repr)
@pytest.mark.parametrize("name", ["webhook", "callback_url"])
def test_what_may_not_be_there_is_refused_where_it_stands(name, value):
    limit = absent("webhook", "callback_url", message="webhook not supported", says="not supported")

    assert (FailureCode.INVALID_REQUEST, "webhook not supported", None, name) == refused_with(limit, **{name: value})


def test_what_is_not_there_is_not_there():
    assert lets_through(absent("webhook", message="no", says="no"), None, prompt="a cat")


@pytest.mark.parametrize(("urls", "encoded", "both"), [(["a"], ["b"], True), (["a"], [], False), (None, ["b"], False)])
def test_two_ways_of_giving_the_same_are_one_too_many(urls, encoded, both):
    limit = not_both("urls", "base64", message="cannot mix")

    assert both is (
        refused_with(limit, urls=urls, base64=encoded) == (FailureCode.INVALID_REQUEST, "cannot mix", None, "urls")
    )
    assert both is not lets_through(not_both("urls", "base64"), urls=urls, base64=encoded)


def test_two_ways_are_named_where_the_provider_has_no_sentence():
    assert (
        "urls and base64 cannot be given together" == refused_with(not_both("urls", "base64"), urls="a", base64="b")[1]
    )


# ---------------------------------------------------------------- choices and numbers


@pytest.mark.parametrize("value", [LEFT_OUT, None, "1k", "2", 2], ids=repr)
def test_choice_of_the_list_is_let_through_as_number_or_as_text(value):
    assert lets_through(one_of("size", "1k", 2), value)


@pytest.mark.parametrize("value", ["", "1K", "1k ", "3", 3, 2.5, True, [], ["1k"], {}], ids=repr)
def test_choice_that_is_not_on_the_list_is_refused(value):
    limit = one_of("size", "1k", 2, message="Invalid size", code="SIZE")

    assert (FailureCode.INVALID_REQUEST, "Invalid size", "SIZE", "size") == refused_with(limit, value)
    assert "size must be one of 1k, 2" == refused_with(one_of("size", "1k", 2), value)[1]


def test_truth_is_no_number():
    """JSON's true is no 1, though it counts as one."""
    assert not lets_through(one_of("n", 0, 1), True)
    assert not lets_through(between("n", 0, 1), True)


@pytest.mark.parametrize("value", [LEFT_OUT, None, 4, 15, 4.5, "4", " 15 ", "1e1"], ids=repr)
def test_number_of_the_range_is_let_through(value):
    assert lets_through(between("duration", 4, 15), value)


@pytest.mark.parametrize(
    "value", [3.999, 15.001, 0, -5, "3", "", "long", "nan", "inf", [4], {}, False, *HUGE], ids=repr
)
def test_number_beyond_the_range_is_refused(value):
    """However large it is, and whatever it is."""
    assert (FailureCode.INVALID_REQUEST, "duration must be from 4 to 15", None, "duration") == refused_with(
        between("duration", 4, 15), value
    )


# ---------------------------------------------------------------- lists


@pytest.mark.parametrize(
    "value", [LEFT_OUT, None, [], ["a"] * 3, "aaaaaa", 17, {"a": 1, "b": 2, "c": 3, "d": 4}], ids=repr
)
def test_items_up_to_the_most_are_let_through(value):
    """What is no list is counted by its provider."""
    assert lets_through(count("images", 3), value)


def test_items_beyond_the_most_are_refused():
    assert (FailureCode.INVALID_REQUEST, "4 items; at most 3 are allowed", None, "images") == refused_with(
        count("images", 3), ["a"] * 4
    )
    assert "Maximum 3" == refused_with(count("images", 3, message="Maximum 3"), ["a"] * 4)[1]


@pytest.mark.parametrize(
    ("urls", "files", "param"),
    [(["a"] * 3, ["b"], "urls"), (["a"], ["b"] * 3, "files"), (["a"] * 2, ["b"] * 2, "urls")],
)
def test_items_of_several_lists_are_counted_together(urls, files, param):
    """The longer list is named; it is the one to shorten."""
    assert (FailureCode.INVALID_REQUEST, "4 items; at most 3 are allowed", None, param) == refused_with(
        count(("urls", "files"), 3), urls=urls, files=files
    )
    assert lets_through(count(("urls", "files"), 4), urls=urls, files=files)


# ---------------------------------------------------------------- files and URLs


PICTURES = media("images", ("jpeg", "png"), megabytes=1, large="LARGE", unsupported="FORMAT")
LIMIT = MEGABYTE


def data_uri(size, media_type="image/png"):
    """A data URI of so many bytes."""
    return f"data:{media_type};base64,{base64.b64encode(bytes(size)).decode()}"


@pytest.mark.parametrize(
    "value",
    [
        LEFT_OUT,
        None,
        [],
        17,
        [17, None, {}],
        "",
        "https://a.test/cat.png",
        "https://a.test/cat.JPG?x=1.gif",
        "https://a.test/cat.jpeg#x.gif",
        "https://a.test/cat",
        "https://a.test/cat.php",
        "https://a.test/gif",
        "https://a.gif/",
        "https://[",
        "data:,hello",
        "data:;base64,aGk=",
        "data:image/x-png;base64,aGk=",
        "data:image/JPEG;charset=x;base64,aGk=",
        "data:image/png",
        "iVBORw0KGgo=",
    ],
    ids=repr,
)
def test_file_whose_format_is_allowed_or_not_told_is_let_through(value):
    """An address without a known ending may hand out anything."""
    assert lets_through(PICTURES, value)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("https://a.test/cat.gif", "gif"),
        ("https://a.test/cat.WEBP?x=1.png", "webp"),
        ("https://a.test/a.png/cat.tiff", "tiff"),
        ("data:image/gif;base64,aGk=", "gif"),
        ("data:image/svg+xml;base64,aGk=", "svg+xml"),
        ("data:video/mp4,hello", "mp4"),
    ],
)
@pytest.mark.parametrize("place", [None, 0, 2])
def test_file_of_another_format_is_refused_where_it_stands(value, word, place):
    images = value if place is None else ["https://a.test/1.png"] * place + [value]
    where = "images" if place is None else f"images[{place}]"

    assert (
        FailureCode.INVALID_INPUT,
        f"{word} is not among the formats jpeg, jpg, png",
        "FORMAT",
        where,
    ) == refused_with(PICTURES, images)


@pytest.mark.parametrize("size", [0, 1, LIMIT - 2, LIMIT - 1, LIMIT])
def test_inline_file_up_to_the_most_is_let_through(size):
    """Its bytes are counted, not its base64."""
    assert lets_through(PICTURES, data_uri(size))


@pytest.mark.parametrize("size", [LIMIT + 1, LIMIT + 2, LIMIT + 3])
def test_inline_file_beyond_the_most_is_refused_where_it_stands(size):
    message = f"an input of {size} bytes; at most 1 MB are allowed"

    assert (FailureCode.INVALID_INPUT, message, "LARGE", "images[1]") == refused_with(
        PICTURES, [data_uri(1), data_uri(size)]
    )


def test_inline_file_of_any_size_is_let_through_where_no_size_is_documented():
    assert lets_through(media("images", ("png",)), data_uri(LIMIT + 1))


def test_files_of_several_parameters_are_looked_at():
    limit = media(("image", "image_tail"), ("png",))

    assert "image_tail" == refused_with(limit, image="https://a.test/1.png", image_tail="https://a.test/2.gif")[3]


@pytest.mark.parametrize(
    "value", [LEFT_OUT, None, [], "https://a.test", "HTTPS://a.test", ["https://a.test", 17, None]], ids=repr
)
def test_public_https_urls_are_let_through(value):
    assert lets_through(https_urls("images"), value)


@pytest.mark.parametrize(
    "value", ["http://a.test", "ftp://a.test", "cat.png", "", "data:image/png;base64,aGk="], ids=repr
)
def test_what_the_provider_cannot_fetch_is_refused_where_it_stands(value):
    limit = https_urls("images", code="INVALID_IMAGE_URL")
    refused = (FailureCode.INPUT_UNREACHABLE, "images must be public https URLs", "INVALID_IMAGE_URL")

    assert (*refused, "images") == refused_with(limit, value)
    assert (*refused, "images[1]") == refused_with(limit, ["https://a.test", value])


# ---------------------------------------------------------------- shown to people


@pytest.mark.parametrize(
    ("limit", "param", "says"),
    [
        (characters("prompt", 1, 2500), "prompt", "1-2500 characters"),
        (at_most("prompt", 2500), "prompt", "2500 characters"),
        (required("prompt"), "prompt", "required"),
        (one_of("size", "1k", 2), "size", "1k, 2"),
        (between("temperature", 0, 1.5), "temperature", "0 to 1.5"),
        (count("images", 5), "images", "at most 5"),
        (count(("urls", "files"), 5), "urls", "at most 5 together"),
        (not_both("urls", "files"), "urls", "not together with files"),
        (media("image", ("jpeg", "png"), megabytes=10), "image", "jpeg, png, 10 MB each"),
        (media(("image", "tail"), ("png",)), "image", "png"),
        (https_urls("images"), "images", "public https URLs"),
        (absent("webhook", "callback_url", message="no", says="not supported"), "webhook", "not supported"),
        (note("output", "kept 24 hours"), "output", "kept 24 hours"),
    ],
)
def test_limit_is_told_in_a_few_words(limit, param, says):
    assert (param, says) == (limit.param, limit.says)


ROUTES = {(name, route.name): route for name, provider in PROVIDERS.items() for route in provider.ROUTES}


@pytest.mark.parametrize("name", ROUTES, ids=" ".join)
def test_limits_are_shown_by_parameter(name):
    """Every one of them, and none without words."""
    route = ROUTES[name]

    descriptions = shown(route)

    assert {limit.param for limit in route.limits} == set(descriptions)
    assert [] == [limit.says for limit in route.limits if not limit.says or limit.says not in descriptions[limit.param]]


def test_limits_of_one_parameter_are_joined_and_say_whose_they_are():
    assert {
        "size": "720x1280, 1280x720 (sora-2); 720x1280, 1280x720, 1024x1792, 1792x1024 (sora-2-pro)",
        "seconds": "4, 8, 12",
        "input_reference": "jpeg, png, webp; at most 3",
        "output": "kept 24 hours",
    } == shown(ROUTES["laozhang", "sora-forward"])


# (provider, route): what it can do, apart from what `PLAIN` says
PLAIN = {
    "submit": "asynchronous",
    "bulk": None,
    "webhooks": False,
    "trust": None,
    "polls": True,
    "streams": False,
    "cancels": False,
    "outputs": "poll",
}
ABLE: dict[tuple[str, str], dict[str, Any]] = {
    ("laozhang", "legacy"): {"preflight": ["prompt", "images"]},
    ("laozhang", "seedance"): {"outputs": "poll, then a second question", "preflight": ["duration"]},
    ("runblob", "sora"): {
        "webhooks": True,
        "trust": "hint",
        "preflight": ["prompt", "orientation", "duration", "image_url"],
    },
    ("aihubmix", "images"): {"submit": "synchronous", "polls": False, "outputs": "answer", "preflight": ["prompt"]},
    ("aihubmix", "videos"): {"preflight": []},
    ("eachlabs", "predictions"): {"webhooks": True, "trust": "body", "cancels": True, "preflight": []},
    ("eachlabs", "workflows"): {"webhooks": True, "trust": "body", "bulk": 10, "preflight": []},
    ("eachlabs", "sense"): {
        "submit": "stream, or synchronous",
        "streams": True,
        "preflight": ["messages", "prompt", "image_urls"],
    },
    ("vtrix", "kirin"): {"webhooks": True, "trust": "hint", "preflight": ["prompt", "duration", "mode", "image"]},
    ("seacloud", "queue"): {"outputs": "poll, then a second question", "cancels": True, "preflight": ["webhook"]},
}


@pytest.mark.parametrize("name", ABLE, ids=" ".join)
def test_route_shows_what_it_can_do(name):
    assert PLAIN | ABLE[name] == capabilities(ROUTES[name])


@pytest.mark.parametrize("name", ROUTES, ids=" ".join)
def test_every_route_shows_the_same_facts(name):
    assert [*PLAIN, "preflight"] == [*capabilities(ROUTES[name])]


# ---------------------------------------------------------------- pixels

SIDES = pixels("images", 64, 8192)


@pytest.mark.parametrize("media", ["image/gif", "image/png"])
@pytest.mark.parametrize(("width", "height"), [(64, 64), (8192, 64), (8192, 8192)])
def test_image_whose_sides_are_allowed_is_let_through(width, height, media):
    assert lets_through(SIDES, [image(width, height, media)])


@pytest.mark.parametrize("media", ["image/gif", "image/png"])
@pytest.mark.parametrize(("width", "height"), [(63, 64), (64, 63), (8193, 64), (64, 8193), (1, 9000)])
def test_image_with_a_side_too_short_or_too_long_is_refused_where_it_stands(width, height, media):
    message = f"an image of {width} x {height} pixels; each side must have from 64 to 8192"

    outcome = refused_with(SIDES, ["https://a.test/1.png", image(width, height, media)])

    assert (FailureCode.INVALID_INPUT, message, None, "images[1]") == outcome


@pytest.mark.parametrize(
    "value",
    [
        "https://a.test/1.png",
        "data:image/png;base64,iVBORw0KGgo=",
        "data:image/gif;base64,R0lGODlh",
        "data:,1",
        7,
        None,
    ],
    ids=repr,
)
def test_image_that_does_not_show_its_sides_is_let_through(value):
    assert lets_through(SIDES, [value])


@pytest.mark.parametrize("shown", [image(10, 64), {"url": image(10, 64)}], ids=["text", "object"])
def test_image_in_a_part_of_a_message_is_measured_too(shown):
    """https://docs.eachlabs.ai/sense/edge-cases."""
    content = [{"type": "text", "text": "a fox"}, {"type": "image_url", "image_url": shown}]
    (sense,) = (route for route in PROVIDERS["eachlabs"].ROUTES if route.name == "sense")

    failure = first_refusal(sense.limits, "eachsense/beta", {"messages": [{"role": "user", "content": content}]})

    assert (FailureCode.INVALID_INPUT, "messages[0].content[1]") == (failure.code, failure.param)


@pytest.mark.parametrize(("characters", "code"), [(10_000, None), (10_001, FailureCode.PROMPT_TOO_LONG)])
def test_text_in_parts_of_a_message_counts_together(characters, code):
    """https://docs.eachlabs.ai/sense/edge-cases."""
    content = [{"type": "text", "text": "a" * 5000}, {"type": "text", "text": "b" * (characters - 5000)}]
    (sense,) = (route for route in PROVIDERS["eachlabs"].ROUTES if route.name == "sense")

    failure = first_refusal(sense.limits, "eachsense/beta", {"messages": [{"role": "user", "content": content}]})

    assert code == (failure and failure.code)
