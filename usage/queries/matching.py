"""Which series a question's sums belong to: looked up once, however often it needs them."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from django.db.models import Count, QuerySet

from usage.asking.filters import UsageFilter
from usage.database.joins import Sql, among
from usage.models import UsageSeries
from usage.rollups.declarations import Grouping

_Counts = Mapping[int, int]  # by token shift
_Values = tuple[tuple[tuple[str, tuple[str, ...]], ...], ...]


class Series(NamedTuple):
    """The series of a grouping that match a filter. They may be too many to be held here."""

    matching: QuerySet[UsageSeries]
    ids: QuerySet[UsageSeries, int]  # read once it is gone through, and kept
    counts: _Counts
    are_all: bool
    of: int  # so many series has the grouping

    @property
    def number(self) -> int:
        return sum(self.counts.values())

    def with_shift(self, shift: int) -> "Series":
        counts = {shift: self.counts.get(shift, 0)}
        if counts == self.counts:
            return self
        return _series(self.matching.filter(token_shift=shift), counts, are_all=False, of=self.of)

    @property
    def numbers(self) -> QuerySet[UsageSeries, Any]:
        """Their ids, to be looked up by the database."""
        return self.matching.order_by().values("id")

    def of_names(self, dimension: str, names: Collection[str]) -> "Series":
        """Those that have one of these values."""
        matching = self.matching.filter(**{f"{dimension}__in": list(names)})
        by_shift = matching.order_by().values_list("token_shift").annotate(Count("id"))
        return _series(matching, dict(by_shift), are_all=False, of=self.of)

    def among(self, column: str) -> Sql:
        """Whether a column names one of them."""
        sql, parameters = self.numbers.query.sql_with_params()
        return among(column, (sql, list(parameters)))


class SeriesLookup:
    """What was looked up for the questions of one moment."""

    def __init__(self) -> None:
        self._all: dict[Grouping, _Counts] = {}
        self._found: dict[tuple[Grouping, _Values], Series] = {}

    def of(self, grouping: Grouping, wanted: UsageFilter) -> Series:
        self.look_up([grouping], wanted)
        return self._found[grouping, _key(wanted)]

    def look_up(self, groupings: Collection[Grouping], wanted: UsageFilter) -> None:
        """Those of the groupings at once that are not known yet."""
        key = _key(wanted)
        new = [each for each in dict.fromkeys(groupings) if (each, key) not in self._found]
        if not new:
            return
        missing = [each for each in new if each not in self._all]
        self._all |= _counts(UsageSeries.objects.all(), missing)
        matching = wanted.series()
        counts = _counts(matching, new) if key else self._all
        for grouping in new:
            self._found[grouping, key] = _series(
                matching.filter(grouping=grouping.name),
                counts[grouping],
                are_all=not key,
                of=sum(self._all[grouping].values()),
            )


def _series(matching: QuerySet[UsageSeries], counts: _Counts, *, are_all: bool, of: int) -> Series:
    return Series(matching, matching.values_list("id", flat=True), counts, are_all, of)


def _key(wanted: UsageFilter) -> _Values:
    """Empty of one that restricts nothing."""
    if not wanted.dimensions:
        return ()
    return tuple(tuple(sorted(some.items())) for some in (wanted.values, wanted.excluded))


def _counts(
    series: QuerySet[UsageSeries], groupings: Collection[Grouping]
) -> dict[Grouping, _Counts]:
    if not groupings:
        return {}
    found: dict[str, dict[int, int]] = {each.name: {} for each in groupings}
    some = series.filter(grouping__in=list(found)).order_by()
    for name, shift, count in some.values_list("grouping", "token_shift").annotate(Count("id")):
        found[name][shift] = count
    return {each: found[each.name] for each in groupings}
