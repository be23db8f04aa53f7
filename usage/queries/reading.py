"""Reads one period: sums where they cover it, raw rows where they do not."""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from usage.asking.filters import UsageFilter
from usage.periods import UTC
from usage.queries import percentiles, rows, sums, turns
from usage.queries.bound import MOST_BUCKETS, bounded_ranges, portions
from usage.queries.buckets import Run, buckets, one_bucket
from usage.queries.covering import (
    Stretch,
    cover,
    histograms_of,
    rollups_of,
    signed_ranges,
    smallest_grouping,
)
from usage.queries.figures import Bucket, Part, added
from usage.queries.naming import naming_of
from usage.queries.occupied import Range
from usage.queries.percentiles import Distributions
from usage.queries.reach import MOST_ROWS, TooManyRowsToRead, index_for, index_for_others
from usage.queries.rows import Rows
from usage.queries.scope import Holdings, moment_of, scope_of
from usage.queries.sums import Dimensions, Series, SumsToRead
from usage.queries.waiting import MOST_READ, require_few
from usage.rollups.declarations import OFFER, Grouping
from usage.rollups.measures import Figures, Sums

MOST_ROWS_FOR_PERCENTILES = 5_000
_HISTOGRAMS = [histograms_of(column) for column in percentiles.COLUMNS]

Key = TypeVar("Key", bound=Hashable)


class Binned(NamedTuple):
    """Ranges to be counted `times` over (-1 takes away): in histograms, and in raw rows."""

    times: int
    stretches: list[tuple[Stretch, int, int]]  # with the column's place, and the times again
    rows: list[Run]
    cost: int


class Covered(NamedTuple):
    """Where some runs are read from, and what that costs in rows of sums."""

    runs: list[Run]
    sums: SumsToRead
    rows: list[Rows]
    cost: int


