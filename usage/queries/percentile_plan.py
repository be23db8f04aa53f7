"""What the percentiles of one period are made of: histograms, or rows where these are few."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from usage.asking.filters import UsageFilter
from usage.periods import rfc3339
from usage.queries import percentiles
from usage.queries.buckets import Run, one_bucket
from usage.queries.covering import Stretch, cover, histograms_of, signed_ranges
from usage.queries.figures import Part, Percentiles
from usage.queries.matching import SeriesLookup
from usage.queries.microseconds import moment_of
from usage.queries.naming import Naming
from usage.queries.percentiles import Distributions
from usage.queries.reach import Reach
from usage.queries.row_reading import Found, read_rows
from usage.queries.rows import Made, Use, all_pieces, summed_rows
from usage.queries.scope import Holdings, Scope
from usage.rollups.aggregation import OTHER
from usage.rollups.declarations import HISTOGRAM_COLUMNS, OFFER

MOST_ROWS_FOR_PERCENTILES = 50_000
# So few rows are read even where histograms would do: what they tell is exact.
_FEW_ROWS, _FEW_ROWS_OF_ONE = 2_000, 200
HISTOGRAMS = [histograms_of(column) for column in HISTOGRAM_COLUMNS]
_ONLY_ROWS = (
    f"percentiles of what is asked for by more than {' and '.join(OFFER.dimensions)} come from rows"
)


class Binned(NamedTuple):
    """Stretches of histograms, each with its column's place and how often it counts, and a use of
    raw rows. `cost` is in rows of sums."""

    stretches: list[tuple[Stretch, int, int]]
    use: Use
    cost: int


def are_in_histograms(wanted: UsageFilter) -> bool:
    return wanted.dimensions <= set(OFFER.dimensions)


class PercentilePlan:
    """`use` is what rows are read for, None where there are too many or none are left, and `cost`
    what the histograms cost, in rows of sums."""

    def __init__(
        self,
        wanted: UsageFilter,
        held: Holdings,
        scope: Scope,
        naming: Naming,
        lookup: SeriesLookup,
    ) -> None:
        self._wanted, self._held, self._scope, self._naming = wanted, held, scope, naming
        self._whole = one_bucket(scope.begin, scope.end)
        self._series = (
            lookup.of(OFFER, naming.wanted_of_sums) if are_in_histograms(wanted) else None
        )
        self._binned: Binned | None = None
        self.use: Use | None = None

    def decide(self, reach: Reach, rows_of_others: int) -> None:
        """Between histograms and rows, of which `reach` tells how many there are."""
        most = MOST_ROWS_FOR_PERCENTILES if self._series is None else _FEW_ROWS
        self.use = self._exact_values(reach, most - rows_of_others)
        if self.use is None and self._series is not None:
            self._binned = self._histograms()
            self.use = self._binned.use

    @property
    def cost(self) -> int:
        if self._binned is None or self._series is None:
            return 0
        return self._binned.cost * self._series.number

    def distributions(self, rows: Mapping[Use, Found]) -> Distributions:
        """Empty where only rows could tell; then `note` says why they do not."""
        found = Distributions()
        if self.use is not None:
            found.add_values(rows[self.use])
        if self._binned is not None and self._series is not None:
            found.add_histograms(self._binned.stretches, self._series)
        return found

    def of_few(self, models: Sequence[Part]) -> dict[str, Percentiles]:
        """Exactly those of the models that have the fewest requests, as many as are soon read.

        Of few values the lowest and highest make the percentiles, which histograms blur.
        """
        if self._binned is None or not self._are_rows_in_sums() or self._naming.apart:
            return {}
        few, left = [], _FEW_ROWS
        for part in sorted(models, key=lambda part: part.figures.requests):
            left -= (count := part.figures.requests)
            if left < 0 or count > _FEW_ROWS_OF_ONE:
                break
            if part.name not in ("", OTHER):
                few.append(part)
        if not few:
            return {}
        wanted = self._wanted.but({"model": tuple(part.name for part in few)})
        use = Use(Made.VALUES, self._whole, [], OFFER.dimensions)
        rows = summed_rows(all_pieces([use]), wanted, "idx_model")
        found = Distributions()
        found.add_values(*read_rows(rows, [use], self._naming))
        return found.of_parts("model", few)

    @property
    def note(self) -> str | None:
        """Why there are no percentiles; None where there are, or nothing has them."""
        if self.use is not None or not self._whole:
            return None
        if not self._are_rows_there():
            before = rfc3339(moment_of(self._held.purged_until))
            return f"{_ONLY_ROWS}, and those from before {before} were purged"
        return (
            f"{_ONLY_ROWS}, and more than {MOST_ROWS_FOR_PERCENTILES:,} would have to be read:"
            " narrow `from` and `to`"
        )

    def _are_rows_there(self) -> bool:
        """Whether none in the scope was purged."""
        return max(self._scope.begin, self._held.begin) >= self._held.purged_until

    def _are_rows_in_sums(self) -> bool:
        """And all of them are found by an index."""
        return self._are_rows_there() and not self._held.unsummed

    def _exact_values(self, reach: Reach, most: int) -> Use | None:
        """None where the rows were purged, or are more than that."""
        if not self._whole or not self._are_rows_there():
            return None
        left = [(run, 1) for run in self._whole]
        use = Use(Made.VALUES, self._whole, left, OFFER.dimensions)
        count = reach.count(all_pieces([use])) + self._held.unsummed
        return use if count <= most else None

    def _histograms(self) -> Binned:
        purged_until = self._held.purged_until
        ends = (self._scope.begin, self._scope.end)
        stretches: list[tuple[Stretch, int, int]] = []
        left: list[tuple[Run, int]] = []
        for times, *range_ in signed_ranges(*ends, HISTOGRAMS[0], purged_until):
            covers = [cover(one_bucket(*range_), numbers, purged_until) for numbers in HISTOGRAMS]
            # Histograms of the two columns have the same widths, so they leave the same rows.
            left += [(run, times) for run in covers[0].rows]
            stretches += [
                (each, place, times) for place, some in enumerate(covers) for each in some.sums
            ]
        cost = percentiles.rows_at_most([each for each, _, _ in stretches])
        return Binned(stretches, Use(Made.BINS, self._whole, left, OFFER.dimensions), cost)
