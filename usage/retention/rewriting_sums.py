"""Sums whose names are kept another way by now: moved to the names that their rows would have.

Rows take their sums along when they are rewritten, so these are of rows that were purged.
"""

from collections.abc import Iterator, Sequence

from django.db import connection, transaction

from usage.database import times
from usage.database.pace import Pace
from usage.database.statements import slices
from usage.models import UsageName
from usage.retention.rewriting_rows import Changes
from usage.rollups import names, tables
from usage.rollups.aggregation import additions_of
from usage.rollups.agreement import renamed_here
from usage.rollups.declarations import (
    GROUPINGS,
    ROLLUPS_AND_HISTOGRAMS,
    SERIES_DIMENSIONS,
    Histogram,
    Rollup,
    quoted,
)
from usage.rollups.folding import read_columns, table_of
from usage.rollups.grouped import Dimensions
from usage.rollups.moving import MovedSeries, by_target, delete_series

_PAGE = 2_000
_FIRST_STEP, _LARGEST_STEP = 200, 1_000
_BEFORE_ALL = -(2**62)

_Kind = Rollup | Histogram
# Id, token shift, the dimensions as they are, and as they shall be.
_Series = tuple[int, int, Dimensions, Dimensions]


def count_sums_to_rewrite(changes: Changes) -> int:
    """How many combinations of names change."""
    return sum(1 for _ in _changing_series(changes))


def rewrite_sums(changes: Changes) -> Iterator[int]:
    """Move them, a little in each transaction; tells how many combinations were done."""
    found = list(_changing_series(changes))
    for some in slices(found):
        for kind in ROLLUPS_AND_HISTOGRAMS:
            _move(kind, [each for each, grouping in some if grouping == kind.grouping.name])
        delete_series([each[0] for each, _ in some])
        yield len(some)
    _forget_names(changes)


def _changing_series(changes: Changes) -> Iterator[tuple[_Series, str]]:
    """And the name of each one's grouping."""
    dimensions = {grouping.name: grouping.dimensions for grouping in GROUPINGS}
    columns = ", ".join(map(quoted, SERIES_DIMENSIONS))
    last = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT id, grouping, token_shift, {columns} FROM usage_series "
                "WHERE id > %s ORDER BY id LIMIT %s",
                [last, _PAGE],
            )
            page = cursor.fetchall()
        for number, grouping, shift, *values in page:
            texts = dict(zip(SERIES_DIMENSIONS, values, strict=True))
            if new := changes(texts):
                own = dimensions[grouping]
                before = tuple(texts[name] for name in own)
                after = tuple((texts | new)[name] for name in own)
                yield (number, shift, before, after), grouping
        if not page:
            return
        last = page[-1][0]


def _move(kind: _Kind, some: Sequence[_Series]) -> None:
    """In the order of the buckets, from where the last step has ended."""
    if not some:
        return
    known = {each[0]: each for each in some}
    pace = Pace(first=_FIRST_STEP, most=_LARGEST_STEP)
    begin: int | None = _BEFORE_ALL
    while begin is not None:
        with pace.step():
            names.hold()  # before other locks, as all do
            tables.keep_writers_out()
            begin = _move_step(kind, known, begin, pace.size)


def _move_step(kind: _Kind, known: dict[int, _Series], begin: int, most: int) -> int | None:
    """Where the next step begins; None when nothing is left."""
    table, columns, _ = table_of(kind)
    marks = ", ".join(["%s"] * len(known))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {read_columns(kind)} FROM {table} WHERE {columns[0]} = %s "
            f"AND bucket >= {times.at_unix_seconds()} AND series IN ({marks}) "
            "ORDER BY bucket LIMIT %s",
            [kind.number, begin, *known, most],
        )
        rows = cursor.fetchall()
    if not rows:
        return None
    ours = {number: known[number] for _, number, *_ in rows}
    renamed = renamed_here(kind.grouping.dimensions, list({each[3] for each in ours.values()}))
    before = {number: MovedSeries(shift, old) for number, shift, old, _ in ours.values()}
    after = {number: MovedSeries(shift, renamed[new]) for number, shift, _, new in ours.values()}
    tables.subtract(additions_of(kind, by_target(kind, rows, before)))
    tables.add(additions_of(kind, by_target(kind, rows, after)))
    return int(rows[-1][0])


def _forget_names(changes: Changes) -> None:
    """What was decided on names that no row has any more."""
    entries = UsageName.objects.values_list("pk", "dimension", "name")
    found = [number for number, dimension, name in entries.iterator() if changes({dimension: name})]
    for part in slices(found):
        with transaction.atomic():
            names.hold_alone()
            UsageName.objects.filter(pk__in=part).delete()
