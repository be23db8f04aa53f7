"""What the PostgreSQL server has and lets us do; each refusal says how to get on."""

from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connection

from usage.database import storage

TABLES = (
    "usage_metrics",
    "usage_series",
    "usage_names",
    "usage_rollups",
    "usage_histograms",
)
_INSUFFICIENT_PRIVILEGE = "42501"


class CannotScale(Exception):
    """Why the tables cannot be converted, and what to do about it."""


@dataclass(frozen=True)
class Extension:
    """One of PostgreSQL's extensions, and where people get it."""

    name: str
    title: str
    package: str


def require_postgresql(extension: Extension) -> None:
    """Also that our tables are there and belong to this user."""
    if storage.file() is not None:
        raise CannotScale(
            f"{extension.title} is an extension of PostgreSQL, and this portal keeps its data in a "
            "SQLite file: set DATABASE_URL, run `manage.py migrate`, and move the data with "
            "`manage.py import_metrics FILE`"
        )
    owned = dict(
        _rows(
            "SELECT relname, pg_has_role(relowner, 'USAGE') FROM pg_class "
            "WHERE oid IN (SELECT to_regclass(name) FROM unnest(%s::text[]) AS name)",
            [list(TABLES)],
        )
    )
    if len(owned) < len(TABLES):
        raise CannotScale("the database is not set up: run `manage.py migrate`")
    if not all(owned.values()):
        raise CannotScale(
            f"the database user {_user()} does not own the tables: run this as their owner"
        )


def require_installed(extension: Extension) -> None:
    """That CREATE EXTENSION can work."""
    if is_created(extension):
        return
    known = _rows("SELECT 1 FROM pg_available_extensions WHERE name = %s", [extension.name])
    if not known:
        raise CannotScale(
            f"{extension.title} is not installed on the PostgreSQL server: install "
            f"{extension.package}, add {extension.name} to shared_preload_libraries in "
            "postgresql.conf, restart the server, and run this again"
        )
    loaded = _rows("SELECT setting FROM pg_settings WHERE name = 'shared_preload_libraries'")
    if loaded and extension.name not in loaded[0][0]:  # only some users may see the setting
        raise CannotScale(
            f"{extension.title} is installed, but the PostgreSQL server does not load it: add "
            f"{extension.name} to shared_preload_libraries in postgresql.conf, restart the "
            "server, and run this again"
        )


def is_created(extension: Extension) -> bool:
    """Whether this database has the extension."""
    return bool(_rows("SELECT 1 FROM pg_extension WHERE extname = %s", [extension.name]))


def primary_key(table: str) -> tuple[str, list[str]]:
    """The name of its constraint, and its columns."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
    return next((name, each["columns"]) for name, each in found.items() if each["primary_key"])


def explained(extension: Extension, error: DatabaseError) -> CannotScale:
    """What the server said, in one line. It names tables and rights, but no row."""
    if getattr(error.__cause__, "sqlstate", None) == _INSUFFICIENT_PRIVILEGE:
        return CannotScale(
            f"the database user {_user()} may not do this ({_first_line(error)}): let a superuser "
            f"run `CREATE EXTENSION {extension.name}` in the database, then run this again"
        )
    return CannotScale(f"{extension.title} refused: {_first_line(error)}")


def _first_line(error: DatabaseError) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")


def _user() -> str:
    return str(connection.settings_dict["USER"] or "of this process")


def _rows(sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()  # type: ignore[no-any-return]
