"""The ids of series: looked up once in each process, made where they are new."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from django.db import connection, transaction

from usage.rollups.aggregation import Dimensions
from usage.rollups.declarations import Grouping

_DIMENSIONS = ("api_key_hash", "model", "provider", "status")
_AT_ONCE = 100  # SQLite takes at most 999 parameters in its older versions

_Kind = tuple[str, int]  # name of the grouping, token shift
_known: defaultdict[_Kind, dict[Dimensions, int]] = defaultdict(dict)


def ids_of(
    grouping: Grouping, token_shift: int, groups: Collection[tuple[Any, ...]]
) -> dict[Dimensions, int]:
    """The id of the series of each group, whose second item is its dimensions.

    New ones are made in the caller's transaction, and remembered once that is committed.
    """
    kind = (grouping.name, token_shift)
    known = _known[kind]
    missing = sorted({group[1] for group in groups if group[1] not in known})
    if not missing:
        return known
    found = _find(grouping, token_shift, missing)
    new = [each for each in missing if each not in found]
    if new:
        _make(grouping, token_shift, new)
        found |= _find(grouping, token_shift, new)
    transaction.on_commit(lambda: _known[kind].update(found))
    return {**known, **found}


def forget() -> None:
    """Look all up anew, after the tables were emptied."""
    _known.clear()


def _find(
    grouping: Grouping, token_shift: int, wanted: Sequence[Dimensions]
) -> dict[Dimensions, int]:
    columns = ", ".join(grouping.dimensions) or "grouping"
    found: dict[Dimensions, int] = {}
    with connection.cursor() as cursor:
        for start in range(0, len(wanted), _AT_ONCE):
            some = [each or (grouping.name,) for each in wanted[start : start + _AT_ONCE]]
            rows = ", ".join([f"({', '.join(['%s'] * len(some[0]))})"] * len(some))
            cursor.execute(
                f"SELECT id, {columns} FROM usage_series WHERE grouping = %s AND token_shift = %s "
                f"AND ({columns}) IN (VALUES {rows})",
                [grouping.name, token_shift, *(value for each in some for value in each)],
            )
            for number, *values in cursor.fetchall():
                found[tuple(values) if grouping.dimensions else ()] = number
    return found


def _make(grouping: Grouping, token_shift: int, missing: Sequence[Dimensions]) -> None:
    """In the order that all writers keep, so that two of them cannot wait for each other."""
    rows: list[list[Any]] = []
    for dimensions in missing:
        values = dict(zip(grouping.dimensions, dimensions, strict=True))
        rows.append(
            [grouping.name, *(values.get(name, "") for name in _DIMENSIONS), token_shift],
        )
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO usage_series (grouping, {', '.join(_DIMENSIONS)}, token_shift) "
            "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            rows,
        )
