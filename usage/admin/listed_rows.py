"""Which rows a list shows, found through an index or among a bounded number of the newest."""

import datetime as dt
from dataclasses import dataclass, field

from django.db.models import Value
from django.db.models.functions import Coalesce

from usage.models import UsageMetric, UsageMetricQuerySet
from usage.periods import Period
from usage.queries import MOST_APART, MOST_TOGETHER

# Status and request id have no index, since each would slow down ingest.
COUNTED = "none"  # rows that are excluded as nothing


@dataclass(frozen=True)
class ListedRows:
    """The filters of the list. `nothing` is for a search that cannot match."""

    period: Period = field(default_factory=Period)
    model: str | None = None
    key_hash: str | None = None
    status: str | None = None
    request_id: str | None = None
    excluded_as: str | None = None  # or COUNTED
    nothing: bool = False

    @property
    def most_looked_at(self) -> int:
        """How many rows are tried against a filter that has no index."""
        return MOST_TOGETHER if self.key_hash is None and self.model is None else MOST_APART

    def every_row(self) -> UsageMetricQuerySet:
        """All matches: as slow as the table is large where a filter has no index."""
        if self.nothing:
            return UsageMetric.objects.none()
        rows = self._rows_by_index()
        if self.key_hash is not None and self.model is not None:
            # Coalesce, lest the database walk idx_model: a key's own rows are fewer.
            rows = rows.alias(its_model=Coalesce("model", Value(""))).filter(its_model=self.model)
        if self.status is not None:
            rows = rows.having("status", [self.status])
        if self.excluded_as is not None:
            rows = rows.filter(
                excluded_as=self.excluded_as if self.excluded_as != COUNTED else None
            )
        if self.request_id is not None:
            rows = rows.filter(request_id=self.request_id)
        return rows.newest_first()

    def newest_rows(self) -> tuple[UsageMetricQuerySet, dt.datetime | None]:
        """Matches for a page, and the time before which nobody looked; None is no such time."""
        floor = self._floor() if self._leaves_the_index() else None
        rows = self.every_row()
        return (rows if floor is None else rows.filter(timestamp__gte=floor)), floor

    def _rows_by_index(self) -> UsageMetricQuerySet:
        rows = UsageMetric.objects.within(self.period)
        if self.key_hash is not None:
            return rows.filter(api_key_hash=self.key_hash)
        return rows if self.model is None else rows.filter(model=self.model)

    def _leaves_the_index(self) -> bool:
        return (
            self.status is not None
            or self.excluded_as is not None
            or self.request_id is not None
            or (self.key_hash is not None and self.model is not None)
        )

    def _floor(self) -> dt.datetime | None:
        times = self._rows_by_index().order_by("-timestamp").values_list("timestamp", flat=True)
        return next(iter(times[self.most_looked_at :][:1]), None)
