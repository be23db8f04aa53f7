"""How many raw rows a question would read, as the sums tell beforehand, and by which index."""

from collections.abc import Iterable, Sequence

from usage.asking.filters import UsageFilter
from usage.queries.buckets import one_bucket
from usage.queries.covering import cover, rollups_of, smallest_grouping, widened
from usage.queries.matching import SeriesLookup
from usage.queries.microseconds import SECOND
from usage.queries.naming import MOST_ROWS_OF_OTHERS, Naming
from usage.queries.rows import Piece, count_rows, summed_rows
from usage.queries.sums import count_requests
from usage.rollups.aggregation import OTHER
from usage.rollups.declarations import QUARTER, TOTAL, Grouping

MOST_ROWS = 500_000  # one or two seconds
# So much is always read, however busy the portal: the two ends of a range.
_ALWAYS = 2 * QUARTER * SECOND
_INDEXES = {"api_key_hash": "idx_api_key", "model": "idx_model"}
Range = tuple[int, int]
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


class Reach:
    """What one question's raw rows cost, told by sums of which it looks each up once."""

    def __init__(self, wanted: UsageFilter, lookup: SeriesLookup) -> None:
        self._wanted = wanted
        self._lookup = lookup
        self._known: dict[tuple[Range, ...], tuple[int, str]] = {}

    def index_for(self, pieces: Sequence[Piece], most: int = MOST_ROWS) -> tuple[str, int]:
        """The index that finds the raw rows of the pieces, and how many it leads to at most.

        TooManyRowsToRead where those exceed `most`.
        """
        ranges = _ranges(pieces)
        if sum(end - begin for begin, end in ranges) <= _ALWAYS:
            return _ways(self._wanted)[0][0], 0
        count, index = self._best(ranges)
        if count > most:
            raise TooManyRowsToRead(count)
        return index, count

    def count(self, pieces: Sequence[Piece]) -> int:
        """How many raw rows of the pieces the best index leads to, however short they are."""
        return self._best(_ranges(pieces))[0]

    def index_for_others(self, pieces: Sequence[Piece], naming: Naming) -> tuple[str, int]:
        """The same for those rows that count as (other) where the question names them.

        TooManyRowsOfOthers where those exceed MOST_ROWS_OF_OTHERS.
        """
        wanted = naming.wanted_of_others
        index, grouping, part = _ways(wanted)[0]
        # The sums do not tell the names that it is about, so its rows are counted.
        if grouping is TOTAL:
            reached = self._count([(piece.begin, piece.end) for piece in pieces], grouping, part)
        else:
            reached = count_rows(summed_rows(pieces, part, index), MOST_ROWS)
        if reached > MOST_ROWS:
            raise TooManyRowsOfOthers
        others = summed_rows(pieces, wanted, index, f"AND {naming.is_other}")
        if (found := count_rows(others, MOST_ROWS_OF_OTHERS)) > MOST_ROWS_OF_OTHERS:
            raise TooManyRowsOfOthers
        return index, found

    def _best(self, ranges: tuple[Range, ...]) -> tuple[int, str]:
        if ranges not in self._known:
            self._known[ranges] = min(
                (self._count(ranges, grouping, part), index)
                for index, grouping, part in _ways(self._wanted)
            )
        return self._known[ranges]

    def _count(self, ranges: Sequence[Range], grouping: Grouping, wanted: UsageFilter) -> int:
        """Not fewer than there are: a bucket that a range cuts counts whole."""
        numbers = rollups_of(grouping)
        whole = _joined(widened(*each, min(numbers)) for each in ranges)
        runs = [run for begin, end in whole for run in one_bucket(begin, end)]
        series = self._lookup.of(grouping, wanted)
        return count_requests(cover(runs, numbers, _NEVER_PURGED).sums, series)


def _ways(wanted: UsageFilter) -> list[tuple[str, Grouping, UsageFilter]]:
    """Each index that helps, and the sums that count what it finds.

    None leads to what counts as (other), or quickly to what has no value.
    """
    ways = [
        (index, smallest_grouping([name]), UsageFilter(values={name: values}))
        for name, index in _INDEXES.items()
        if (values := wanted.of(name)) and not {OTHER, ""} & set(values)
    ]
    return ways or [("idx_timestamp", TOTAL, UsageFilter())]


def _ranges(pieces: Sequence[Piece]) -> tuple[Range, ...]:
    return tuple(_joined((piece.begin, piece.end) for piece in pieces))


def _joined(ranges: Iterable[Range]) -> list[Range]:
    """Ascending ranges, those together that touch: what each of them cuts counts once."""
    found: list[Range] = []
    for begin, end in ranges:
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found