class Reading:
    """The parts of one period, all of which count the same rows.

    `dimensions` are the columns to group by. What there is to read is found out first: `cost` is
    in rows of sums, and too much is refused before any is read. TooManyRowsToRead where no sums
    are as fine as the parts, TooManyWaiting where too many rows are in no sums yet.
    """

    def __init__(
        self,
        wanted: UsageFilter,
        held: Holdings,
        dimensions: Collection[str] = (),
        *,
        with_percentiles: bool = False,
    ) -> None:
        self._wanted = wanted
        self._held = held
        self._series: dict[Grouping, Series] = {}
        self._naming = naming_of(wanted, held.renamed)
        self._for_all = smallest_grouping(wanted.dimensions)
        self._grouping_for = {
            name: smallest_grouping({name, *wanted.dimensions}) for name in dimensions
        }
        self._has_histograms = wanted.dimensions <= set(OFFER.dimensions)
        used = [rollups_of(each) for each in (self._for_all, *self._grouping_for.values())]
        if with_percentiles and self._has_histograms:
            used += _HISTOGRAMS
        # Where rows were purged, all parts begin and end with buckets that each of them has.
        self.scope = scope_of(wanted.period, held, max(min(numbers) for numbers in used))
        if held.unsummed > MOST_READ:
            require_few(moment_of(self.scope.begin), moment_of(self.scope.end))
        self._whole = one_bucket(self.scope.begin, self.scope.end)
        self._others = self._reach_of_others()
        groupings = {*self._grouping_for.values()} or {self._for_all}
        self._parts = {each: self._covered(self._whole, each) for each in groupings}
        self._histograms = self._binned() if with_percentiles and self._has_histograms else []
        self.cost = sum(part.cost for part in self._parts.values())
        self.cost += sum(part.cost for part in self._histograms)

    def totals(self) -> Figures:
        return added(chain.from_iterable(self._by_dimensions(self._for_all, ()).values()))

    def by(self) -> dict[str, list[Part]]:
        """The parts by each of the dimensions."""
        found: dict[str, list[Part]] = {}
        for grouping in self._parts:
            names = [name for name, each in self._grouping_for.items() if each is grouping]
            sums_of = self._by_dimensions(grouping, names)
            found |= {name: _parts(sums_of, place) for place, name in enumerate(names)}
        return found

    def expected_series(self, interval: str, zone: ZoneInfo) -> Covered:
        """What `series` is to read. TooManyBuckets, TooManyRowsToRead where no sums are as fine."""
        grain = min(rollups_of(self._for_all))
        ranges = bounded_ranges(self.scope, self._held, interval, zone, grain)
        expected = self._covered(_runs(ranges, interval, zone), self._for_all)
        buckets = min(MOST_BUCKETS, sum(len(run.starts) for run in expected.runs))
        return expected._replace(cost=expected.cost + turns.BUCKET * buckets)

    def series(self, expected: Covered) -> list[Bucket]:
        """Those buckets that have requests, ascending."""
        found = [sums.by_bucket(expected.sums)]
        found += [rows.by_bucket(each) for each in expected.rows]
        found += [
            rows.in_buckets(rows.by_bucket(each), expected.runs)
            for each in self._unsummed_rows(expected.runs)
        ]
        by_begin = gathered(chain.from_iterable(found))
        series = ((begin, added(by_begin[begin])) for begin in sorted(by_begin))
        return [Bucket(moment_of(begin), figures) for begin, figures in series if figures.requests]

    def hours(self) -> Iterator[list[Bucket]]:
        """All hours of UTC that have requests, ascending, read some thousand at a time."""
        for ranges in portions(self.scope, self._held):
            yield self.series(self._covered(_runs(ranges, "hour", UTC), self._for_all))

    def distributions(self) -> Distributions:
        """Empty where only rows could tell, and they were purged or are too many."""
        found = Distributions()
        try:
            if self._has_histograms:
                self._read_histograms(found)
            elif max(self.scope.begin, self._held.begin) >= self._held.purged_until:
                others = self._rows_of_others(self._whole)
                most = MOST_ROWS_FOR_PERCENTILES - sum(count for _, count in others)
                for each, _ in [*self._summed_rows(self._whole, most), *others]:
                    found.add_rows(each, self._naming, exactly=True)
                for each in self._unsummed_rows(self._whole):
                    found.add_rows(each, self._naming)
        except TooManyRowsToRead:
            return Distributions()
        return found

    def _by_dimensions(
        self, grouping: Grouping, names: Sequence[str]
    ) -> dict[Dimensions, list[Sums]]:
        covered = self._parts[grouping]
        found = [sums.by_dimensions(covered.sums, names)]
        found += [
            rows.by_dimensions(each, names, self._naming)
            for each in [*covered.rows, *self._unsummed_rows(self._whole)]
        ]
        return gathered(chain.from_iterable(found))

    def _covered(self, runs: list[Run], grouping: Grouping) -> Covered:
        covered = cover(runs, rollups_of(grouping), self._held.purged_until)
        source = sums.source_of(covered.sums, self._series_in(grouping))
        found = [*self._summed_rows(covered.rows), *self._rows_of_others(runs)]
        cost = source.cost + turns.ROW * sum(count for _, count in found)
        cost += turns.ROW * min(MOST_READ, self._held.unsummed)
        return Covered(runs, source, [each for each, _ in found], cost)

    def _series_in(self, grouping: Grouping) -> Series:
        if grouping not in self._series:
            self._series[grouping] = sums.series_of(grouping, self._wanted)
        return self._series[grouping]

    def _read_histograms(self, found: Distributions) -> None:
        for part in self._histograms:
            for rows_there, _ in self._summed_rows(part.rows):
                found.add_rows(rows_there, self._naming, part.times)
        for rows_there, _ in self._rows_of_others(self._whole):
            found.add_rows(rows_there, self._naming)
        given = [stretch for part in self._histograms for stretch in part.stretches]
        found.add_histograms(given, self._series_in(OFFER))
        for rows_there in self._unsummed_rows(self._whole):
            found.add_rows(rows_there, self._naming)

    def _binned(self) -> list[Binned]:
        purged_until = self._held.purged_until
        runs: defaultdict[int, list[Run]] = defaultdict(list)
        ends = (self.scope.begin, self.scope.end)
        for times, *range_ in signed_ranges(*ends, _HISTOGRAMS[0], purged_until):
            runs[times] += one_bucket(*range_)
        found = []
        for times, some in runs.items():
            # Histograms of the two columns have the same widths, so they leave the same rows.
            covers = [cover(some, numbers, purged_until) for numbers in _HISTOGRAMS]
            stretches = [
                (each, place, times) for place, part in enumerate(covers) for each in part.sums
            ]
            cost = percentiles.rows_at_most([each for each, _, _ in stretches])
            cost *= self._series_in(OFFER).number
            found.append(Binned(times, stretches, covers[0].rows, cost))
        return found

    def _summed_rows(self, runs: Sequence[Run], most: int = MOST_ROWS) -> list[tuple[Rows, int]]:
        """The raw rows of the runs that the sums hold, and the most that there can be of them.

        That is 0 for a range so short that it is always read.
        """
        if not runs:
            return []
        index, count = index_for(runs, self._wanted, most)
        condition = f"AND NOT {self._naming.is_other}" if self._others else ""
        return [(rows.summed_rows(runs, self._wanted, index, condition), count)]

    def _reach_of_others(self) -> tuple[str, int] | None:
        """The index that leads to rows which count as (other) where the question names them."""
        if not (self._naming.apart and self._whole):
            return None
        return index_for_others(self._whole, self._naming)

    def _rows_of_others(self, runs: Sequence[Run]) -> list[tuple[Rows, int]]:
        """And how many there are."""
        if not (self._others and runs):
            return []
        index, count = self._others
        condition = f"AND {self._naming.is_other}"
        return [(rows.summed_rows(runs, self._naming.wanted_of_others, index, condition), count)]

    def _unsummed_rows(self, runs: Sequence[Run]) -> list[Rows]:
        """Those from the first run to the last."""
        if not (self._held.unsummed and runs):
            return []
        scope = replace(self.scope, begin=runs[0].begin, end=runs[-1].end)
        return [rows.unsummed_rows(scope, self._wanted, rows.unit_of(runs))]


def _runs(ranges: Iterable[Range], interval: str, zone: ZoneInfo) -> list[Run]:
    return [run for each in ranges for run in buckets(*each, interval, zone)]


def gathered(found: Iterable[tuple[Key, Sums]]) -> dict[Key, list[Sums]]:
    gathered: defaultdict[Key, list[Sums]] = defaultdict(list)
    for key, values in found:
        gathered[key].append(values)
    return gathered


def _parts(sums_of: dict[Dimensions, list[Sums]], place: int) -> list[Part]:
    """By one of the dimensions: most tokens first, then by name."""
    by_name = gathered((key[place], values) for key, some in sums_of.items() for values in some)
    parts = [Part(name, added(values)) for name, values in by_name.items()]
    return sorted(
        (part for part in parts if part.figures.requests),
        key=lambda part: (-part.figures.tokens, part.name),
    )
