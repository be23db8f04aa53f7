"""Some runs of a question, made of sums, of sums that are taken off, and of raw rows."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

from usage.asking.filters import UsageFilter
from usage.queries import sums
from usage.queries.basis import Basis, not_looked_at, turned_round, wanted_without
from usage.queries.buckets import Run
from usage.queries.covering import Cover, Stretch, Unfilled, cover, rollups_of, widened
from usage.queries.knowledge import Knowledge
from usage.queries.matching import SeriesLookup
from usage.queries.microseconds import FIRST, LAST
from usage.queries.rows import Made, Use
from usage.queries.sums import Dimensions, SumsToRead
from usage.queries.time_series import time_series
from usage.rollups.measures import Sums


class Covered(NamedTuple):
    """What some runs are made of: sums, those that are taken off, and a use of raw rows."""

    sums: SumsToRead
    less: SumsToRead | None
    use: Use

    @property
    def cost(self) -> int:
        """In rows of sums."""
        return self.sums.cost + (self.less.cost if self.less else 0)

    def by_dimensions(self, names: Sequence[str]) -> Iterator[tuple[Dimensions, Sums]]:
        """Of the sums; add what comes twice."""
        yield from sums.by_dimensions(self.sums, names)
        if self.less is not None:
            for key, values in sums.by_dimensions(self.less, names):
                yield key, _negated(values)

    def by_bucket(
        self, interval: str, zone: ZoneInfo, names: Sequence[str] = ()
    ) -> Iterator[tuple[tuple[int, Dimensions], Sums]]:
        """Likewise, by begin of the bucket in microseconds and by these dimensions."""
        return time_series(self.sums, interval, zone, names, self.less)

    def of_names(self, dimension: str, names: Collection[str]) -> Self:
        """The same with those sums alone that have one of these values."""
        some, less = (
            each and sums.source_of(each.stretches, each.series.of_names(dimension, names))
            for each in (self.sums, self.less)
        )
        assert some is not None
        return self._replace(sums=some, less=less)


class Coverer:
    """Finds out what runs are made of; `wanted` are the series of the sums."""

    def __init__(
        self, wanted: UsageFilter, purged_until: int, knowledge: Knowledge, lookup: SeriesLookup
    ) -> None:
        self._wanted = wanted
        self._purged_until = purged_until
        self._knowledge = knowledge
        self._lookup = lookup

    def look_up(self, bases: Sequence[Basis]) -> None:
        """The series of all of them at once."""
        self._lookup.look_up([each.grouping for each in bases if not each.less], self._wanted)

    def covered(
        self,
        runs: list[Run],
        basis: Basis,
        made: Made,
        names: tuple[str, ...] = (),
        split_as: Basis | None = None,
    ) -> Covered:
        """Where they are to be split, rows that were purged count in the buckets of that basis."""
        unfilled = self._knowledge.unfilled(basis.less or basis.grouping)
        found = self._cover(runs, basis, unfilled, split_as)
        use = Use(made, runs, [(run, 1) for run in found.rows], names)
        if basis.less is None:
            series = self._lookup.of(basis.grouping, self._wanted)
            return Covered(sums.source_of(found.sums, series), None, use)
        (lacking,) = wanted_without(self._wanted)
        series = self._lookup.of(basis.grouping, not_looked_at(self._wanted, [lacking]))
        others = self._lookup.of(basis.less, turned_round(self._wanted, lacking))
        of_nobody = self._of_nobody(runs, basis, unfilled)
        return Covered(
            sums.source_of([*of_nobody, *found.sums], series),
            sums.source_of(_again(found.sums, basis), others),
            use,
        )

    def _cover(
        self, runs: list[Run], basis: Basis, unfilled: Unfilled | None, split_as: Basis | None
    ) -> Cover:
        numbers = basis.numbers
        grain = min(split_as.numbers, default=0) if split_as else 0
        wide = {width: number for width, number in numbers.items() if width >= grain}
        if wide in (numbers, {}):
            return cover(runs, numbers, self._purged_until, unfilled)
        _, until = widened(0, self._purged_until, grain)
        before = cover(_between(FIRST, until, runs), wide, self._purged_until, unfilled)
        later = cover(_between(until, LAST, runs), numbers, self._purged_until, unfilled)
        return Cover([*before.sums, *later.sums], [*before.rows, *later.rows])

    def _of_nobody(self, runs: list[Run], basis: Basis, unfilled: Unfilled | None) -> list[Stretch]:
        """Before what is to be filled: of purged rows of which nobody knows what they had."""
        if unfilled is None:
            return []
        older = _between(FIRST, unfilled.begin, runs)
        return cover(older, rollups_of(basis.grouping), unfilled.begin).sums


def _between(begin: int, end: int, runs: Iterable[Run]) -> list[Run]:
    """What of the runs lies there."""
    some = (run._replace(begin=max(run.begin, begin), end=min(run.end, end)) for run in runs)
    return [run for run in some if run.begin < run.end]


def _again(stretches: Sequence[Stretch], basis: Basis) -> list[Stretch]:
    """The same stretches, from the sums that are taken off."""
    assert basis.less is not None
    runs = [Run(each.begin, each.end, each.first, each.step) for each in stretches]
    return cover(runs, rollups_of(basis.less), LAST).sums


def _negated(values: Sums) -> Sums:
    return tuple(-value for value in values)
