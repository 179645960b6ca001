"""Loads the .sql files and translates their common text for SQLite and PostgreSQL.

The files are plain SQLite. What PostgreSQL needs besides is written in a comment, `/* pg: FOR UPDATE SKIP LOCKED */`,
and what only SQLite has likewise, `/* sqlite: STRICT */`. `:name` is a value. The rules of the common text:

1. Time is a value, integer microseconds UTC; no query reads a clock.
2. `TEXT`, `INT/* pg: 8 */`; no booleans (a nullable moment says more), no arrays; JSON is TEXT; no query reads into it.
3. Ids are TEXT, generated in Python. A sequence is not a safe cursor where transactions overlap.
4. A write that can race has its guard in WHERE and ends with RETURNING; no row means that another was first.
5. An optional filter is `/* if provider: AND provider = :provider */`, which is left out when its value is None; or,
   where no index serves it, `COALESCE(:provider, provider) = provider`: PostgreSQL cannot type `:provider IS NULL`.
6. `-- name: forget_all (long)` marks a writing statement that may touch very many rows: it must not delay the others.
7. No casts by `::`, no literal `%`, no `:word` inside a string.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from operator import itemgetter
import re
from typing import Any

_NAME = re.compile(r"^-- name: (\w+)( \(long\))?\n", re.MULTILINE)
_VARIANT = re.compile(r"/\*\s*(pg|sqlite):(.*?)\*/", re.DOTALL)
_OPTIONAL = re.compile(r"/\*\s*if (\w+):(.*?)\*/", re.DOTALL)
_COMMENT = re.compile(r"^\s*--.*\n", re.MULTILINE)
_VALUE = re.compile(r"(?<!:):([a-z_]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One named statement for both databases. `long`: it may touch very many rows; `optional`: values that may be None.

    SQLite gets its values `in_order`, because looking each up by name costs more than binding it.
    """

    name: str
    common: str
    sqlite: str
    in_order: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    postgres: str
    long: bool = False
    optional: tuple[str, ...] = ()

    def bind(self, values: Mapping[str, Any]) -> "Query":
        """The statement for these values: without the conditions whose value is None, so that an index can be used."""
        if not self.optional:
            return self
        return _with(self, tuple(name for name in self.optional if values[name] is not None))


def load(noun: str) -> dict[str, Query]:
    """The queries of `sql/<noun>.sql` by name."""
    return parse(resources.files("arrivals.store").joinpath("sql", f"{noun}.sql").read_text())


def parse(text: str) -> dict[str, Query]:
    """The queries of one text by name."""
    _, *parts = _NAME.split(text)
    return {
        name: _query(name, body, long=bool(long), optional=tuple(match[1] for match in _OPTIONAL.finditer(body)))
        for name, long, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    }


def _query(name: str, common: str, *, long: bool, optional: tuple[str, ...]) -> Query:
    named = for_sqlite(common)
    return Query(
        name=name,
        common=common,
        sqlite=_VALUE.sub("?", named),
        in_order=_in_order(_VALUE.findall(named)),
        postgres=for_postgres(common),
        long=long,
        optional=optional,
    )


def _in_order(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(values[name] for name in names)


@lru_cache(maxsize=256)
def _with(query: Query, names: tuple[str, ...]) -> Query:
    def choose(match: re.Match[str]) -> str:
        return match[2].strip() if match[1] in names else ""

    return _query(query.name, _OPTIONAL.sub(choose, query.common), long=query.long, optional=())


def for_sqlite(text: str) -> str:
    """The text for SQLite, values still by name."""
    return _variant(text, "sqlite")


def for_postgres(text: str) -> str:
    """The text for psycopg, values as `%(name)s`."""
    return _VALUE.sub(r"%(\1)s", _variant(text, "pg"))


def _variant(text: str, engine: str) -> str:
    variant = _VARIANT.sub(lambda match: match[2].strip() if match[1] == engine else "", text)
    return _COMMENT.sub("", variant).strip()
