"""Where rows are, told so closely that TimescaleDB need not decompress others to find them."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

from django.db.models import QuerySet

Rows = TypeVar("Rows", bound=QuerySet[Any])


@dataclass(frozen=True)
class Place:
    """Rows completed from `first` to `last`; all of them of `key`, which may be None, if known."""

    first: dt.datetime
    last: dt.datetime
    key: str | None = None
    is_key_known: bool = False

    @classmethod
    def of_row(cls, at: dt.datetime, key: str | None) -> Self:
        return cls(at, at, key, is_key_known=True)

    def of_any_key(self) -> "Place":
        """Where the rows are once their key may be another."""
        return replace(self, key=None, is_key_known=False)

    def of(self, rows: Rows) -> Rows:
        """Those of the rows that are there."""
        if self.first == self.last:
            rows = rows.filter(timestamp=self.first)
        else:
            rows = rows.filter(timestamp__gte=self.first, timestamp__lte=self.last)
        return rows.filter(api_key_hash=self.key) if self.is_key_known else rows

    def condition(self) -> tuple[str, list[Any]]:
        """The same in SQL that follows others, with its parameters."""
        if self.first == self.last:  # TimescaleDB's Bloom filters know equality alone
            sql, parameters = " AND timestamp = %s", [self.first]
        else:
            sql, parameters = " AND timestamp >= %s AND timestamp <= %s", [self.first, self.last]
        if not self.is_key_known:
            return sql, parameters
        if self.key is None:
            return f"{sql} AND api_key_hash IS NULL", parameters
        return f"{sql} AND api_key_hash = %s", [*parameters, self.key]


def which(ids: Sequence[int], place: Place | None) -> tuple[str, list[Any]]:
    """SQL for the rows of these ids, and its parameters."""
    # A single mark in the list is taken for equality by PostgreSQL.
    those = f"id IN ({', '.join(['%s'] * len(ids))})"
    if place is None:
        return those, list(ids)
    sql, parameters = place.condition()
    return those + sql, [*ids, *parameters]
