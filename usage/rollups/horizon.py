"""The purge horizon: before it raw rows may be gone, so sums before it are never made anew."""

import datetime as dt
import math

from django.db import connection, transaction

from usage.database import times
from usage.rollups import tables
from usage.rollups.declarations import DAY

# For statements that ask more; a portal's file is asked the same.
PURGED_BEFORE = "(SELECT purged_before FROM usage_purgehorizon ORDER BY id LIMIT 1)"
_MOVE = (
    "INSERT INTO usage_purgehorizon (id, purged_before) VALUES (1, %s) ON CONFLICT (id) DO UPDATE "
    "SET purged_before = excluded.purged_before "
    "WHERE usage_purgehorizon.purged_before < excluded.purged_before"
)


def purged_before() -> dt.datetime | None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {PURGED_BEFORE}")
        return times.with_zone(cursor.fetchone()[0])


def first_day() -> int | None:
    """The first UTC day, in Unix seconds, of which no raw row was purged; None is any."""
    horizon = purged_before()
    return None if horizon is None else math.ceil(horizon.timestamp() / DAY) * DAY


def move_purge_horizon(moment: dt.datetime) -> None:
    """Remember that rows before `moment` may go from now on; it only ever moves later."""
    with transaction.atomic():
        tables.keep_writers_out()
        with connection.cursor() as cursor:
            cursor.execute(_MOVE, times.stored([moment.astimezone(dt.UTC)]))
