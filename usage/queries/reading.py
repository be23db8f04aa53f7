"""Reads one period: sums where they cover it, raw rows where they do not."""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Sequence
from itertools import chain
from typing import TypeVar
from zoneinfo import ZoneInfo

from usage.filters import UsageFilter
from usage.queries import percentiles, rows, sums
from usage.queries.buckets import Run, buckets, one_bucket
from usage.queries.covering import (
    cover,
    histograms_of,
    rollups_of,
    signed_ranges,
    smallest_grouping,
)
from usage.queries.figures import Bucket, Figures, Part, added
from usage.queries.percentiles import Distributions
from usage.queries.reach import MOST_ROWS, TooManyRows, index_for
from usage.queries.rows import Rows
from usage.queries.scope import Holdings, moment_of, scope_of
from usage.queries.sums import Dimensions, Sums
from usage.rollups.declarations import OFFER, Grouping

MOST_ROWS_FOR_PERCENTILES = 5_000
_HISTOGRAMS = [histograms_of(column) for column in percentiles.COLUMNS]

Key = TypeVar("Key", bound=Hashable)


class Reading:
    """The parts of one period, all of which count the same rows.

    `dimensions` are the columns to group by.
    """

    def __init__(
        self,
        usage: UsageFilter,
        held: Holdings,
        dimensions: Collection[str] = (),
        *,
        with_percentiles: bool = False,
    ) -> None:
        self._usage = usage
        self._held = held
        self._for_all = smallest_grouping(usage.dimensions)
        self._grouping_for = {
            name: smallest_grouping({name, *usage.dimensions}) for name in dimensions
        }
        self._has_histograms = usage.dimensions <= set(OFFER.dimensions)
        used = [rollups_of(each) for each in (self._for_all, *self._grouping_for.values())]
        if with_percentiles and self._has_histograms:
            used += _HISTOGRAMS
        # Where rows were purged, all parts begin and end with buckets that each of them has.
        self.scope = scope_of(usage.period, held, max(min(numbers) for numbers in used))
        self._whole = one_bucket(self.scope.begin, self.scope.end)

    def totals(self) -> Figures:
        return added(chain.from_iterable(self._by_series(self._for_all).values()))

    def by(self) -> dict[str, list[Part]]:
        """The parts by each of the dimensions."""
        found = {each: self._by_series(each) for each in set(self._grouping_for.values())}
        return {
            name: _parts(found[grouping], grouping.dimensions.index(name))
            for name, grouping in self._grouping_for.items()
        }

    def series(self, interval: str, zone: ZoneInfo) -> list[Bucket]:
        """Those buckets that have requests, ascending. TooManyRows where no sums are as fine."""
        runs = buckets(self.scope.begin, self.scope.end, interval, zone)
        covered = cover(runs, rollups_of(self._for_all), self._held.purged_until)
        found = [sums.by_bucket(covered.sums, sums.series_of(self._for_all, self._usage))]
        found += [rows.by_bucket(each) for each in self._summed_rows(covered.rows)]
        found += [
            rows.in_buckets(rows.by_bucket(each), runs)
            for each in self._unsummed_rows(rows.unit_of(runs))
        ]
        by_begin = gathered(chain.from_iterable(found))
        series = ((begin, added(by_begin[begin])) for begin in sorted(by_begin))
        return [Bucket(moment_of(begin), figures) for begin, figures in series if figures.requests]

    def distributions(self) -> Distributions:
        """Empty where only rows could tell, and they were purged or are too many."""
        found = Distributions()
        try:
            if self._has_histograms:
                self._read_histograms(found)
            elif max(self.scope.begin, self._held.begin) >= self._held.purged_until:
                for each in self._summed_rows(self._whole, MOST_ROWS_FOR_PERCENTILES):
                    found.add_rows(each, exactly=True)
                for each in self._unsummed_rows():
                    found.add_rows(each)
        except TooManyRows:
            return Distributions()
        return found

    def _by_series(self, grouping: Grouping) -> dict[Dimensions, list[Sums]]:
        covered = cover(self._whole, rollups_of(grouping), self._held.purged_until)
        found = [sums.by_series(covered.sums, sums.series_of(grouping, self._usage))]
        found += [
            rows.by_dimensions(each, grouping.dimensions)
            for each in [*self._summed_rows(covered.rows), *self._unsummed_rows()]
        ]
        return gathered(chain.from_iterable(found))

    def _read_histograms(self, found: Distributions) -> None:
        purged_until = self._held.purged_until
        runs: defaultdict[int, list[Run]] = defaultdict(list)
        ends = (self.scope.begin, self.scope.end)
        for times, *range_ in signed_ranges(*ends, _HISTOGRAMS[0], purged_until):
            runs[times] += one_bucket(*range_)
        given = []
        for times, some in runs.items():
            for place, numbers in enumerate(_HISTOGRAMS):  # of the same widths, so of the same rows
                covered = cover(some, numbers, purged_until)
                given += [(each, place, times) for each in covered.sums]
            for rows_there in self._summed_rows(covered.rows):
                found.add_rows(rows_there, times)
        found.add_histograms(given, sums.series_of(OFFER, self._usage))
        for rows_there in self._unsummed_rows():
            found.add_rows(rows_there)

    def _summed_rows(self, runs: Sequence[Run], most: int = MOST_ROWS) -> list[Rows]:
        if not runs:
            return []
        return [rows.summed_rows(runs, self._usage, index_for(runs, self._usage, most))]

    def _unsummed_rows(self, unit: int = 1) -> list[Rows]:
        if not (self._held.has_unsummed and self._whole):
            return []
        return [rows.unsummed_rows(self.scope, self._usage, unit)]


def gathered(found: Iterable[tuple[Key, Sums]]) -> dict[Key, list[Sums]]:
    gathered: defaultdict[Key, list[Sums]] = defaultdict(list)
    for key, values in found:
        gathered[key].append(values)
    return gathered


def _parts(by_series: dict[Dimensions, list[Sums]], place: int) -> list[Part]:
    """By one of the dimensions: most tokens first, then by name."""
    by_name = gathered((key[place], values) for key, some in by_series.items() for values in some)
    parts = [Part(name, added(values)) for name, values in by_name.items()]
    return sorted(
        (part for part in parts if part.figures.requests),
        key=lambda part: (-part.figures.tokens, part.name),
    )
