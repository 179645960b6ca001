"""RunBlob's families: their pages, paces, limits, and how often each calls back."""

from collections.abc import Mapping
from typing import Any

from arrivals.providers._shared.limits import Broken, Limit, between, characters, count, media, not_both, note, one_of
from arrivals.providers.contract import Adapter, Route, Trust
from arrivals.providers.runblob.wire import FAMILY, OLD_HOST

PAGES = "https://docs.runblob.io/api-reference"
FORMATS = ("jpeg", "png", "webp")
FIVE_TIMES = note("webhook", "5 attempts, 30 s apart")
BACKING_OFF = note("webhook", "5 attempts after 30, 60, 120, 240 and 480 s")
THREE_TIMES = note("webhook", "3 repeats")
MINUTES_10, MINUTES_15 = 600.0, 900.0
STANDARD_IMAGES = 4
LARGE, UNSUPPORTED = "IMAGE_TOO_LARGE", "UNSUPPORTED_IMAGE_FORMAT"

# https://docs.runblob.io/api-reference/kling/o3-photo-generate, …/o3-photo-errors
O3_PHOTO = (
    characters("prompt", 1, 2500, message="Validation error: prompt is required"),
    not_both("images_url", "images_base64", message="Cannot mix images_url and images_base64 in one request"),
    count(("images_url", "images_base64"), 10, message="Maximum 10 images allowed (URLs + base64 combined)"),
    media(("images_url", "images_base64"), FORMATS, megabytes=10, large=LARGE, unsupported=UNSUPPORTED),
    one_of("img_resolution", "1k", "2k", "4k", message="Invalid resolution. Must be 1k, 2k, or 4k"),
    one_of("aspect_ratio", "1:1", "auto", "9:16", "2:3", "3:4", "4:3", "3:2", "16:9", "21:9"),
    FIVE_TIMES,
)


def standard_images(values: Mapping[str, Any]) -> Broken | None:
    """Four images, where the order says `standard`; nobody says what it is when the order does not."""
    images = values.get("images")
    several = isinstance(images, list) and len(images) > STANDARD_IMAGES
    return Broken(message="at most 4 images with the model standard") if several and _is_standard(values) else None


def standard_quality(values: Mapping[str, Any]) -> Broken | None:
    """Only pro and v2 make larger images."""
    larger = values.get("quality") in ("2k", "4k")
    return Broken(message="the model standard has no quality 2k or 4k") if larger and _is_standard(values) else None


def _is_standard(values: Mapping[str, Any]) -> bool:
    return values.get("model") == "standard"


# https://docs.runblob.io/api-reference/nanobanana/generate
GEMINI = (
    characters("prompt", 1, 4000),
    one_of("model", "standard", "pro", "v2"),
    one_of("quality", "standard", "2k", "4k"),
    between("temperature", 0, 1),
    count("images", 8),
    Limit(param="images", says="4 for standard", check=standard_images),
    Limit(param="quality", says="not for standard", check=standard_quality),
    media("images", FORMATS, megabytes=20, large=LARGE, unsupported=UNSUPPORTED),
    THREE_TIMES,
)
# https://docs.runblob.io/api-reference/sora/generate
SORA = (
    characters("prompt", 1, 4000),
    one_of("orientation", "9:16", "16:9"),
    one_of("duration", 10, 15),
    not_both("image_url", "image_base64", message="Cannot provide both image_base64 and image_url"),
    BACKING_OFF,
)
# https://docs.runblob.io/api-reference/kling/o3-video-generate
O3_VIDEO = (
    one_of("duration", 5, 10, 15, message="Duration must be 5, 10, or 15 seconds"),
    one_of("model", "kling_o3", "kling_o3_pro", message="Model must be 'kling_o3' or 'kling_o3_pro'"),
    FIVE_TIMES,
)


def _family(
    name: str,
    page: str,
    kind: str,
    pace: tuple[float, float, tuple[float, float], float],
    limits: tuple[Limit, ...],
    adapter: Adapter = FAMILY,
) -> Route:
    """`pace`: first poll, poll every, usual durations, and what RunBlob gives up after, in seconds."""
    initial_poll_delay_s, poll_every_s, usual_duration_s, max_duration_s = pace
    return Route(
        name=name,
        models=(name,),
        documentation=page,
        kind=kind,
        adapter=adapter,
        initial_poll_delay_s=initial_poll_delay_s,
        poll_every_s=poll_every_s,
        usual_duration_s=usual_duration_s,
        max_duration_s=max_duration_s,
        trust=Trust.HINT,
        limits=limits,
    )


PHOTO_PACE = (5, 3, (60, 180), MINUTES_15)  # first poll after 5-10 s, then every 3-5 s, 1-3 min
VIDEO_PACE = (15, 10, (90, 480), MINUTES_15)
QUICK_PACE = (5, 3, (7, 30), MINUTES_10)  # 7-30 s

ROUTES: tuple[Route, ...] = (
    _family("kling/o3-photo", f"{PAGES}/kling/o3-photo-generate", "image", PHOTO_PACE, O3_PHOTO),
    _family("kling/o1-photo", f"{PAGES}/kling/photo-webhooks", "image", PHOTO_PACE, (FIVE_TIMES,)),
    _family("kling/o1-video", f"{PAGES}/kling/o1-video-webhooks", "video", VIDEO_PACE, (FIVE_TIMES,)),
    _family("kling/o3-video", f"{PAGES}/kling/o3-video-webhooks", "video", VIDEO_PACE, O3_VIDEO),
    _family("kling", f"{PAGES}/kling/webhooks", "video", VIDEO_PACE, (BACKING_OFF,)),
    _family("veo", f"{PAGES}/veo3/webhooks", "video", (15, 10, (60, 240), MINUTES_10), (FIVE_TIMES,)),
    _family("sora", f"{PAGES}/sora/webhooks", "video", VIDEO_PACE, SORA),
    _family("gemini", f"{PAGES}/nanobanana/webhooks", "image", QUICK_PACE, GEMINI),
    _family("chatgpt-images", f"{PAGES}/chatgpt-images/webhooks", "image", PHOTO_PACE, (FIVE_TIMES,)),
    _family("seedance", f"{PAGES}/seedance/generate", "video", VIDEO_PACE, (FIVE_TIMES,)),
    _family("legacy/veo", "https://docs.runblob.com", "video", VIDEO_PACE, (FIVE_TIMES,), OLD_HOST),
)
