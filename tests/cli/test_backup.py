"""`arrivals backup`, `restore` and `new-epoch`: a copy beside a running service, put back after it has gone on."""

from contextlib import closing
import json
from pathlib import Path
import shutil
import sqlite3
import threading

import pytest

from arrivals.client import Client, ServiceError
from arrivals.core.wire import from_json
from arrivals.lab.processes import Process, free_port
from tests.cli.conftest import asking_for, environment
from tests.support.postgres import fresh_database

pytestmark = pytest.mark.timeout(120)


class Place:
    """A service with a database, and keys, of its own."""

    def __init__(self, folder, rehearsal, arrivals, **settings):
        self.database, self.port = folder / "arrivals.db", free_port()
        self.settings = {
            "DATABASE": self.database,
            "PORT": self.port,
            "VTRIX_API_KEY": "rehearsal-vtrix",
            "VTRIX_BASE_URL": f"http://127.0.0.1:{rehearsal}/vtrix",
            "ALLOW_DESTINATIONS": "127.0.0.0/8",
            "POLL_FIRST_S": 0.2,
            **settings,
        }
        self._process = Process("serve", ["arrivals", "serve"], environment(**self.settings), folder)
        self._arrivals = arrivals

    def start(self):
        """Starts the service, and waits until it is ready."""
        self._process.start(f"http://127.0.0.1:{self.port}/health/ready")

    def stop(self):
        """Stops the service."""
        self._process.stop()

    def client(self):
        """A client with the key in the file of keys."""
        key = from_json(Path(f"{self.database}.keys").read_bytes())["api_key"]
        return Client(f"http://127.0.0.1:{self.port}", key)

    def run(self, *arguments, code=0):
        """The output of a command: JSON where it went well, else its error."""
        result = self._arrivals(*arguments, "--json", **self.settings)
        assert code == result.exit_code, result.stderr + result.stdout
        return json.loads(result.stdout) if code == 0 else result.stderr


@pytest.fixture
def place_settings():
    return {}


@pytest.fixture
def place(tmp_path, rehearsal, arrivals, place_settings):
    folder = tmp_path / "place"
    folder.mkdir()
    own = Place(folder, rehearsal, arrivals, **place_settings)
    own.start()
    yield own
    own.stop()


def ordered(client, fault="run=0.05"):
    fields = asking_for(f"a fox [rehearse {fault}]")
    return client.submit("vtrix", "wan26_t2i", fields)["id"]


def ended(client):
    return client.wait(ordered(client), 20)["id"]


def events_of(client, after="0"):
    page = client.get("/v1/events", {"after": after, "limit": 200})
    return [event["data"]["generation"]["id"] for event in page["data"]], page["next"]


def test_backup_under_load_is_put_back_and_consumers_are_told(place, tmp_path):
    backup = tmp_path / "monday.db"
    stop = threading.Event()
    kept = []

    def load():
        with place.client() as client:
            while not stop.is_set():
                kept.append(ordered(client))

    loading = threading.Thread(target=load)
    with place.client() as client:
        first = ended(client)
        loading.start()
        try:
            facts = place.run("backup", backup)
        finally:
            stop.set()
            loading.join()
        _, cursor = events_of(client)
        later = ended(client)
        _, newest = events_of(client)
    place.stop()

    restored = place.run("restore", backup)
    place.start()

    assert (facts["generations"], facts["events"]) == (restored["generations"], restored["events"])
    assert 1 <= facts["generations"] <= 1 + len(kept)
    assert Path(restored["previous"]).exists()
    with place.client() as client:  # with the keys of the backup
        assert first == client.generation(first)["id"]
        with pytest.raises(ServiceError) as missing:
            client.generation(later)
        assert "not_found" == missing.value.code
        for after in (cursor, newest):
            with pytest.raises(ServiceError, match="restored from a backup") as refused:
                client.get("/v1/events", {"after": after})
            assert "cursor_unknown" == refused.value.code
        again = ended(client)
        ids, _ = events_of(client)
    assert {first, again} <= set(ids)


