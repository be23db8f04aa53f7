"""What whoever changes sums looks at first: which decision on names holds, and what is filled."""

from typing import NamedTuple

from django.db import connection

from usage.database.versions import LAST_CHANGE, require_known
from usage.rollups.name_entries import ALWAYS

_CHANGE = "-"  # no name of sums
_READ = (
    "SELECT '', MAX(number) FROM usage_namesversion UNION ALL"
    f" SELECT '{_CHANGE}', {LAST_CHANGE} UNION ALL"
    f" SELECT came_with, filled_from FROM usage_filling WHERE filled_from > {ALWAYS}"
)


class SumsStanding(NamedTuple):
    """As the database has it. It stays so while a transaction holds or shares the lock on names."""

    names_version: int
    filled_from: dict[str, int]  # of sums that lack older rows: see `usage.rollups.filling`


def read() -> SumsStanding:
    """NewerDatabase where a newer version has set it up."""
    with connection.cursor() as cursor:
        cursor.execute(_READ)
        found = dict(cursor.fetchall())
    require_known(found.pop(_CHANGE))
    return SumsStanding(found.pop("") or 0, found)


class Filling(NamedTuple):
    """Of some sums that came together, in Unix seconds: since when they hold rows, and before when
    some rows may have been purged that they never held; ALWAYS where all is well."""

    filled_from: int = ALWAYS
    unknown_before: int = ALWAYS


ALL_FILLED = Filling()


def fillings() -> dict[str, Filling]:
    """By `came_with`; those that are missing are ALL_FILLED. NewerDatabase as well."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT came_with, filled_from, unknown_before FROM usage_filling UNION ALL"
            f" SELECT '{_CHANGE}', {LAST_CHANGE}, 0"
        )
        found = {name: Filling(*rest) for name, *rest in cursor.fetchall()}
    require_known(found.pop(_CHANGE).filled_from)
    return found
