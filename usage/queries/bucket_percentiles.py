"""Percentiles of each bucket of a series: by histograms that are as narrow, or from rows."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from usage.queries.buckets import BucketFinder, Run
from usage.queries.covering import Stretch, cover
from usage.queries.figures import Bucket, Percentiles
from usage.queries.matching import Series
from usage.queries.microseconds import microseconds
from usage.queries.percentile_plan import HISTOGRAMS, MOST_ROWS_FOR_PERCENTILES
from usage.queries.percentiles import Counts, counts_by_time, percentiles_of, rows_at_most
from usage.queries.reach import Reach
from usage.queries.row_reading import Found
from usage.queries.rows import Made, Use, all_pieces, pieces_left
from usage.queries.scope import Holdings
from usage.rollups.declarations import HISTOGRAM_COLUMNS

_NOTE = (
    f"percentiles of these buckets come from rows, and more than {MOST_ROWS_FOR_PERCENTILES:,}"
    " would have to be read: narrow `from` and `to`, or ask for a longer `interval`"
)
_PURGED = "percentiles of these buckets come from rows, of which some were purged"


class BucketPercentiles:
    """`series` are those of the histograms, None where these do not tell what is asked for by.

    `use` is what rows are read for, None where there are too many or some were purged, and `cost`
    what the histograms cost, in rows of sums.
    """

    def __init__(self, runs: Sequence[Run], held: Holdings, series: Series | None) -> None:
        self._runs, self._held, self._series = runs, held, series
        self._stretches: list[tuple[Stretch, int, int]] = []
        self.use: Use | None = None
        self.note: str | None = None
        self.cost = 0

    def decide(self, reach: Reach, rows_of_others: int) -> None:
        """Whether few enough rows tell all, or the rest of what histograms tell."""
        most = MOST_ROWS_FOR_PERCENTILES - rows_of_others - self._held.unsummed
        are_there = all(run.begin >= self._held.purged_until for run in self._runs[:1])
        every = [(run, 1) for run in self._runs]
        values = Use(Made.VALUES, self._runs, every, by_bucket=True)
        if are_there and reach.count(all_pieces([values])) <= most:
            self.use = values
        elif self._series is not None:
            covers = [cover(self._runs, each, self._held.purged_until) for each in HISTOGRAMS]
            rest = [(run, 1) for run in covers[0].rows]
            bins = Use(Made.BINS, self._runs, rest, by_bucket=True)
            left = pieces_left([bins])
            if not left or reach.count(left) <= most:
                self.use = bins
                self._stretches = [
                    (each, place, 1) for place, some in enumerate(covers) for each in some.sums
                ]
                self.cost = rows_at_most([each for each, _, _ in self._stretches])
                self.cost *= self._series.number
        if self.use is None:
            self.note = _NOTE if are_there or self._series is not None else _PURGED

    def put_into(self, series: Sequence[Bucket], rows: Mapping[Use, Found]) -> list[Bucket]:
        """The buckets with their percentiles."""
        if self.use is None:
            return [msgspec.structs.replace(each, percentiles=Percentiles()) for each in series]
        found = self._counts(rows[self.use])
        is_exact = self.use.made is Made.VALUES
        return [
            msgspec.structs.replace(
                bucket,
                percentiles=percentiles_of(
                    found[microseconds(bucket.start)], bucket.figures, is_exact=is_exact
                ),
            )
            for bucket in series
        ]

    def _counts(self, rows: Found) -> defaultdict[int, list[Counts]]:
        """By begin of the bucket, for each column how often each value occurred."""
        found: defaultdict[int, list[Counts]] = defaultdict(
            lambda: [defaultdict(int) for _ in HISTOGRAM_COLUMNS]
        )
        for begin, (columns, times) in rows:
            for column, values in zip(found[begin], columns, strict=True):
                for value, count in values.items():
                    if value is not None:
                        column[value] += times * count
        if self._stretches and self._series is not None:
            finder = BucketFinder(self._runs)
            for moment, place, counts in counts_by_time(self._stretches, self._series):
                column = found[finder.begin_of_bucket(moment)][place]
                for value, count in counts.items():
                    column[value] += count
        return found
