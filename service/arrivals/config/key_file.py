"""Generates unset keys at the first start and keeps them beside the database, readable by its owner only."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
import os
from pathlib import Path
import secrets

import msgspec

from arrivals.config.declarations import BadSetting
from arrivals.config.settings import Settings
from arrivals.core.standard_webhooks import SECRET_BYTES, BadSecret, key_of, make_secret
from arrivals.core.wire import from_json
from arrivals.store.engine.sqlite_file import examine


class KeyFile(msgspec.Struct):
    """The content of the file."""

    secret_keys: list[str]
    api_key: str
    callback_secret: str


SHARED = (
    "with PostgreSQL, ARRIVALS_SECRET_KEYS, ARRIVALS_API_KEY and ARRIVALS_CALLBACK_SECRET must be set, the same on "
    "every machine; for instance the first two to what `openssl rand -hex 32` prints, and the last to whsec_ and what "
    "`openssl rand -base64 32` prints"
)


def has_keys(settings: Settings) -> bool:
    """True if every key is set. Raises BadSetting where an unset one would have no file."""
    if settings.secret_keys and settings.api_keys and settings.callback_secrets:
        return True
    if settings.database_path is None:
        raise BadSetting(SHARED)
    return False


def key_file_path(settings: Settings) -> Path | None:
    """The path of the key file, `arrivals.db.keys` for `arrivals.db`; None for a server, which machines share."""
    path = settings.database_path
    return None if path is None else keys_beside(path)


def keys_beside(database: Path) -> Path:
    """The path of the key file of a database file."""
    return database.with_name(f"{database.name}.keys")


def with_keys(settings: Settings) -> tuple[Settings, bool]:
    """The settings with every key, and True if the file was written now. Raises BadSetting, Unsuitable."""
    made = False
    database, path = settings.database_path, key_file_path(settings)
    if not has_keys(settings) and database is not None and path is not None:
        keyring, made = _kept(database, path)
        settings = replace(
            settings,
            secret_keys=settings.secret_keys or tuple(keyring.secret_keys),
            api_keys=settings.api_keys or (keyring.api_key,),
            callback_secrets=settings.callback_secrets or (keyring.callback_secret,),
        )
    return settings, made


def read_keys(path: Path | None) -> KeyFile | None:
    """The content of the file; None when there is none, or none yet. Raises BadSetting."""
    if path is None:
        return None
    try:
        keyring: KeyFile = from_json(path.read_bytes(), KeyFile)
        key_of(keyring.callback_secret)
    except FileNotFoundError:
        return None
    except BadSecret as error:
        raise BadSetting(f"cannot read the keys in {path}: callback_secret must be {BadSecret.FORM}") from error
    except (OSError, ValueError) as error:
        raise BadSetting(f"cannot read the keys in {path}: {error}") from error
    return keyring


def _kept(database: Path, path: Path) -> tuple[KeyFile, bool]:
    kept = read_keys(path)
    if kept is not None:
        return kept, False
    examine(database, create=True)  # raises where no database could stand beside them
    keyring = KeyFile(
        secret_keys=[secrets.token_urlsafe(32)],
        api_key="arr_" + secrets.token_urlsafe(32),
        callback_secret=make_secret(secrets.token_bytes(SECRET_BYTES)),
    )
    try:
        _write_once(path, _text(keyring))
    except FileExistsError:
        return _kept(database, path)
    except OSError as error:
        raise BadSetting(f"cannot keep the keys in {path}: {error}") from error
    return keyring, True


def write_keys(path: Path, keyring: KeyFile) -> None:
    """Writes a file of keys, over another that may be there. Raises OSError."""
    with _draft_of(path, _text(keyring)) as draft:
        draft.replace(path)


def _text(keyring: KeyFile) -> bytes:
    return msgspec.json.format(msgspec.json.encode(keyring))


def _write_once(path: Path, text: bytes) -> None:
    """Writes the file at once: of two processes that start together, one does. Raises FileExistsError in the other."""
    with _draft_of(path, text) as draft:
        path.hardlink_to(draft)


@contextmanager
def _draft_of(path: Path, text: bytes) -> Iterator[Path]:
    """A file beside the path with this text, readable by its owner only; gone afterwards unless it was renamed."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)
