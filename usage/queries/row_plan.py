"""Which raw rows a question needs, found out before any is read; then each is read once."""

from collections.abc import Sequence

from usage.asking.filters import UsageFilter
from usage.queries.buckets import BucketFinder
from usage.queries.naming import Naming
from usage.queries.reach import Reach
from usage.queries.row_reading import Found, read_rows
from usage.queries.rows import (
    Made,
    Rows,
    Use,
    all_pieces,
    pieces_left,
    summed_rows,
    unit_of,
    unsummed_rows,
)


class RowPlan:
    """The raw rows of some uses: `count` is how many they are at most, besides those few that are
    always read, and those that no sums hold yet."""

    def __init__(
        self,
        uses: Sequence[Use],
        wanted: UsageFilter,
        naming: Naming,
        reach: Reach,
        others: tuple[str, int] | None,
    ) -> None:
        """`others` is the index that leads to rows which count as (other) where the question
        names them, and how many those are. TooManyRowsToRead."""
        self._uses = uses
        self._wanted = wanted
        self._naming = naming
        self._planned: list[Rows] = []
        self.count = 0
        if left := pieces_left(uses):
            index, count = reach.index_for(left)
            condition = f"AND NOT {naming.is_other}" if others else ""
            self._planned.append(summed_rows(left, wanted, index, condition))
            self.count += count
        if others and (pieces := all_pieces(uses)):
            index, count = others
            condition = f"AND {naming.is_other}"
            self._planned.append(summed_rows(pieces, naming.wanted_of_others, index, condition))
            self.count += count

    def read(self, *, with_unsummed: bool) -> dict[Use, Found]:
        """What is made of them for each use."""
        found: dict[Use, Found] = {use: [] for use in self._uses}
        for rows in self._planned:
            for use, some in zip(
                self._uses, read_rows(rows, self._uses, self._naming), strict=True
            ):
                found[use] += some
        if with_unsummed and any(use.runs for use in self._uses):
            for use, some in zip(self._uses, self._unsummed(), strict=True):
                found[use] += some
        return found

    def _unsummed(self) -> list[Found]:
        """Of the rows that no sums hold yet."""
        uses = self._uses
        bucketed = next((use.runs for use in uses if use.has_buckets), [])
        begin = min(use.runs[0].begin for use in uses if use.runs)
        end = max(use.runs[-1].end for use in uses if use.runs)
        rows = unsummed_rows(begin, end, self._wanted, unit_of(bucketed), len(uses))
        found = read_rows(rows, uses, self._naming)
        if not bucketed:
            return found
        finder = BucketFinder(bucketed)
        return [_in_buckets(use, some, finder) for use, some in zip(uses, found, strict=True)]


def _in_buckets(use: Use, found: Found, finder: BucketFinder) -> Found:
    """With the begins of buckets in the place of those of units."""
    if use.by_bucket:
        return [(finder.begin_of_bucket(begin), counts) for begin, counts in found]
    if use.made is not Made.BUCKETS:
        return found
    return [((finder.begin_of_bucket(begin), names), sums) for (begin, names), sums in found]
