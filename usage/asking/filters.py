"""What a question about usage is restricted to; the same for every surface that answers it."""

from dataclasses import dataclass, field

from django.db.models import Q, QuerySet

from usage.models import UsageMetric, UsageMetricQuerySet, UsageSeries, status_condition
from usage.periods import Period
from usage.rollups.aggregation import OTHER


@dataclass(frozen=True)
class UsageFilter:
    """Empty tuples and open periods restrict nothing."""

    period: Period = field(default_factory=Period)
    models: tuple[str, ...] = ()
    api_key_hashes: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    users: tuple[str, ...] = ()  # of raw rows only: no sum knows them

    @property
    def values(self) -> dict[str, tuple[str, ...]]:
        """What the columns are restricted to, beside the time; `(other)` is what the sums have
        under that name."""
        restricted = {
            "model": self.models,
            "api_key_hash": self.api_key_hashes,
            "provider": self.providers,
            "status": self.statuses,
            "user": self.users,
        }
        return {column: values for column, values in restricted.items() if values}

    @property
    def dimensions(self) -> set[str]:
        """The columns that are restricted, beside the time."""
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
        for column, values in self.values.items():
            if column != "status":
                found = found.filter(**{f"{column}__in": values})
        if not self.statuses:
            return found
        is_other = Q(status=OTHER)
        named = status_condition(self.statuses) & ~is_other
        return found.filter(named | is_other if OTHER in self.statuses else named)

    def _matching(self, rows: UsageMetricQuerySet) -> UsageMetricQuerySet:
        return (
            rows.for_models(self.models)
            .for_keys(self.api_key_hashes)
            .for_providers(self.providers)
            .with_status(self.statuses)
            .for_users(self.users)
        )
