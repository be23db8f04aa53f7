"""Rows of plain SQL that no sums hold yet: questions read them as they are, up to a bound."""

import datetime as dt

from django.db import connection

from usage.database.joins import Sql, by_index

MOST_READ = 10_000  # in each of a few passes, of which each may read as many pages
# Plain SQL may have written a time in other words than recording does, of the same day.
_MARGIN = dt.timedelta(days=1)
_EARLIEST = dt.datetime.min.replace(tzinfo=dt.UTC)
_LATEST = dt.datetime.max.replace(tzinfo=dt.UTC)


class TooManyWaiting(Exception):
    """The rows that wait in the period of a question are more than can be read meanwhile."""

    def __init__(self) -> None:
        super().__init__(
            "more rows of plain SQL wait for the sums than can be read meanwhile: `manage.py serve`"
            " adds them, and without it `manage.py work`; see that one of them runs, then try again"
            " shortly"
        )


def waiting_rows(columns: str = "1") -> str:
    """SELECT for them; more conditions may follow."""
    index = by_index("idx_unsummed")
    return f"SELECT {columns} FROM usage_metrics {index} WHERE is_summed IS NULL"


def near(begin: dt.datetime, end: dt.datetime) -> Sql:
    """A condition that all rows from `begin` to before `end` meet, and that their index serves."""
    adapt = connection.ops.adapt_datetimefield_value
    first = begin - min(_MARGIN, begin - _EARLIEST)
    last = end + min(_MARGIN, _LATEST - end)
    return "timestamp >= %s AND timestamp <= %s", [adapt(first), adapt(last)]


def require_few(begin: dt.datetime, end: dt.datetime) -> None:
    """TooManyWaiting where more than MOST_READ wait in about that period."""
    condition, ends = near(begin, end)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT COUNT(*) FROM ({waiting_rows()} AND {condition} LIMIT %s) AS found",
            [*ends, MOST_READ + 1],
        )
        if cursor.fetchone()[0] > MOST_READ:
            raise TooManyWaiting
