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
    """A period and, by dimension, the values of which a row must have one, or must have none.

    An open period and dimensions without values restrict nothing. `(other)` is what counts so, and
    "" what has no value.
    """

    period: Period = field(default_factory=Period)
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    excluded: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for field_name in ("values", "excluded"):
            given = getattr(self, field_name)
            kept = {name: values for name, values in given.items() if values}
            object.__setattr__(self, field_name, kept)

    def of(self, dimension: str) -> tuple[str, ...]:
        """The values that a dimension is restricted to; empty where it is not."""
        return self.values.get(dimension, ())

    def not_of(self, dimension: str) -> tuple[str, ...]:
        """The values of a dimension that are left out."""
        return self.excluded.get(dimension, ())

    def but(self, changes: Mapping[str, tuple[str, ...]]) -> Self:
        """The same with other values of these dimensions."""
        return replace(self, values={**self.values, **changes})

    def without(self, more: Mapping[str, tuple[str, ...]]) -> Self:
        """The same that leaves out these values of dimensions, too."""
        some = {name: (*self.not_of(name), *values) for name, values in more.items()}
        return replace(self, excluded={**self.excluded, **some})

    @property
    def dimensions(self) -> set[str]:
        """Those that are restricted."""
        return {*self.values, *self.excluded}

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
            found = found.filter(_is_series_of(name, values))
        for name, values in self.excluded.items():
            found = found.exclude(_is_series_of(name, values))
        return found

    def _matching(self, rows: UsageMetricQuerySet) -> UsageMetricQuerySet:
        for name, values in self.values.items():
            rows = rows.having(name, values)
        for name, values in self.excluded.items():
            rows = rows.lacking(name, values)
        return rows


def _is_series_of(dimension: str, values: tuple[str, ...]) -> Q:
    is_named = dimension_condition(dimension, values)
    if not DIMENSIONS[dimension].has_patterns:
        return is_named
    is_other = Q(**{dimension: OTHER})  # which a pattern might match by its letters
    is_named = is_named & ~is_other
    return is_named | is_other if OTHER in values else is_named
