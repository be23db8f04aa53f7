"""Which names a portal's file tells apart: taken over as far as there is room here."""

from collections.abc import Sequence
from itertools import islice

from django.db import transaction

from usage.database.statements import slices
from usage.importing.portal.file import PortalFile
from usage.live_keys import kept
from usage.rollups import names
from usage.rollups.aggregation import Renaming, TimedRow
from usage.rollups.declarations import SUMMED
from usage.rollups.name_entries import ALWAYS, Entry

_AT_ONCE = 500


def take_over_names(source: PortalFile) -> None:
    """Those that nobody knows here. What counts as (other) there does so here as well."""
    rows = (row for row in source.dicts("usage_names") if row["dimension"] in SUMMED)
    while some := list(islice(rows, _AT_ONCE)):
        with transaction.atomic():
            told: dict[str, dict[str, bool]] = {}
            others: dict[str, dict[str, bool]] = {}
            for row in some:
                kind = told if row["counts_from"] == ALWAYS else others
                name = kept(row["dimension"], row["name"])
                kind.setdefault(row["dimension"], {})[name] = bool(row["is_folded"])
            names.count_as_other(others)
            names.agree(told, 0)


def renaming_in(source: PortalFile, rows: Sequence[TimedRow]) -> Renaming | None:
    """How the file's own sums count these rows."""
    found: dict[str, dict[str, Entry]] = {}
    for dimension, values in names.names_of(rows).items():
        wanted = [name for name in values if name]
        entries = found[dimension] = {}
        for some in slices(wanted):
            cursor = source.file.execute(
                "SELECT name, id, counts_from, last_day FROM usage_names "
                f"WHERE dimension = ? AND name IN ({', '.join('?' * len(some))})",
                (dimension, *some),
            )
            entries |= {name: Entry(*rest) for name, *rest in cursor}
    filled_from = dict(
        source.file.execute(
            f"SELECT came_with, filled_from FROM usage_filling WHERE filled_from > {ALWAYS}"
        )
    )
    return names.renaming(found, filled_from)
