"""Column types that hold for plain SQL too, which other programs may write with."""

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from usage.database.times import check


class UtcDateTimeField(models.DateTimeField):  # type: ignore[type-arg]  # generic in stubs only
    """A time in UTC. SQLite would take any value; here only `2024-01-15 10:00:00[.ffffff]`.

    `T` between and `Z` or `+00:00` behind are read too, but sort behind the rest of their day:
    programs that write in plain SQL had better use the first form. Other zones, which would be
    counted in the wrong hour, numbers and words are refused at the insert. Whether the calendar
    has such a day is not looked at, since that would cost ingest a quarter of its speed.
    """

    def db_check(self, connection: BaseDatabaseWrapper) -> str | None:
        return check(self.column, connection) or super().db_check(connection)
