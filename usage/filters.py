"""What a question about usage is restricted to; the same for every surface that answers it."""

from dataclasses import dataclass, field
from typing import cast

from django.db.models import QuerySet

from usage.models import UsageMetric, UsageMetricQuerySet, UsageSeries
from usage.periods import Period


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
    def dimensions(self) -> set[str]:
        """The columns that are restricted, beside the time."""
        restricted = {
            "model": self.models,
            "api_key_hash": self.api_key_hashes,
            "provider": self.providers,
            "status": self.statuses,
            "user": self.users,
        }
        return {column for column, values in restricted.items() if values}

    def rows(self) -> UsageMetricQuerySet:
        """Those of which the figures are made."""
        return self.among(UsageMetric.objects.all()).counted()

    def among(self, rows: UsageMetricQuerySet) -> UsageMetricQuerySet:
        """Those of the rows that match, excluded ones as well."""
        return self._matching(rows.within(self.period))

    def rows_of_any_time(self) -> UsageMetricQuerySet:
        return self._matching(UsageMetric.objects.all())

    def series(self) -> QuerySet[UsageSeries]:
        """The same on usage_series, whose columns have the same names, and "" in place of NULL."""
        return cast("QuerySet[UsageSeries]", self._matching(UsageMetricQuerySet(UsageSeries)))

    def _matching(self, rows: UsageMetricQuerySet) -> UsageMetricQuerySet:
        return (
            rows.for_models(self.models)
            .for_keys(self.api_key_hashes)
            .for_providers(self.providers)
            .with_status(self.statuses)
            .for_users(self.users)
        )
