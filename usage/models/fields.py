"""Column types that hold for plain SQL too, which other programs may write with."""

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

_TIME = "[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-5][0-9]:[0-5][0-9]"


class UtcDateTimeField(models.DateTimeField):  # type: ignore[type-arg]  # generic in stubs only
    """A time in UTC. SQLite would take any value; here only `2024-01-15 10:00:00[.ffffff]`.

    `T` between and `Z` or `+00:00` behind are read too. Other zones, numbers and words, which
    would be counted in the wrong hour or break every page, are refused where they are inserted.
    """

    def db_check(self, connection: BaseDatabaseWrapper) -> str | None:
        if connection.vendor != "sqlite":
            return super().db_check(connection)
        column = f'"{self.column}"'
        zone_free = f"replace(replace(substr({column}, 20), '+00:00', ''), 'Z', '')"
        return (
            f"typeof({column}) = 'text' AND {column} GLOB '{_TIME}*' "
            f"AND {zone_free} NOT GLOB '*[^0-9.]*'"
        )
