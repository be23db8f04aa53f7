"""TimescaleDB's chunks: a purge drops those that lie wholly in the past, which frees them at once.

The rows before the cutoff in the chunk that holds it stay until all of it is past: it is
compressed as a rule, and deleting from what is compressed means to decompress it.
"""

import datetime as dt
from collections.abc import Iterator

from django.db import connection, transaction

_BEFORE_ALL = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
_CHUNKS = (
    "SELECT range_start, range_end FROM timescaledb_information.chunks "
    "WHERE hypertable_schema = current_schema() AND hypertable_name = 'usage_metrics' "
    "AND range_end <= %s ORDER BY range_end"
)


def ends_until(cutoff: dt.datetime) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """Begin and end of each chunk that lies wholly before `cutoff`, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_CHUNKS, [cutoff])
        yield from cursor.fetchall()


def last_end_before(cutoff: dt.datetime) -> dt.datetime:
    """Where the newest of those ends; the beginning of time when there is none."""
    return max((end for _, end in ends_until(cutoff)), default=_BEFORE_ALL)


def drop_until(end: dt.datetime) -> None:
    """Drop the chunks that end by then. Writers wait a moment; readers of old chunks, too."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT drop_chunks('usage_metrics', older_than => %s::timestamptz)", [end])
        cursor.fetchall()