@pytest.mark.parametrize("place_settings", [{"VTRIX_MAX_IN_FLIGHT": 1}], ids=["one in flight"])
def test_what_was_pending_in_the_backup_is_not_submitted_again(place, tmp_path):
    """It may have been submitted since, and would be paid for twice."""
    backup = tmp_path / "copy.db"
    with place.client() as client:
        ordered(client, "run=600")  # holds the only slot, so that the next order cannot be on its way
        waiting = ordered(client)
        place.run("backup", backup)
    place.stop()

    restored = place.run("restore", backup)
    place.start()

    assert 1 == restored["unknown_submissions"]
    with place.client() as client:
        generation = client.wait(waiting, 30)
    assert ("expired", "submission_unknown") == (generation["status"], generation["failure"]["code"])


def test_lost_database_and_keys_come_back_with_the_backup(place, tmp_path):
    backup = tmp_path / "copy.db"
    with place.client() as client:
        first = ended(client)
    place.run("backup", backup)
    place.stop()
    keys = Path(f"{place.database}.keys")
    before = keys.read_bytes()
    for lost in place.database.parent.glob("arrivals.db*"):
        lost.unlink()

    restored = place.run("restore", backup)
    place.start()

    assert restored["previous"] is None
    assert (before, 0o600) == (keys.read_bytes(), keys.stat().st_mode & 0o777)
    with place.client() as client:
        assert "completed" == client.generation(first)["status"]


def test_restore_refuses_while_the_service_runs(place, tmp_path):
    backup = tmp_path / "copy.db"
    place.run("backup", backup)

    assert f"{place.database} is in use; stop `arrivals serve` first" in place.run("restore", backup, code=1)
    with place.client() as client:
        assert ended(client)


