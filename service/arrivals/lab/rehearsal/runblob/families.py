"""RunBlob's families as data: how each names a job, its film or picture, and the reason of a failure.

No two are quite alike; where a page is silent, the family answers as its nearest sibling does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from arrivals.lab.rehearsal.runblob.rules import Rule, at_most, one_of, pictures, prompt, string, switch, within

PHOTO_RATIOS = ("1:1", "auto", "9:16", "2:3", "3:4", "4:3", "3:2", "16:9", "21:9")
MIXED = {("images_url", "images_base64"): "mixed_images"}
BOTH_LISTS = {("images_url", "images_base64"): "both_images"}
BOTH = {("image_url", "image_base64"): "both_image"}
MAX_PHOTOS = 10
_FILM_TIMES = "created_at completed_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One family. `polled` and `called` are the fields of a poll's answer and of a webhook, in order."""

    polled: str
    called: str
    tries: int
    ending: str = ".mp4"
    prefix: str = ""  # before the UUID that names a job
    price: str | None = None
    models: tuple[str, str] = ("", "")  # the word in a poll and the one in a webhook; empty: as ordered
    default_model: str = ""
    rules: tuple[Rule, ...] = ()
    apart: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """The field that holds the job's id."""
        return self.polled.split()[0]

    @property
    def not_found(self) -> str:
        """The outcome of polling a job that does not exist."""
        return "task_not_found" if self.identity == "task_uuid" else "generation_not_found"


# https://docs.runblob.io/api-reference (one folder for each family): fields, prices, and how often a webhook is tried:
# five attempts for Kling, Veo, Sora and ChatGPT Images, up to three retries for Nano Banana; Seedance's page is silent.
FAMILIES: Mapping[str, Family] = {
    "kling/o3-photo": Family(
        polled="generation_id status prompt image_url model",
        called="generation_id status image_url model message",
        tries=5,
        ending=".png",
        price="0.0500",
        models=("kling_o3_photo", "kling-o3-photo"),
        rules=(
            prompt(2500),
            *pictures("images_url", MAX_PHOTOS, "too_many_images"),
            *pictures("images_base64", MAX_PHOTOS, "too_many_images"),
            one_of("img_resolution", "1k", "2k", "4k", says="invalid_resolution"),
            one_of("aspect_ratio", *PHOTO_RATIOS),
            switch("prefer_multi_shots"),
        ),
        apart=MIXED,
    ),
    "gemini": Family(
        polled="task_uuid status prompt result_image_url message",
        called="task_uuid status result_image_url message",
        tries=4,
        ending=".png",
        price="0.0200",
        rules=(
            prompt(4000),
            string("model"),
            one_of("quality", "standard", "2k", "4k"),
            within("temperature", 0, 1),
            *pictures("images", 8),
            at_most("images", 4, model="standard"),
        ),
    ),
    "kling/o1-photo": Family(
        polled="generation_id status prompt image_url model message",
        called="generation_id status image_url model message",
        tries=5,
        ending=".png",
        prefix="photo-",
        price="0.0400",
        models=("kling_o1_photo", "kling-o1-photo"),
        apart=MIXED,
    ),
    "kling/o1-video": Family(
        polled="generation_id status prompt video_url model",
        called="generation_id status video_url model message",
        tries=5,
        price="0.9000",
        models=("kling_o1_video", "kling-o1-video"),
    ),
    "kling/o3-video": Family(
        polled="generation_id status prompt video_url model message",
        called="generation_id status video_url model message",
        tries=5,
        price="0.9000",
        models=("", "kling-o3-video-10s-pro"),
        default_model="kling_o3",
        rules=(
            one_of("duration", 5, 10, 15, "5", "10", "15", says="invalid_duration"),
            one_of("model", "kling_o3", "kling_o3_pro", says="invalid_model"),
        ),
        apart=BOTH_LISTS,
    ),
    "kling": Family(
        polled="generation_id status prompt video_url model error",
        called="generation_id status video_url completed_at",
        tries=5,
        price="0.2900",
        default_model="kling_2.5_turbo",
        rules=(string("model"),),
        apart=BOTH,
    ),
    "veo": Family(
        polled=f"generation_id status prompt video_url {_FILM_TIMES} seed error",
        called=f"generation_id status prompt video_url {_FILM_TIMES} seed error",
        tries=5,
        price="0.4000",
    ),
    "sora": Family(
        polled=f"generation_id status prompt video_url {_FILM_TIMES} progress_pct progress_pos_in_queue error_message",
        called=f"generation_id status prompt video_url {_FILM_TIMES} error_message",
        tries=5,
        price="0.1500",
        rules=(prompt(4000), one_of("orientation", "9:16", "16:9"), one_of("duration", 10, 15)),
        apart=BOTH,
    ),
    "chatgpt-images": Family(
        polled="task_uuid status prompt result_image_url message",
        called="task_uuid status prompt result_image_url message",
        tries=5,
        ending=".png",
        price="0.0390",
    ),
    "seedance": Family(
        polled="task_uuid model status output error",
        called="task_uuid model status output error",
        tries=5,
        default_model="seedance-2.0-mini",
    ),
}
