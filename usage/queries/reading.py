"""Reads one period: sums where they cover it, raw rows where they do not."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import TypeVar
from zoneinfo import ZoneInfo

from usage.asking.filters import UsageFilter
from usage.periods import UTC
from usage.queries import turns
from usage.queries.basis import Bases, Basis
from usage.queries.bound import MOST_BUCKETS, bounded_ranges, portions, require_short
from usage.queries.bucket_percentiles import BucketPercentiles
from usage.queries.buckets import Run, buckets, one_bucket
from usage.queries.covered import Covered, Coverer
from usage.queries.figures import Bucket, By, NamedSeries, Part, added
from usage.queries.knowledge import Knowledge
from usage.queries.matching import SeriesLookup
from usage.queries.microseconds import moment_of
from usage.queries.naming import naming_of
from usage.queries.occupied import Range
from usage.queries.percentile_plan import HISTOGRAMS, PercentilePlan, are_in_histograms
from usage.queries.reach import Reach, TooManyRowsToRead
from usage.queries.rests import ByNames, rests, with_rest
from usage.queries.row_plan import RowPlan
from usage.queries.row_reading import Found
from usage.queries.rows import Made, Use, all_pieces
from usage.queries.scope import Holdings, scope_of
from usage.queries.splitting import together, without
from usage.queries.still_filling import SumsStillLackRows
from usage.queries.sums import Dimensions
from usage.queries.waiting import MOST_READ, require_few
from usage.rollups.declarations import OFFER, Grouping
from usage.rollups.measures import Figures, Sums

Key = TypeVar("Key", bound=Hashable)


class Reading:
    """The parts of one period, all of which count the same rows.

    `group_by` says by what parts are told, `every` has the interval and zone of the buckets of a
    series, and `split` by what and into how many parts that is split as well.
    What there is to read is found out first: `cost` is in rows of sums, and too much is refused
    before any is read. TooManyRowsToRead where no sums are as fine as the parts, TooManyBuckets,
    TooManyWaiting where too many rows are in no sums yet.
    """

    def __init__(  # noqa: PLR0913  # all that one reading has at once
        self,
        wanted: UsageFilter,
        held: Holdings,
        group_by: Collection[By] = (),
        *,
        every: tuple[str, ZoneInfo] | None = None,
        split: tuple[str, int] | None = None,
        with_percentiles: bool = False,
        percentiles_by_bucket: bool = False,
        lookup: SeriesLookup | None = None,
    ) -> None:
        self._wanted = wanted
        self._held = held
        self._naming = naming_of(wanted, held.renamed)
        self._of_sums = self._naming.wanted_of_sums
        self._group_by = tuple(group_by)
        all_bases = Bases(wanted, [name for name in self._naming.apart if not held.is_filled(name)])
        self._for_all = all_bases.of()
        self._rest_of = rests(all_bases, self._group_by)
        wholes = self._rest_of.values()
        self._basis_for = {by: all_bases.of(by) for by in (*self._group_by, *wholes)}
        has_histograms = are_in_histograms(wanted)
        has_histograms = has_histograms and (with_percentiles or percentiles_by_bucket)
        bases = dict.fromkeys(self._basis_for.values()) or {self._for_all: None}
        self._used = tuple(dict.fromkeys((self._for_all, *bases)))
        used = [numbers for each in self._used if (numbers := each.numbers)]
        used += HISTOGRAMS if has_histograms else []
        # Where rows were purged, all parts begin and end with buckets that each of them has.
        grain = max((min(numbers) for numbers in used), default=1)
        self.scope = scope_of(wanted.period, held, grain)
        self._knowledge = Knowledge(held, grain)
        if held.unsummed > MOST_READ:
            require_few(moment_of(self.scope.begin), moment_of(self.scope.end))
        self._whole = one_bucket(self.scope.begin, self.scope.end)

        self._lookup = lookup or SeriesLookup()
        self._coverer = Coverer(self._of_sums, held.purged_until, self._knowledge, self._lookup)
        self._coverer.look_up([*self._used, *([Basis(OFFER)] if has_histograms else [])])
        self._reach = Reach(wanted, self._lookup)
        self._others = self._reach_of_others()
        self._parts = {each: self._part(each) for each in bases}
        self._every = every or ("hour", UTC)
        self._split_by, self._most_series = split or ("", 0)
        self._split_basis = all_bases.of([self._split_by]) if split else None
        self._is_split_whole = not split or all_bases.is_whole([self._split_by])
        runs = self._bucket_runs(*self._every) if every else []
        self._buckets = self._all_buckets(runs) if every else None
        self._split = self._split_buckets(runs, self._split_basis) if self._split_basis else None
        self.percentiles = self._percentiles() if with_percentiles else None
        self.by_bucket = self._percentiles_of(runs) if percentiles_by_bucket else None
        self._plan = self._row_plan([use for use in self._uses() if use is not None])
        self.cost = self._cost()

    def totals(self) -> Figures:
        """Of a reading without parts."""
        return added(chain.from_iterable(self._by_dimensions(self._for_all).values()))

    @cached_property
    def parts(self) -> dict[By, list[Part]]:
        """Those that have requests, by each of what was asked for."""
        sums_of = {basis: self._by_dimensions(basis) for basis in self._parts}
        found = {
            by: _by_names(sums_of[basis], [self._names(basis).index(name) for name in by])
            for by, basis in self._basis_for.items()
        }
        for by, whole in self._rest_of.items():
            found[by] = with_rest(found[by], by, found[whole], whole)
        return {
            by: [Part(names, some) for names, some in found[by].items() if some.requests]
            for by in self._group_by
        }

    @property
    def unknown_before(self) -> dt.datetime | None:
        """Before when not all rows are known by what the question names, since some were purged
        that were in no such sums; None where all are."""
        moment = self._knowledge.unknown_before(_groupings(self._used), self.scope)
        return None if moment is None else moment_of(moment)

    @cached_property
    def series(self) -> list[Bucket]:
        """Those buckets that have requests, ascending."""
        if self._buckets is None:
            return []
        return _series(self._buckets, self.rows, *self._every)

    def split_series(self, names: Sequence[str]) -> list[NamedSeries]:
        """Of each of these parts, and of all others together where there is anything of them."""
        if self._split is None:
            return []
        found: dict[str, dict[int, list[Sums]]] = {name: defaultdict(list) for name in names}
        summed = self._split.of_names(self._split_by, names).by_bucket(
            *self._every, [self._split_by]
        )
        for (begin, (name,)), values in chain(summed, self.rows[self._split.use]):
            if name in found:
                found[name][begin].append(values)
        series = {name: _in_order(found[name]) for name in names}
        if "" in series and not self._is_split_whole:
            rest = without(self.series, [_series(self._split, self.rows, *self._every)])
            series[""] = together([series[""], rest])
        others = without(self.series, list(series.values()))
        told = [NamedSeries(name, some) for name, some in series.items()]
        return [*told, NamedSeries("", others, are_others=True)] if others else told

    def hours(self) -> Iterator[list[Bucket]]:
        """All hours of UTC that have requests, ascending, read some thousand at a time."""
        for ranges in portions(self.scope, self._held):
            runs = _runs(ranges, "hour", UTC)
            covered = self._coverer.covered(runs, self._for_all, Made.BUCKETS)
            plan = self._row_plan([covered.use])
            rows = plan.read(with_unsummed=bool(self._held.unsummed))
            yield _series(covered, rows, "hour", UTC)

    @cached_property
    def rows(self) -> dict[Use, Found]:
        """What all parts are made of that no sums cover, read at once."""
        return self._plan.read(with_unsummed=bool(self._held.unsummed))

    def _by_dimensions(self, basis: Basis) -> dict[Dimensions, list[Sums]]:
        covered = self._parts[basis]
        found = covered.by_dimensions(self._names(basis))
        return gathered(chain(found, self.rows[covered.use]))

    def _names(self, basis: Basis) -> tuple[str, ...]:
        """The dimensions whose parts come from there."""
        some = (by for by, each in self._basis_for.items() if each == basis)
        return tuple(dict.fromkeys(chain.from_iterable(some)))

    def _part(self, basis: Basis) -> Covered:
        return self._coverer.covered(self._whole, basis, Made.PARTS, self._names(basis))

    def _bucket_runs(self, interval: str, zone: ZoneInfo) -> list[Run]:
        require_short(self._wanted.period, self._held, interval)
        bases = [self._for_all, *([self._split_basis] if self._split_basis else [])]
        grain = max(min(each.numbers, default=1) for each in bases)
        series = 1 + (self._most_split() if self._split_by else 0)
        ranges = bounded_ranges(self.scope, self._held, interval, zone, grain, series)
        return _runs(ranges, interval, zone)

    def _most_split(self) -> int:
        """How many series there can be besides that of all: of names, and of all other names."""
        basis = self._split_basis
        if basis is None or basis.less or not basis.numbers:
            return self._most_series + 1
        names = self._lookup.of(basis.grouping, self._of_sums).number + self._held.unsummed
        return min(self._most_series, names) + 1

    def _all_buckets(self, runs: list[Run]) -> Covered:
        basis = self._for_all
        return self._coverer.covered(runs, basis, Made.BUCKETS, split_as=self._split_basis)

    def _split_buckets(self, runs: list[Run], basis: Basis) -> Covered:
        return self._coverer.covered(runs, basis, Made.BUCKETS, (self._split_by,))

    def _percentiles(self) -> PercentilePlan:
        found = PercentilePlan(self._wanted, self._held, self.scope, self._naming, self._lookup)
        found.decide(self._reach, self._others[1] if self._others else 0)
        return found

    def _percentiles_of(self, runs: list[Run]) -> BucketPercentiles:
        has_histograms = are_in_histograms(self._wanted)
        series = self._lookup.of(OFFER, self._of_sums) if has_histograms else None
        found = BucketPercentiles(runs, self._held, series)
        found.decide(self._reach, self._others[1] if self._others else 0)
        return found

    def _uses(self) -> Iterator[Use | None]:
        """What raw rows are read for."""
        yield from (part.use for part in self._parts.values())
        yield self._buckets.use if self._buckets else None
        yield self._split.use if self._split else None
        yield self.percentiles.use if self.percentiles else None
        yield self.by_bucket.use if self.by_bucket else None

    def _row_plan(self, uses: list[Use]) -> RowPlan:
        try:
            return RowPlan(uses, self._wanted, self._naming, self._reach, self._others)
        except TooManyRowsToRead:
            if self._knowledge.is_to_be_filled(_groupings(self._used)):
                raise SumsStillLackRows from None
            raise

    def _cost(self) -> int:
        cost = sum(part.cost for part in self._parts.values()) + turns.ROW * self._plan.count
        if self._buckets:
            starts = sum(len(run.starts) for run in self._buckets.use.runs)
            cost += self._buckets.cost + turns.BUCKET * min(MOST_BUCKETS, starts)
        cost += self._split.cost if self._split else 0
        cost += turns.ROW * min(MOST_READ, self._held.unsummed)
        return cost + sum(each.cost for each in (self.percentiles, self.by_bucket) if each)

    def _reach_of_others(self) -> tuple[str, int] | None:
        """The index that leads to rows which count as (other) where the question names them."""
        if not (self._naming.apart and self._whole):
            return None
        pieces = all_pieces([Use(Made.PARTS, self._whole, [])])
        return self._reach.index_for_others(pieces, self._naming)


def _series(
    covered: Covered, rows: dict[Use, Found], interval: str, zone: ZoneInfo
) -> list[Bucket]:
    found = chain(covered.by_bucket(interval, zone), rows[covered.use])
    return _in_order(gathered((begin, values) for (begin, _), values in found))


def _in_order(by_begin: dict[int, list[Sums]]) -> list[Bucket]:
    series = ((begin, added(by_begin[begin])) for begin in sorted(by_begin))
    return [Bucket(moment_of(begin), figures) for begin, figures in series if figures.requests]


def _groupings(bases: Iterable[Basis]) -> list[Grouping]:
    return [grouping for basis in bases for grouping in basis if grouping is not None]


def _runs(ranges: Iterable[Range], interval: str, zone: ZoneInfo) -> list[Run]:
    return [run for each in ranges for run in buckets(*each, interval, zone)]


def gathered(found: Iterable[tuple[Key, Sums]]) -> dict[Key, list[Sums]]:
    gathered: defaultdict[Key, list[Sums]] = defaultdict(list)
    for key, values in found:
        gathered[key].append(values)
    return gathered


def _by_names(sums_of: dict[Dimensions, list[Sums]], places: Sequence[int]) -> ByNames:
    """By the dimensions in those places."""
    by_names = gathered(
        (tuple(key[place] for place in places), values)
        for key, some in sums_of.items()
        for values in some
    )
    return {names: added(values) for names, values in by_names.items()}
