"""How many raw rows a question would read, as the sums tell beforehand, and by which index."""

from collections.abc import Sequence

from usage.asking.filters import UsageFilter
from usage.queries.buckets import SECOND, Run, one_bucket
from usage.queries.covering import cover, rollups_of, smallest_grouping, widened
from usage.queries.naming import MOST_ROWS_OF_OTHERS, Naming
from usage.queries.rows import count_rows, summed_rows
from usage.queries.sums import count_requests, series_of
from usage.rollups.aggregation import OTHER
from usage.rollups.declarations import QUARTER, TOTAL, Grouping

MOST_ROWS = 500_000  # one or two seconds
# So much is always read, however busy the portal: the two ends of a range.
_ALWAYS = 2 * QUARTER * SECOND
_INDEXES = {"api_key_hash": "idx_api_key", "model": "idx_model"}
_NEVER_PURGED = -(2**62)


class TooManyRowsToRead(ValueError):
    """No sums answer the question, and the raw rows are more than can be read meanwhile."""


class TooManyRowsOfOthers(ValueError):
    """The question names what counts as (other), and its rows are too many to be counted."""

    def __init__(self) -> None:
        super().__init__(
            f"a name that this asks for counts as `{OTHER}`, and more than "
            f"{MOST_ROWS_OF_OTHERS:,} rows would have to be counted for it: narrow `from` and "
            "`to`, or have an operator release the name (`manage.py fold_names --release`)"
        )


def index_for(runs: Sequence[Run], wanted: UsageFilter, most: int = MOST_ROWS) -> tuple[str, int]:
    """The index that finds the raw rows of the runs, and how many rows it leads to at most.

    TooManyRowsToRead where those exceed `most`.
    """
    ways = _ways(wanted)
    if sum(run.end - run.begin for run in runs) <= _ALWAYS:
        return ways[0][0], 0
    count, index = min((_count(runs, grouping, part), index) for index, grouping, part in ways)
    if count > most:
        raise TooManyRowsToRead(count)
    return index, count


def index_for_others(runs: Sequence[Run], naming: Naming) -> tuple[str, int]:
    """The same for those rows that count as (other) where the question names them.

    TooManyRowsOfOthers where those exceed MOST_ROWS_OF_OTHERS.
    """
    wanted = naming.wanted_of_others
    index, grouping, part = _ways(wanted)[0]
    # The sums do not tell the names that it is about, so its rows are counted.
    if grouping is TOTAL:
        reached = _count(runs, grouping, part)
    else:
        reached = count_rows(summed_rows(runs, part, index), MOST_ROWS)
    if reached > MOST_ROWS:
        raise TooManyRowsOfOthers
    others = summed_rows(runs, wanted, index, f"AND {naming.is_other}")
    if (found := count_rows(others, MOST_ROWS_OF_OTHERS)) > MOST_ROWS_OF_OTHERS:
        raise TooManyRowsOfOthers
    return index, found


def _ways(wanted: UsageFilter) -> list[tuple[str, Grouping, UsageFilter]]:
    """Each index that helps, and the sums that count what it finds."""
    ways = [
        (index, smallest_grouping([name]), UsageFilter(values={name: values}))
        for name, index in _INDEXES.items()
        if (values := wanted.of(name)) and OTHER not in values
    ]
    return ways or [("idx_timestamp", TOTAL, UsageFilter())]


def _count(runs: Sequence[Run], grouping: Grouping, wanted: UsageFilter) -> int:
    """Not fewer than there are: a bucket that a run cuts counts whole."""
    numbers = rollups_of(grouping)
    whole = [
        bucket for run in runs for bucket in one_bucket(*widened(run.begin, run.end, min(numbers)))
    ]
    return count_requests(cover(whole, numbers, _NEVER_PURGED).sums, series_of(grouping, wanted))
