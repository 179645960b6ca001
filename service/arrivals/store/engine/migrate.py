"""Forward-only migrations with recorded digests, for deployments that replace one process after the other.

`NNNN_pre_name` is safe before the new code: the old code runs on its result, so an unknown one is no reason to stop.
`NNNN_post_name` is what only the new code runs on; where other processes may still run the old code it waits for
`arrivals migrate --post`. A database that holds an unknown one of any other name, or an altered one, is refused.
"""

from dataclasses import dataclass
import hashlib
from importlib import resources

from arrivals.core.wire import Micros
from arrivals.store.engine.base import Database, Rejected, Unsuitable
from arrivals.store.engine.queries import parse
from arrivals.store.engine.sqlite_file import no_database

FIRST = "0001_initial"

_QUERIES = parse("""
-- name: applied
SELECT name, digest FROM migrations ORDER BY name;
-- name: columns
SELECT /* pg: column_name AS */ name FROM
    /* sqlite: pragma_table_info('migrations') */
    /* pg: information_schema.columns WHERE table_schema = CURRENT_SCHEMA() AND table_name = 'migrations' */;
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaStatus:
    """The differences between a database and this Arrivals; names in order."""

    pre: tuple[str, ...]  # to be applied before this code runs
    post: tuple[str, ...]  # to be applied when no older code runs any more
    newer: tuple[str, ...]  # of a newer Arrivals; this one runs on them too


async def migrate(database: Database, now: Micros, *, post: bool = True, create: bool = True) -> list[str]:
    """Brings the schema up to date, with `post` migrations only if requested. Returns the names applied now.

    Raises Unsuitable; without `create` also for a database that holds none of ours yet.
    """
    status = await compare(database)
    if not create and FIRST in status.pre:
        raise no_database(database.name)
    wanted = sorted([*status.pre, *(status.post if post else ())])
    scripts = available()
    return [name for name in wanted if await _apply(database, name, _script(name, scripts[name], now))]


async def compare(database: Database) -> SchemaStatus:
    """The missing and the newer migrations. Raises Unsuitable for a database that this Arrivals must not run on."""
    scripts, digests = available(), await applied(database)
    for name, digest in digests.items():
        if name not in scripts and not _is(name, "pre"):
            raise Unsuitable(
                f"{database.name} was written by a newer Arrivals (it holds migration {name}); upgrade this one"
            )
        if name in scripts and digest != _digest(scripts[name]):
            raise Unsuitable(
                f"migration {name} in {database.name} is not the one this Arrivals carries; restore its release"
            )
    missing = [name for name in scripts if name not in digests]
    return SchemaStatus(
        pre=tuple(name for name in missing if not _is(name, "post")),
        post=tuple(name for name in missing if _is(name, "post")),
        newer=tuple(name for name in digests if name not in scripts),
    )


async def applied(database: Database) -> dict[str, str]:
    """The digests of the migrations that were applied, by name. Raises Unsuitable for another program's table."""
    async with database.reading() as tx:
        columns = {row["name"] for row in await tx.fetch(_QUERIES["columns"])}
        if columns and not {"name", "digest"} <= columns:
            raise Unsuitable(
                f"{database.name} has the table migrations of another program; set ARRIVALS_DATABASE to a database of "
                "its own"
            )
        return {row["name"]: row["digest"] for row in await tx.fetch(_QUERIES["applied"])} if columns else {}


async def _apply(database: Database, name: str, script: str) -> bool:
    """True if it was applied now; False if another process did so at the same moment. Raises Unsuitable."""
    try:
        await database.script(script)
    except Rejected as error:
        if name in await applied(database):
            return False
        raise Unsuitable(f"migration {name} cannot be applied to {database.name}: {error}") from error
    return True


def available() -> dict[str, str]:
    """The texts of all migrations by name, in order."""
    folder = resources.files("arrivals.store").joinpath("migrations")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return {file.name.removesuffix(".sql"): file.read_text() for file in files}


def _is(name: str, kind: str) -> bool:
    return name.partition("_")[2].startswith(f"{kind}_")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _script(name: str, text: str, now: Micros) -> str:
    """The script with its record. Name and digest are ours (a file name and hexadecimal), so they are safe in SQL."""
    record = f"INSERT INTO migrations (name, digest, applied_at) VALUES ('{name}', '{_digest(text)}', {now});"  # noqa: S608
    columns = "name TEXT PRIMARY KEY, digest TEXT NOT NULL, applied_at INT/* pg: 8 */ NOT NULL"
    return f"CREATE TABLE IF NOT EXISTS migrations ({columns}) /* sqlite: STRICT */;\n{text}\n{record}"
