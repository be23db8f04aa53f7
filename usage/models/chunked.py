"""Rows that TimescaleDB keeps in chunks: changed a chunk at a time, the newest first.

A few rows of a compressed chunk are each named by id, time and key, so that a batch of a thousand
is decompressed for each; for more than a few the whole chunk is, and compressed again afterwards.
"""

import datetime as dt
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.db import models

from usage.database import compression, extensions
from usage.database.compression import Chunk, OpenChunk
from usage.rollups.places import Place

if TYPE_CHECKING:
    from usage.models.usage_metric import UsageMetric
    from usage.models.usage_rows import UsageMetricQuerySet

_PAGE = 5_000
_COLUMNS = ("id", "timestamp", "api_key_hash")
_CALENDAR = (dt.datetime(1, 1, 2, tzinfo=dt.UTC), dt.datetime(9999, 12, 30, tzinfo=dt.UTC))
# What unique indexes hold cannot be set in compressed chunks, nor a time into another chunk.
_FIXED = frozenset({"timestamp", "event_id"})

_Row = tuple[int, dt.datetime, str | None]  # of _COLUMNS


@dataclass(frozen=True)
class ChangeStep:
    """Rows to change together, where they are, and the chunk that must be decompressed for it."""

    ids: Sequence[int]
    place: Place | None
    chunk: Chunk | None = None

    def begin(self) -> None:
        """First in the transaction that changes the rows."""
        if self.chunk is not None:
            compression.keep_open(self.chunk)

    def of(self, rows: "UsageMetricQuerySet") -> "UsageMetricQuerySet":
        """Those of the step, to be changed or removed by Django's own statements."""
        those = rows.order_by().filter(pk__in=self.ids)
        return those if self.place is None else self.place.of(those)


def steps(rows: "UsageMetricQuerySet") -> Generator[list[ChangeStep]]:
    """All rows of a hypertable in steps; those of a list belong into one transaction.

    Close the iterator, which compresses what it has decompressed.
    """
    opened = OpenChunk()
    try:
        for page in rows.filter(timestamp__range=_CALENDAR).pages(_COLUMNS, _PAGE):
            yield from steps_of(page, opened)
        # Times of plain SQL that Python's calendar has not.
        others = list(rows.order_by().exclude(timestamp__range=_CALENDAR).values_list("pk")[:_PAGE])
        if others:
            yield [ChangeStep([pk for (pk,) in others], None)]
    finally:
        opened.close()


def steps_of(page: Sequence[_Row], opened: OpenChunk) -> Iterator[list[ChangeStep]]:
    """The same for rows at hand, newest first: ids, times and keys. On any engine."""
    if not extensions.is_hypertable():
        yield [ChangeStep([row_id for row_id, _, _ in page], None)]
    elif page:
        yield from _grouped(page, opened)


def place_of(rows: "UsageMetricQuerySet", row_id: int | None) -> Place | None:
    """Of a stored row of a hypertable."""
    if row_id is None or not extensions.is_hypertable():
        return None
    stored = rows.filter(pk=row_id, timestamp__range=_CALENDAR)
    found = stored.values_list("timestamp", "api_key_hash").first()
    return None if found is None else Place.of_row(*found)


def place_among(rows: Iterable["UsageMetric"]) -> Place | None:
    """Of rows just stored in a hypertable; None where their times are not told."""
    if not extensions.is_hypertable():
        return None
    times = [row.timestamp for row in rows]
    if not times or not all(isinstance(time, dt.datetime) for time in times):
        return None
    return Place(min(times), max(times))


def _grouped(page: Sequence[_Row], opened: OpenChunk) -> Iterator[list[ChangeStep]]:
    parts = list(_by_chunk(page))
    to_open = {chunk for chunk, some in parts if opened.is_due(chunk, len(some))}
    if not to_open:
        yield [step for chunk, some in parts for step in _steps_in(chunk, some)]
        return
    for chunk, some in parts:
        if chunk in to_open:
            opened.open(chunk)
            yield [_step(some, chunk)]
        else:
            yield list(_steps_in(chunk, some))


def _by_chunk(page: Sequence[_Row]) -> Iterator[tuple[Chunk, list[_Row]]]:
    chunks = compression.chunks_between(page[-1][1], page[0][1])

    def holder(row: _Row) -> Chunk:
        return next(each for each in chunks if each.start <= row[1])

    for chunk, some in groupby(page, holder):
        yield chunk, list(some)


def _steps_in(chunk: Chunk, rows: list[_Row]) -> Iterator[ChangeStep]:
    if not chunk.is_compressed:
        yield _step(rows, chunk)
        return
    for row_id, at, key in rows:
        yield ChangeStep([row_id], Place.of_row(at, key))


def _step(rows: list[_Row], chunk: Chunk) -> ChangeStep:
    return ChangeStep([row_id for row_id, _, _ in rows], Place(rows[-1][1], rows[0][1]), chunk)


def fixed(values: Iterable[str]) -> bool:
    """Whether columns are among these that are set another way: `put_elsewhere`."""
    return not _FIXED.isdisjoint(values)


def update_stored(
    all_rows: "UsageMetricQuerySet",
    row_id: int,
    values: Sequence[tuple[Any, Any, Any]],
    update: Callable[[Any, Any], bool],
) -> bool:
    """Django's `_do_update` of a row of a hypertable; whether there is one."""
    place = place_of(all_rows, row_id)
    if place is None:
        return False
    rows = place.of(all_rows.filter(pk=row_id))
    stored = rows.values(*_FIXED).first()
    if stored is None:
        return False
    others = [each for each in values if each[0].attname not in _FIXED]
    if others:
        with compression.without_bound():
            update(rows, others)
    named = ((field.attname, value) for field, _, value in values)
    moved = {name: value for name, value in named if value != stored.get(name, value)}
    if moved:
        put_elsewhere(place.of_any_key().of(all_rows.filter(pk=row_id)), moved)
    return True


def put_elsewhere(rows: "UsageMetricQuerySet", values: dict[str, Any]) -> tuple[int, Place | None]:
    """Remove the rows, and insert them with these values and all others as they were.

    How many they were, and where they are then.
    """
    fields = {field.name: field for field in rows.model._meta.concrete_fields}
    new = {
        f"new_{name}": value
        if hasattr(value, "resolve_expression")
        else models.Value(value, output_field=fields[name])
        for name, value in values.items()
    }
    made: list[UsageMetric] = []
    for stored in rows.annotate(**new).values(*fields, *new):
        changed = {name: stored.pop(f"new_{name}") for name in values}
        made.append(rows.model(**{**stored, **changed}))
    with compression.without_bound():
        rows.delete_but_keep_sums()
        models.QuerySet.bulk_create(rows.model._base_manager.all(), made)
    times = [row.timestamp for row in made]
    return len(made), Place(min(times), max(times)) if times else None
