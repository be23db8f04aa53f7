"""Column types that hold for plain SQL too, which other programs may write with."""

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

_SHAPE = "[12][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-5][0-9]:[0-5][0-9]*"


class UtcDateTimeField(models.DateTimeField):  # type: ignore[type-arg]  # generic in stubs only
    """A time in UTC. SQLite would take any value; here only `2024-01-15 10:00:00[.ffffff]`.

    `T` between and `Z` or `+00:00` behind are read too, but sort behind the rest of their day:
    programs that write in plain SQL had better use the first form. Other zones, numbers, words
    and days that no calendar has would break every page, and are refused at the insert.
    """

    def db_check(self, connection: BaseDatabaseWrapper) -> str | None:
        if connection.vendor != "sqlite":
            return super().db_check(connection)
        column = f'"{self.column}"'
        day, clock = f"substr({column}, 1, 10)", f"substr({column}, 12, 8)"
        fraction = f"replace(rtrim(substr({column}, 20), 'Z'), '+00:00', '')"
        return (
            f"typeof({column}) = 'text' AND {column} GLOB '{_SHAPE}' "
            f"AND date({day}, '+0 days') IS {day} AND time({clock}, '+0 days') IS {clock} "
            f"AND {column} NOT GLOB '*+*+*' "
            f"AND ({fraction} = '' OR "
            f"({fraction} GLOB '.[0-9]*' AND substr({fraction}, 2) NOT GLOB '*[^0-9]*'))"
        )
