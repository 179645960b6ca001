"""`arrivals download`: outputs as files, whole or not at all."""

import json

import httpx
import pytest

from arrivals.cli.download import suffix_of, write_whole

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def picture(ended, whole):
    """A generation with a picture, and its bytes."""
    made = ended()
    url = f"http://127.0.0.1:{whole['PORT']}/v1/generations/{made['id']}/outputs/0"
    reply = httpx.get(url, headers={"authorization": f"Bearer {whole['API_KEY']}"}, trust_env=False)
    return made["id"], reply.raise_for_status().content


def test_outputs_are_written_into_a_folder(run, picture, tmp_path):
    made, content = picture
    (file,) = run("download", made, "--output", "new/pictures", "--json")
    place = tmp_path / "new" / "pictures" / f"{made}-0.png"
    assert (0, f"new/pictures/{made}-0.png", "image/png", len(content)) == tuple(file.values())
    assert content == place.read_bytes()
    assert [place] == [*place.parent.iterdir()]


def test_file_that_is_there_is_not_written_over_without_force(run, picture, tmp_path):
    made, content = picture
    place = tmp_path / f"{made}-0.png"
    place.write_bytes(b"mine")
    refused = run("download", made, code=1)
    assert f"arrivals: {made}-0.png is there already; write over it with --force\n" == refused.stderr
    assert b"mine" == place.read_bytes()
    assert f"{made}-0.png  image/png  {len(content)} bytes\n" == run("download", made, "--force").stdout
    assert content == place.read_bytes()


def test_output_goes_to_standard_output(run, picture, tmp_path):
    made, content = picture
    assert content == run("download", made, "--output", "-").stdout_bytes
    assert [] == [*tmp_path.iterdir()]
    assert "cannot be combined" in run("download", made, "--output", "-", "--json", code=2).stderr


def test_output_that_is_not_there_is_said(run, ended, open_ended, picture):
    made, _ = picture
    assert (
        f"{made} is completed: it has no output 7; the last is 0" in run("download", made, "--index", 7, code=1).stderr
    )
    failed = ended("outcome=PROVIDER_FAILED")["id"]
    assert f"arrivals: {failed} is failed: it has no outputs\n" == run("download", failed, code=1).stderr
    open_yet = open_ended()["id"]
    refused = run("download", open_yet, "--json", code=1)
    assert f"wait for its end with: arrivals watch {open_yet}" in json.loads(refused.stderr)["detail"]


def test_id_that_would_lead_out_of_the_folder_is_no_generation(run, tmp_path):
    assert run("download", "../../gen_1", code=1).stderr.startswith("arrivals: ")
    assert [] == [*tmp_path.iterdir()]


def test_output_that_breaks_off_leaves_no_file(tmp_path):
    def broken():
        yield b"half"
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        write_whole(tmp_path / "a.png", broken(), force=False)
    assert [] == [*tmp_path.iterdir()]


@pytest.mark.parametrize("links", [True, False])
def test_file_that_came_meanwhile_is_not_written_over(tmp_path, monkeypatch, links):
    place = tmp_path / "a.png"

    def late():
        yield b"ours"
        place.write_bytes(b"theirs")

    if not links:  # a file system that has none
        monkeypatch.setattr("pathlib.Path.hardlink_to", lambda *_: (_ for _ in ()).throw(PermissionError()))
    with pytest.raises(FileExistsError, match="is there already"):
        write_whole(place, late(), force=False)
    assert [(place, b"theirs")] == [(path, path.read_bytes()) for path in tmp_path.iterdir()]
    place.unlink()
    assert 4 == write_whole(place, iter([b"ou", b"rs"]), force=False)
    assert [(place, b"ours")] == [(path, path.read_bytes()) for path in tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("content_type", "suffix"),
    [
        ("image/png", ".png"),
        ("image/webp", ".webp"),
        ("video/mp4", ".mp4"),
        ("text/plain;charset=utf-8", ".txt"),
        ("Audio/MPEG", ".mp3"),
        ("application/octet-stream", ".bin"),
        ("../../etc/passwd", ".bin"),
        ("", ".bin"),
    ],
)
def test_suffix_comes_from_the_type(content_type, suffix):
    assert suffix == suffix_of(content_type)
