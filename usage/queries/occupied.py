"""Which buckets of a scope hold requests at all, as the sums of all requests tell."""

from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from itertools import groupby

from django.db import connection

from usage.database import times
from usage.queries.covering import rollups_of
from usage.queries.microseconds import SECOND, moment_of
from usage.queries.scope import Holdings, Scope
from usage.queries.waiting import near, waiting_rows
from usage.rollups import keeping
from usage.rollups.declarations import DAY, TOTAL

Range = tuple[int, int]  # from its begin to before its end, in microseconds since 1970

_AT_ONCE = 5_000
_EARLY = 10**7 * DAY  # seconds to be positive by, since SQL divides to zero


def occupied(scope: Scope, held: Holdings, width: int) -> Iterator[int]:
    """The begins of those buckets that hold a request, ascending; `width` is one of TOTAL's."""
    number, seconds = rollups_of(TOTAL)[width], width // SECOND
    sources = [_each(scope, seconds, lambda since: _summed(number, since))]
    if held.unsummed:
        sources.append(_each(scope, seconds, lambda since: _unsummed(scope, seconds, since)))
    return (moment * SECOND for moment, _ in groupby(merge(*sources)))


def joined(moments: Iterable[int], width: int, gap: int, scope: Scope) -> list[Range]:
    """Ranges of the scope that hold the buckets which begin so, with gaps up to `gap` closed."""
    found: list[Range] = []
    for moment in moments:
        begin, end = max(moment, scope.begin), min(moment + width, scope.end)
        if found and begin <= found[-1][1] + gap:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found


def _each(scope: Scope, seconds: int, some: Callable[[int], list[int]]) -> Iterator[int]:
    """All in the scope, read a portion at a time."""
    since = scope.begin // SECOND // seconds * seconds
    while found := some(since):
        for moment in found:
            if moment * SECOND >= scope.end:
                return
            yield moment
        since = found[-1] + seconds


def _summed(number: int, since: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {times.unix_seconds('bucket')} FROM (SELECT DISTINCT bucket FROM usage_rollups"
            f" WHERE rollup = %s AND bucket >= {times.at_unix_seconds()} ORDER BY bucket"
            f" LIMIT {_AT_ONCE}) AS found ORDER BY bucket",
            [number, since],
        )
        return [bucket for (bucket,) in cursor.fetchall()]


def _unsummed(scope: Scope, seconds: int, since: int) -> list[int]:
    """Of rows that plain SQL has written and no sums hold yet."""
    moment, time = keeping.counted_at(), times.comparable("timestamp")
    first = max(since * SECOND, scope.begin)
    if first >= scope.end:
        return []
    adapt = connection.ops.adapt_datetimefield_value
    begin, end = moment_of(first), moment_of(scope.end)
    is_near, ends = near(begin, end)
    begins = f"DISTINCT ({moment} + {_EARLY}) / {seconds} * {seconds} - {_EARLY}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"{waiting_rows(begins)} AND {is_near} AND {moment} IS NOT NULL"
            f" AND {time} >= %s AND {time} < %s ORDER BY 1 LIMIT {_AT_ONCE}",
            [*ends, adapt(begin), adapt(end)],
        )
        return [bucket for (bucket,) in cursor.fetchall()]
