"""Which sums a question is answered from, by what it names.

Rows that lack a user, team, … are in no sums by these. Where a filter takes them, the answer is
what all rows have, less the sums of those that have a value which the filter does not take.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple

from usage.asking.filters import UsageFilter
from usage.queries.covering import Numbers, rollups_of, smallest_grouping
from usage.rollups.declarations import NO_SUMS, OPTIONAL, Grouping


class Basis(NamedTuple):
    """The sums of a grouping, less some of another one's; NO_SUMS where only rows tell."""

    grouping: Grouping
    less: Grouping | None = None

    @property
    def numbers(self) -> Numbers:
        """Of the rollups, in widths that both have."""
        numbers = rollups_of(self.grouping)
        if self.less is None:
            return numbers
        widths = rollups_of(self.less)
        return {width: number for width, number in numbers.items() if width in widths}


ROWS_ALONE = Basis(NO_SUMS)


class Bases:
    """Of the answers to one filter. Of `unsure` dimensions sums cannot tell what is to be taken
    off, since they lack rows and the filter names what counts as (other)."""

    def __init__(self, wanted: UsageFilter, unsure: Collection[str] = ()) -> None:
        self._dimensions = wanted.dimensions
        self._lacking = wanted_without(wanted)
        self._can_take_off = len(self._lacking) <= 1 and not self._lacking & set(unsure)

    def of(self, named: Collection[str] = ()) -> Basis:
        """Of an answer that tells the named dimensions apart."""
        dimensions = {*self._dimensions, *named}
        grouping = smallest_grouping(dimensions)
        if grouping is NO_SUMS or not self._can_take_off:
            return ROWS_ALONE
        if self._lacking <= set(named):
            return Basis(grouping)
        return Basis(smallest_grouping(dimensions - self._lacking), grouping)

    def is_whole(self, named: Collection[str]) -> bool:
        """Whether parts are all that the filter counts: not where rows need not have what they are
        told by, nor where only rows tell and a purge may have taken some."""
        basis = self.of(named)
        if basis == ROWS_ALONE:
            return self.of() == ROWS_ALONE
        only_with = basis.grouping.only_with
        return not only_with or only_with in self._dimensions - self._lacking


def wanted_without(wanted: UsageFilter) -> set[str]:
    """The optional dimensions by which a filter restricts, of which it takes rows without any."""
    return {
        name
        for name in wanted.dimensions & OPTIONAL
        if "" not in wanted.not_of(name) and (not wanted.of(name) or "" in wanted.of(name))
    }


def not_looked_at(wanted: UsageFilter, dimensions: Collection[str]) -> UsageFilter:
    """The filter, without what it says of these dimensions."""
    return replace(
        wanted,
        values={name: some for name, some in wanted.values.items() if name not in dimensions},
        excluded={name: some for name, some in wanted.excluded.items() if name not in dimensions},
    )


def turned_round(wanted: UsageFilter, dimension: str) -> UsageFilter:
    """The filter, but for those named values of a dimension that it does not take."""
    others = not_looked_at(wanted, [dimension])
    asked, left_out = wanted.of(dimension), wanted.not_of(dimension)
    if not asked:
        return others.but({dimension: left_out})
    return others.without({dimension: tuple(each for each in asked if each not in left_out)})
