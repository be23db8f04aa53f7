"""Whether a newer version has set the database up: this one must not touch it then.

Its sums may hold what this version knows nothing of, and would leave out of what it writes.
"""

from functools import cache

from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader

from usage.database import storage

# For statements that ask more: another number once a version has changed the tables.
LAST_CHANGE = "(SELECT MAX(id) FROM django_migrations)"
_SENTENCE = (
    "the database was set up by a newer version of qsmetrics: install that version here too; "
    "nothing was written"
)
_seen: int | None = None


class NewerDatabase(OperationalError):
    """What is raised in the place of reading or writing it."""

    def __init__(self) -> None:
        super().__init__(_SENTENCE)


def require_known(last_change: int | None) -> None:
    """NewerDatabase where LAST_CHANGE was made by a version that is not known here."""
    global _seen  # noqa: PLW0603  # whoever looks twice finds the same
    if last_change == _seen:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM django_migrations WHERE app = 'usage'")
        applied = {("usage", name) for (name,) in cursor.fetchall()}
    if applied - known_migrations():
        raise NewerDatabase
    _seen = last_change


def require_known_database() -> None:
    """The same, looked up here; one that is not set up yet is known."""
    file = storage.file()
    if file is not None and not file.exists():  # and none shall be made
        return
    if "django_migrations" in connection.introspection.table_names():
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {LAST_CHANGE}")
            require_known(cursor.fetchone()[0])


@cache
def known_migrations() -> frozenset[tuple[str, str]]:
    """By app and name; also those that others stand for now."""
    found = MigrationLoader(None).disk_migrations
    replaced = (each for migration in found.values() for each in migration.replaces)
    return frozenset({*found, *replaced})
