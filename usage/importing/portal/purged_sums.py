"""What only the sums of a file still know: of rows that were purged there."""

import datetime as dt
import math
from collections.abc import Iterator
from operator import add, sub
from typing import Any

from usage import kept_texts
from usage.database import times
from usage.importing.portal.file import PAGE, PortalFile
from usage.importing.portal.known_names import renaming_in
from usage.importing.portal.row import COLUMNS, BadRow, moved
from usage.rollups import filling, names, tables
from usage.rollups.aggregation import TimedRow, additions_of, aggregate
from usage.rollups.agreement import renamed_here
from usage.rollups.declarations import GROUPINGS, MONTH, ROLLUPS_AND_HISTOGRAMS, Histogram, Rollup
from usage.rollups.folding import table_of
from usage.rollups.grouped import Dimensions
from usage.rollups.name_entries import ALWAYS

_Kind = Rollup | Histogram
_Key = tuple[int, Dimensions, int]  # begin of the bucket, dimensions, token shift or chunk
_Values = tuple[Any, ...]
_Kept = dict[tuple[_Kind, _Key], _Values]
_Series = dict[int, tuple[int, Dimensions]]  # token shift and dimensions by id


def add_purged_sums(source: PortalFile, horizon: dt.datetime) -> Iterator[int]:
    """Add them to the target's, in the caller's transaction; tells after each step how many.

    Of a bucket that begins before the horizon that is what its rows in the file do not explain:
    those rows are moved, and add themselves.
    """
    end = int(horizon.timestamp())
    _note_what_it_lacks(source, math.ceil(horizon.timestamp()))
    explained = _explained_by_rows(source, end)
    series = _series(source)
    for kind in ROLLUPS_AND_HISTOGRAMS:
        for page in _pages(source, kind, end, series):
            rest = {}
            for key, values in page.items():
                left = tuple(map(sub, values, explained.pop((kind, key), [0] * len(values))))
                if any(value for value in left if isinstance(value, int)):
                    rest[key] = left  # of fractions a crumb of rounding may be left
            tables.add(additions_of(kind, _renamed(kind, rest)))
            yield len(rest)


def _note_what_it_lacks(source: PortalFile, purged: int) -> None:
    """Of sums that came later: rows that were purged in the file before they came into them."""
    names.hold()
    for row in source.dicts("usage_filling"):
        before = max(row["unknown_before"], min(row["filled_from"], purged))
        if before > ALWAYS:
            filling.note_unknown(row["came_with"], before)


def _explained_by_rows(source: PortalFile, end: int) -> _Kept:
    """What the file's rows make up of its buckets that begin before `end`."""
    found: _Kept = {}
    last = dt.datetime.fromtimestamp((end // MONTH + 1) * MONTH, dt.UTC)
    cursor = source.file.execute(
        f"SELECT id, {', '.join(COLUMNS)} FROM usage_metrics "
        "WHERE is_summed IS NOT NULL AND timestamp < ?",
        (f"{last:%Y-%m-%d %H:%M:%S}",),
    )
    while page := cursor.fetchmany(PAGE):
        rows = list(_to_sum(page))
        additions = aggregate(rows, renaming_in(source, rows))
        for rollup, shift, groups in additions.rollups:
            for (bucket, dimensions), sums in groups.items():
                _note(found, rollup, (bucket, dimensions, shift), sums, end)
        for histogram, chunks in additions.histograms:
            for key, counts in chunks.items():
                _note(found, histogram, key, tuple(counts), end)
    return found


def _to_sum(page: list[Any]) -> Iterator[TimedRow]:
    for row in page:
        try:
            to_sum = moved(row, "").to_sum
        except BadRow:
            continue
        if to_sum is not None:
            yield to_sum


def _note(found: _Kept, kind: _Kind, key: _Key, values: _Values, end: int) -> None:
    if key[0] < end:
        known = found.get((kind, key))
        found[kind, key] = values if known is None else tuple(map(add, known, values))


def _series(source: PortalFile) -> _Series:
    dimensions = {grouping.name: grouping.dimensions for grouping in GROUPINGS}
    return {
        row["id"]: (
            row["token_shift"],
            _as_kept(row, dimensions[row["grouping"]]),
        )
        for row in source.dicts("usage_series")
        if row["grouping"] in dimensions
    }


def _as_kept(row: dict[str, Any], dimensions: Dimensions) -> Dimensions:
    texts = {name: row[name] for name in dimensions}
    return tuple((texts | kept_texts.changes(texts)).values())


def _pages(
    source: PortalFile, kind: _Kind, end: int, series: _Series
) -> Iterator[dict[_Key, _Values]]:
    table, columns, length = table_of(kind)
    read = ", ".join([times.unix_seconds_in_file("bucket"), *columns[2:]])
    cursor = source.file.execute(
        f"SELECT {read} FROM {table} WHERE {columns[0]} = ? AND bucket < datetime(?, 'unixepoch')",
        (kind.number, end),
    )
    while rows := cursor.fetchmany(PAGE):
        page: dict[_Key, _Values] = {}
        for bucket, number, *rest in rows:
            shift, dimensions = series[number]
            key = (bucket, dimensions, shift if isinstance(kind, Rollup) else rest[0])
            values = tuple(rest[length - 3 :])
            # Without their keys, two series may have become one.
            page[key] = tuple(map(add, page[key], values)) if key in page else values
        yield page


def _renamed(kind: _Kind, sums: dict[_Key, _Values]) -> dict[_Key, _Values]:
    """By the names that are told apart here."""
    if not sums or not kind.grouping.dimensions:
        return sums
    renamed = renamed_here(kind.grouping.dimensions, list({key[1] for key in sums}))
    found: dict[_Key, _Values] = {}
    for (bucket, dimensions, rest), values in sums.items():
        key = (bucket, renamed[dimensions], rest)
        known = found.get(key)
        found[key] = values if known is None else tuple(map(add, known, values))
    return found
