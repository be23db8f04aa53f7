"""Raw rows, newest first: each read once by an index, however many values a filter names."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from heapq import merge
from itertools import islice
from typing import Any, NamedTuple

from django.db.models import Value
from django.db.models.functions import Coalesce

from usage.asking.filters import UsageFilter
from usage.models import UsageMetric, UsageMetricQuerySet
from usage.periods import Period
from usage.rollups.aggregation import OTHER

Row = tuple[Any, ...]
Position = tuple[dt.datetime, int]  # a row's time and id

# What a page tries against a filter that has no index. Rows in the order of time lie together on
# disk; those of one model or key lie apart, and each costs a read.
MOST_TOGETHER = 100_000
MOST_APART = 10_000
_ROWS_AT_ONCE, _LEAST_AT_ONCE = 2_000, 20


class Page(NamedTuple):
    """Some rows, and after which position there may be more; None at the end."""

    rows: list[Row]
    next: Position | None


class NewestRows:
    """Those that match, in parts that an index leads to in the order of time.

    Rows of several keys or models at once would have to be sorted anew for each page.
    """

    def __init__(self, wanted: UsageFilter, columns: Sequence[str], *, with_excluded: bool) -> None:
        # No index leads to what counts as (other), or has no value.
        keys, models = (
            () if {OTHER, ""} & set(values := wanted.of(name)) else values
            for name in ("api_key_hash", "model")
        )
        by_index = {
            name: () for name, is_so in (("api_key_hash", keys), ("model", models)) if is_so
        }
        self._others = replace(wanted.but(by_index), period=Period())
        self._models = models if keys else ()
        self._with_excluded = with_excluded
        rows = UsageMetric.objects.within(wanted.period)
        if keys:
            self._parts = [rows.filter(api_key_hash=key) for key in keys]
        else:
            self._parts = [rows.filter(model=name) for name in models] or [rows]
        self._is_apart = bool(keys or models)
        self._columns = tuple(columns)
        self._at, self._id = self._columns.index("timestamp"), self._columns.index("id")

    def all(self) -> Iterator[Row]:
        """In constant memory; a reader that pauses keeps no snapshot."""
        return self._merged(self._parts, _ROWS_AT_ONCE)

    def page(self, limit: int, after: Position | None = None) -> Page:
        """As many rows, or fewer where there are no more among those that can be looked at."""
        parts = self._parts
        if after is not None:
            parts = [part.earlier_than(*after) for part in parts]
        floor = self._floor(parts) if self._others.dimensions or self._models else None
        if floor is not None:
            parts = [part.filter(timestamp__gte=floor) for part in parts]
        found = list(islice(self._merged(parts, limit + 1), limit + 1))
        if len(found) > limit:
            return Page(found[:limit], self._position(found[limit - 1]))
        return Page(found, None if floor is None else (floor, 0))

    def _merged(self, parts: Sequence[UsageMetricQuerySet], most: int) -> Iterator[Row]:
        size = max(most // len(parts), min(most, _LEAST_AT_ONCE))
        streams = (
            (row for page in self._matching(part).pages(self._columns, size) for row in page)
            for part in parts
        )
        return merge(*streams, key=self._position, reverse=True)

    def _position(self, row: Row) -> Position:
        return row[self._at], row[self._id]

    def _floor(self, parts: Sequence[UsageMetricQuerySet]) -> dt.datetime | None:
        """The time before which nobody looks for this page; None when all can be looked at."""
        most = (MOST_APART if self._is_apart else MOST_TOGETHER) // len(parts)
        found: list[dt.datetime] = []
        for part in parts:
            times = part.order_by("-timestamp").values_list("timestamp", flat=True)
            found += times[most : most + 1]
        return max(found, default=None)

    def _matching(self, part: UsageMetricQuerySet) -> UsageMetricQuerySet:
        """Without what has no index here."""
        rows = self._others.among(part)
        if self._models:
            # Coalesce, lest the database walk idx_model: the rows of a key are fewer.
            its_model = Coalesce("model", Value(""))
            rows = rows.alias(its_model=its_model).filter(its_model__in=self._models)
        return rows if self._with_excluded else rows.counted()
