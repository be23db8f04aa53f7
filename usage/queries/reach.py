"""How many raw rows a question would read, as the sums tell beforehand, and by which index."""

from collections.abc import Sequence

from usage.filters import UsageFilter
from usage.queries.buckets import SECOND, Run, one_bucket
from usage.queries.covering import cover, rollups_of, widened
from usage.queries.sums import count_requests, series_of
from usage.rollups.declarations import KEY, MODEL, QUARTER, TOTAL, Grouping

MOST_ROWS = 500_000  # one or two seconds
# So much is always read, however busy the portal: the two ends of a range.
_ALWAYS = 2 * QUARTER * SECOND
_NEVER_PURGED = -(2**62)


class TooManyRows(ValueError):
    """No sums answer the question, and the raw rows are more than can be read meanwhile."""


def index_for(runs: Sequence[Run], usage: UsageFilter, most: int = MOST_ROWS) -> tuple[str, int]:
    """The index that finds the raw rows of the runs, and how many rows it leads to at most.

    TooManyRows where those exceed `most`.
    """
    ways = _ways(usage)
    if sum(run.end - run.begin for run in runs) <= _ALWAYS:
        return ways[0][0], 0
    count, index = min((_count(runs, grouping, part), index) for index, grouping, part in ways)
    if count > most:
        raise TooManyRows(count)
    return index, count


def _ways(usage: UsageFilter) -> list[tuple[str, Grouping, UsageFilter]]:
    """Each index that helps, and the sums that count what it finds."""
    ways = []
    if usage.api_key_hashes:
        ways.append(("idx_api_key", KEY, UsageFilter(api_key_hashes=usage.api_key_hashes)))
    if usage.models:
        ways.append(("idx_model", MODEL, UsageFilter(models=usage.models)))
    return ways or [("idx_timestamp", TOTAL, UsageFilter())]


def _count(runs: Sequence[Run], grouping: Grouping, usage: UsageFilter) -> int:
    """Not fewer than there are: a bucket that a run cuts counts whole."""
    numbers = rollups_of(grouping)
    whole = [
        bucket for run in runs for bucket in one_bucket(*widened(run.begin, run.end, min(numbers)))
    ]
    return count_requests(cover(whole, numbers, _NEVER_PURGED).sums, series_of(grouping, usage))
