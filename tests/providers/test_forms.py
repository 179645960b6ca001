"""LaoZhang's multipart forms: what is a field, what is a file, and what cannot be carried at all."""

import base64

import pytest

from arrivals.core.failure import FailureCode, Fault
from arrivals.providers.contract import File, Refused
from tests.support.requests import adapter_of, field, file, form, order, submitted

PNG = b"\x89PNG\r\n\x1a\n\x00bytes"
PNG_URI = "data:image/png;base64," + base64.b64encode(PNG).decode()
PNG_PART = file("input_reference", "reference.png", "image/png", PNG)
PHOTO = "https://a.test/cat.jpg"
MODEL = field("model", "sora-2")


def test_values_are_fields_and_what_is_no_text_is_json():
    """A field without a value is left out."""
    fields = {"prompt": "ein Kätzchen", "seconds": 8, "size": None, "watermark": False, "tags": ["a"]}

    assert form(
        "/v1/videos",
        field("prompt", "ein Kätzchen"),
        field("seconds", "8"),
        field("watermark", "false"),
        field("tags", '["a"]'),
        MODEL,
    ) == submitted("laozhang", "sora-2", fields)


@pytest.mark.parametrize("model", ["sora-2", "veo-3.1-generate-preview", "reverse/sora-2", "veo-3.1-fast"])
def test_data_uri_is_a_file_in_the_form(model):
    assert form("/v1/videos", PNG_PART, field("model", model.removeprefix("reverse/"))) == submitted(
        "laozhang", model, {"input_reference": PNG_URI}
    )


def test_several_files_are_parts_of_one_name_in_their_order():
    fetched = {PHOTO: File(content=b"\xff\xd8\xff", content_type="image/jpeg")}

    assert form(
        "/v1/videos", PNG_PART, file("input_reference", "reference.jpeg", "image/jpeg", b"\xff\xd8\xff"), MODEL
    ) == submitted("laozhang", "sora-2", {"input_reference": [PNG_URI, PHOTO]}, files=fetched)


@pytest.mark.parametrize(
    ("content_type", "media", "filename"),
    [
        ("image/webp", "image/webp", "reference.webp"),
        ("image/png; charset=binary", "image/png", "reference.png"),
        ("", "application/octet-stream", "reference.bin"),
        ("nonsense", "application/octet-stream", "reference.bin"),
        ('x"\r\nx-evil: 1', "application/octet-stream", "reference.bin"),
    ],
)
def test_fetched_file_is_of_the_media_type_its_host_told_and_of_nothing_more(content_type, media, filename):
    fetched = {PHOTO: File(content=PNG, content_type=content_type)}

    assert form("/v1/videos", file("input_reference", filename, media, PNG), MODEL) == submitted(
        "laozhang", "sora-2", {"input_reference": PHOTO}, files=fetched
    )


def test_same_order_makes_the_same_bytes():
    fields = {"prompt": "a cat", "input_reference": PNG_URI}

    assert submitted("laozhang", "sora-2", fields) == submitted("laozhang", "sora-2", fields)


@pytest.mark.parametrize(
    "reference",
    [
        "https://a.test/never-fetched.png",
        "",
        PNG_URI.removeprefix("data:"),
        "data:image/png;base64,",
        "data:image/png;base64,***",
        "data:image/png;base64,é",
        "data:image/png,plain",
        {"image_url": "https://a.test/cat.png"},
        17,
        [PNG_URI, "cat.png"],
        [None],
    ],
)
def test_reference_that_is_no_file_is_refused_before_anything_is_paid(reference):
    with pytest.raises(Refused) as refused:
        submitted("laozhang", "sora-2", {"input_reference": reference})

    failure = refused.value.failure
    assert (FailureCode.INVALID_INPUT, Fault.CALLER, "preflight", False) == (
        failure.code,
        failure.fault,
        failure.origin,
        failure.billed,
    )


@pytest.mark.parametrize(
    "head", ["data:image/png\r\nx-evil: 1;base64,", 'data:image/pn"g;base64,', "data:;base64,", "data:image;base64,"]
)
def test_media_type_that_is_none_is_refused(head):
    """Otherwise it could end the part's header and begin another."""
    with pytest.raises(Refused):
        submitted("laozhang", "sora-2", {"input_reference": head + "aGk="})


@pytest.mark.parametrize(
    ("name", "written"), [('a"b', "a%22b"), ("a\r\nx-evil: 1", "a%0D%0Ax-evil: 1"), ("a\nb", "a%0Ab")]
)
def test_field_name_cannot_end_its_header(name, written):
    assert form("/v1/videos", field(written, "v"), MODEL) == submitted("laozhang", "sora-2", {name: "v"})


@pytest.mark.parametrize(
    ("model", "reference", "urls"),
    [
        ("sora-2", PHOTO, [PHOTO]),
        ("sora-2", "HTTP://a.test/cat.png", ["HTTP://a.test/cat.png"]),
        ("sora-2", PNG_URI, []),
        ("sora-2", [PHOTO, PNG_URI, 17, None], [PHOTO]),
        ("sora-2", None, []),
        ("sora-2", {"image_url": PHOTO}, []),
        ("veo-3.1-generate-preview", PHOTO, [PHOTO]),
        ("reverse/sora-2", PHOTO, [PHOTO]),
        ("veo-3.1", PHOTO, [PHOTO]),
        ("doubao-seedance-2-0-260128", PHOTO, []),
        ("veo3", PHOTO, []),
    ],
)
def test_files_to_fetch_are_the_urls_that_the_form_carries(model, reference, urls):
    """Seedance and the legacy interface fetch their inputs themselves."""
    file_order = order("laozhang", model, {"prompt": PHOTO, "input_reference": reference})

    assert urls == list(adapter_of("laozhang", model).files(file_order))
