"""`arrivals download`: the outputs of a generation as files."""

from collections.abc import Iterator, Mapping
import mimetypes
from pathlib import Path
import re
import secrets
import sys
from typing import Any

import click

from arrivals.cli.connection import connection_options, service_at
from arrivals.cli.errors import handle_errors
from arrivals.cli.output import print_json
from arrivals.client import Client
from arrivals.client.api import ENDED

STDOUT = Path("-")
_SAFE = re.compile(r"[^0-9A-Za-z_-]")
_SUFFIX = re.compile(r"\.[0-9a-z]{1,8}", re.IGNORECASE)
# What providers hand out and not every system's table knows: https://www.iana.org/assignments/media-types
SUFFIXES = {"image/webp": ".webp", "image/avif": ".avif", "audio/wav": ".wav", "audio/mpeg": ".mp3"}
UNKNOWN = ".bin"


@click.command("download")
@click.argument("generation_id")
@click.option(
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    default=Path(),
    help="A folder, made if need be; by default this one. `-`: write one output to standard output.",
)
@click.option("--index", type=click.IntRange(0), help="Only this output; the first is 0.")
@click.option("--force", is_flag=True, help="Write over files that are there already.")
@click.option("--json", "json_output", is_flag=True, help="A JSON list of the files.")
@connection_options
@handle_errors
def download_command(
    generation_id: str,
    folder: Path,
    index: int | None,
    force: bool,
    json_output: bool,
    url: str | None,
    key: str | None,
) -> None:
    """Write the outputs of a generation into files.

    They are named ID-INDEX with the suffix of their type. A file gets its name only once it is whole, and none that is
    there already is written over without --force.
    """
    if folder == STDOUT and json_output:
        raise click.UsageError("--json cannot be combined with --output -")
    with service_at(url, key) as service:
        indexes = _indexes(service, generation_id, index)
        if folder == STDOUT:
            _print_bytes(service, generation_id, indexes)
            return
        folder.mkdir(parents=True, exist_ok=True)
        files = [_saved(service, generation_id, number, folder, force=force) for number in indexes]
    if json_output:
        print_json(files)
        return
    for file in files:
        click.echo(f"{file['file']}  {file['content_type']}  {file['bytes']} bytes")


def _indexes(service: Client, generation_id: str, index: int | None) -> list[int]:
    """The outputs to write. Raises OSError where there is none to write."""
    generation = service.generation(generation_id)
    there = [output["index"] for output in generation["outputs"]]
    if index in there:
        return [index]
    if there and index is None:
        return there
    remark = f"it has no output {index}; the last is {there[-1]}" if there else "it has no outputs"
    open_yet = generation["status"] not in ENDED
    raise OSError(
        f"{generation_id} is {generation['status']}: {remark}"
        f"{f'; wait for its end with: arrivals watch {generation_id}' if open_yet else ''}"
    )


def _print_bytes(service: Client, generation_id: str, indexes: list[int]) -> None:
    if len(indexes) > 1:
        raise click.UsageError(f"it has {len(indexes)} outputs; choose one with --index")
    with service.output(generation_id, indexes[0]) as (_, content):
        for piece in content:
            sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def _saved(service: Client, generation_id: str, index: int, folder: Path, *, force: bool) -> Mapping[str, Any]:
    """The file that holds the output now."""
    with service.output(generation_id, index) as (content_type, content):
        place = folder / f"{_SAFE.sub('_', generation_id)}-{index}{suffix_of(content_type)}"
        if place.exists() and not force:
            raise _there_already(place)
        size = write_whole(place, content, force=force)
    return {"index": index, "file": str(place), "content_type": content_type, "bytes": size}


def suffix_of(content_type: str) -> str:
    """The suffix of a file of this type, from tables alone: no name of a provider's reaches the disk."""
    plain = content_type.partition(";")[0].strip().lower()
    suffix = SUFFIXES.get(plain) or mimetypes.guess_extension(plain) or UNKNOWN
    return suffix if _SUFFIX.fullmatch(suffix) else UNKNOWN


def write_whole(place: Path, content: Iterator[bytes], *, force: bool) -> int:
    """Writes a file under a name of its own, and renames it once it is whole. Returns its size in bytes.

    Raises FileExistsError where another has come to stand there meanwhile, unless `force`.
    """
    part = place.with_name(f".{place.name}.{secrets.token_hex(4)}.part")
    try:
        size = 0
        with part.open("xb") as file:
            for piece in content:
                size += file.write(piece)
        if force:
            part.replace(place)
        else:
            _name_newly(part, place)
    finally:
        part.unlink(missing_ok=True)
    return size


def _name_newly(part: Path, place: Path) -> None:
    """Gives a file a name that nothing has yet: unlike a rename, a link writes over nothing. Raises FileExistsError."""
    try:
        place.hardlink_to(part)
    except FileExistsError:
        raise _there_already(place) from None
    except OSError:  # a file system without links
        try:
            place.touch(exist_ok=False)
        except FileExistsError:
            raise _there_already(place) from None
        part.replace(place)


def _there_already(place: Path) -> FileExistsError:
    return FileExistsError(f"{place} is there already; write over it with --force")
