"""Which names a portal's file tells apart: taken over as far as there is room here."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from django.db import transaction

from usage.importing.portal.source import Source
from usage.rollups import names
from usage.rollups.aggregation import DIMENSIONS, Renaming, TimedRow
from usage.rollups.names import ALWAYS, NEVER, Entry

_AT_ONCE = 500


def take_over_names(source: Source) -> None:
    """Those that nobody knows here. What counts as (other) there does so here as well."""
    rows = (row for row in source.dicts("usage_names") if row["dimension"] in DIMENSIONS)
    while some := list(islice(rows, _AT_ONCE)):
        with transaction.atomic():
            told: dict[str, dict[str, bool]] = {}
            others: dict[str, dict[str, bool]] = {}
            for row in some:
                kind = told if row["counts_from"] == ALWAYS else others
                kind.setdefault(row["dimension"], {})[row["name"]] = bool(row["is_folded"])
            names.count_as_other(others)
            names.agree(told, 0)


def renaming_in(source: Source, rows: Sequence[TimedRow]) -> Renaming | None:
    """How the file's own sums count these rows."""
    found: dict[str, dict[str, Entry]] = {}
    for dimension, values in names.names_of(rows).items():
        wanted = [name for name in values if name]
        entries = found[dimension] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            cursor = source.file.execute(
                "SELECT name, id, counts_from, last_day FROM usage_names "
                f"WHERE dimension = ? AND name IN ({', '.join('?' * len(some))})",
                (dimension, *some),
            )
            entries |= {name: Entry(*rest) for name, *rest in cursor}
    return names.renaming(found)


def renamed_here(
    dimensions: Sequence[str], keys: Sequence[tuple[Any, ...]]
) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """What the values of a grouping's dimensions count as here; to be agreed on meanwhile.

    Of sums without rows, so that any time is as good: they never have to agree with rows.
    """
    columns = zip(*keys, strict=True)
    wanted = {name: dict.fromkeys(values) for name, values in zip(dimensions, columns, strict=True)}
    renaming = names.agree(wanted, 0)
    if renaming is None:
        return {key: key for key in keys}
    return {
        key: tuple(
            renaming.name(dimension, value, NEVER - 1)
            for dimension, value in zip(dimensions, key, strict=True)
        )
        for key in keys
    }