def test_damaged_backup_is_refused_and_what_is_there_stays(place, tmp_path):
    backup = tmp_path / "copy.db"
    with place.client() as client:
        first = ended(client)
    place.run("backup", backup)
    place.stop()
    content = bytearray(backup.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    backup.write_bytes(content)

    refused = place.run("restore", backup, code=1)
    place.start()

    assert "damaged" in refused or "cannot read the database" in refused
    with place.client() as client:
        assert first == client.generation(first)["id"]


def test_damaged_database_is_moved_aside(place, tmp_path):
    backup = tmp_path / "copy.db"
    place.run("backup", backup)
    place.stop()
    place.database.write_bytes(b"no database any more")

    restored = place.run("restore", backup)

    assert b"no database any more" == Path(restored["previous"]).read_bytes()
    place.start()


def foreign(folder):
    """A database of another program, which died: what it wrote last is in its log."""
    with closing(sqlite3.connect(folder / "running.db")) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE notes (text TEXT)")
        connection.commit()
        for ending in ("", "-wal"):
            shutil.copy(f"{folder}/running.db{ending}", f"{folder}/other.db{ending}")
    return folder / "other.db"


def test_restore_leaves_a_foreign_database_as_it_is(place, tmp_path, arrivals):
    backup, other = tmp_path / "copy.db", foreign(tmp_path)
    place.run("backup", backup)
    before = [Path(f"{other}{ending}").read_bytes() for ending in ("", "-wal")]

    result = arrivals("restore", backup, DATABASE=other)

    assert (1, f"arrivals: {other} is no database of Arrivals\n") == (result.exit_code, result.stderr)
    assert before == [Path(f"{other}{ending}").read_bytes() for ending in ("", "-wal")]
    assert not Path(f"{other}.keys").exists()


def test_restore_moves_no_folder_aside(place, tmp_path, arrivals):
    place.run("backup", tmp_path / "copy.db")
    (tmp_path / "folder").mkdir()

    result = arrivals("restore", tmp_path / "copy.db", DATABASE=tmp_path / "folder")

    said = f"arrivals: {tmp_path / 'folder'} is no file, so no database can be put in its place\n"
    assert (1, said) == (result.exit_code, result.stderr)
    assert ["copy.db", "copy.db.keys", "folder", "place"] == sorted(path.name for path in tmp_path.iterdir())


def test_what_is_no_backup_is_not_restored(place, tmp_path):
    place.stop()
    before = place.database.read_bytes()

    refused = place.run("restore", foreign(tmp_path), code=1)

    assert f"{tmp_path / 'other.db'} is no database of Arrivals" in refused
    assert before == place.database.read_bytes()


def test_earlier_backup_is_written_over_only_with_force(place, tmp_path):
    backup = tmp_path / "copy.db"
    place.run("backup", backup)
    before = backup.read_bytes()

    assert "--force" in place.run("backup", backup, code=1)
    assert before == backup.read_bytes()
    with place.client() as client:
        ended(client)
    assert 1 == place.run("backup", backup, "--force")["generations"]
    assert 0o600 == backup.stat().st_mode & 0o777


def test_doctor_says_when_the_latest_backup_was_made_and_when_it_is_old(place, tmp_path, arrivals):
    def check():
        report = json.loads(arrivals("doctor", "--json", **place.settings).stdout)
        return next(check for check in report["checks"] if check["name"] == "backup")

    backup = tmp_path / "copy.db"
    never = check()
    place.run("backup", backup)
    fresh = check()
    with closing(sqlite3.connect(place.database)) as connection, connection:
        connection.execute("UPDATE backups SET at = at - 8 * 86400 * 1000000")
    old = check()

    assert [True, True, False] == [never["ok"], fresh["ok"], old["ok"]]
    assert "none was made" in never["found"]
    assert str(backup) in fresh["found"]
    assert "8 days old" in old["found"]


def test_missing_files_are_named(arrivals, tmp_path):
    result = arrivals("backup", tmp_path / "b.db", DATABASE=tmp_path / "none.db")
    said = f"there is no database of Arrivals in {tmp_path / 'none.db'}"
    assert (1, said) == (result.exit_code, result.stderr[10:].split(";")[0])
    result = arrivals("restore", tmp_path / "b.db", DATABASE=tmp_path / "none.db")
    assert (1, f"arrivals: there is no backup {tmp_path / 'b.db'}\n") == (result.exit_code, result.stderr)
    assert [] == list(tmp_path.iterdir())


def test_facts_are_said_for_people(place, tmp_path, arrivals):
    backup = tmp_path / "copy.db"
    with place.client() as client:
        ended(client)
    said = arrivals("backup", backup, **place.settings).stdout
    place.stop()
    restored = arrivals("restore", backup, **place.settings).stdout

    assert "1 generations and 2 events up to 20" in said
    assert f"keys: {backup}.keys\n" in said
    assert "epoch: " in restored
    assert "0 pending orders wait for their webhooks" in restored
    assert f"previous: {place.database}.before-" in restored


def test_server_is_backed_up_by_its_own_tools_and_finished_with_a_new_epoch(arrivals, postgres_url, tmp_path):
    with fresh_database(postgres_url) as url:
        place = {"DATABASE": url}
        arrivals("migrate", "--create", **place)
        refused = [arrivals(command, tmp_path / "x.db", **place) for command in ("backup", "restore")]
        unsure = arrivals("new-epoch", **place)
        epochs = {json.loads(arrivals("new-epoch", "--yes", "--json", **place).stdout)["epoch"] for _ in range(2)}
        people = arrivals("new-epoch", "--yes", **place).stdout

    assert [1, 1] == [result.exit_code for result in refused]
    assert all("on a server" in result.stderr for result in refused)
    assert 1 == unsure.exit_code
    assert 2 == len(epochs)
    assert "0 pending orders wait" in people
