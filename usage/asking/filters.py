"""What a question about usage is restricted to; the same for every surface that answers it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from django.db.models import Q, QuerySet

from usage.models import UsageMetric, UsageMetricQuerySet, UsageSeries, dimension_condition
from usage.periods import Period
from usage.rollups.aggregation import OTHER
from usage.rollups.declarations import DIMENSIONS


@dataclass(frozen=True)
class UsageFilter:
    """A period and, by dimension, the values of which a row must have one.

    An open period and dimensions without values restrict nothing. `(other)` is what counts so.
    """

    period: Period = field(default_factory=Period)
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = {name: values for name, values in self.values.items() if values}
        object.__setattr__(self, "values", given)

    def of(self, dimension: str) -> tuple[str, ...]:
        """The values that a dimension is restricted to; empty where it is not."""
        return self.values.get(dimension, ())

    def but(self, changes: Mapping[str, tuple[str, ...]]) -> Self:
        """The same with other values of these dimensions."""
        return replace(self, values={**self.values, **changes})

    @property
    def dimensions(self) -> set[str]:
        """Those that are restricted."""
        return set(self.values)

    def rows(self) -> UsageMetricQuerySet:
        """Those of which the figures are made."""
        return self.among(UsageMetric.objects.all()).counted()

    def among(self, rows: UsageMetricQuerySet) -> UsageMetricQuerySet:
        """Those of the rows that match, excluded ones as well."""
        return self._matching(rows.within(self.period))

    def rows_of_any_time(self) -> UsageMetricQuerySet:
        return self._matching(UsageMetric.objects.all())

    def series(self) -> QuerySet[UsageSeries]:
        """The same on usage_series, whose columns have the same names, and "" in place of NULL.

        What counts as (other) is in no series of its own: the rows have to tell.
        """
        found = UsageSeries.objects.all()
        for name, values in self.values.items():
            is_named = dimension_condition(name, values)
            if DIMENSIONS[name].has_patterns:
                is_other = Q(**{name: OTHER})
                is_named = is_named & ~is_other
                is_named = is_named | is_other if OTHER in values else is_named
            found = found.filter(is_named)
        return found

    def _matching(self, rows: UsageMetricQuerySet) -> UsageMetricQuerySet:
        for name, values in self.values.items():
            rows = rows.having(name, values)
        return rows
