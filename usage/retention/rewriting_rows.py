"""Rows whose texts are kept another way by now, such as without API keys: found, and rewritten."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from usage.database import extensions
from usage.database.compression import OpenChunk, without_bound
from usage.database.pace import Pace
from usage.database.statements import execute_for_each
from usage.models import UsageMetric, chunked
from usage.records import STORED_TEXTS
from usage.rollups import keeping
from usage.rollups.places import Place

_PAGE = 5_000
_FIRST_STEP, _LARGEST_STEP = 200, 2_000
_COLUMNS = ", ".join(f'"{name}" = %s' for name in STORED_TEXTS)
_REWRITE = f"UPDATE usage_metrics SET {_COLUMNS} WHERE id = %s"

# Of texts by column: those that change, and to what; none of what it has made itself.
Changes = Callable[[Mapping[str, Any]], dict[str, str]]
_Row = tuple[Any, ...]  # id, on a hypertable time and key, else None; then STORED_TEXTS


@dataclass(frozen=True)
class Rewritten:
    """Of some rows that were looked at: how many texts change, and in which columns."""

    looked_at: int = 0
    rows: int = 0
    columns: Counter[str] = field(default_factory=Counter)


def row_count() -> int:
    return UsageMetric.objects.count()


def rows_to_rewrite(changes: Changes) -> Iterator[Rewritten]:
    """Only counts."""
    for page in _pages():
        yield _counted(len(page), _changing(page, changes))


def rewrite_rows(changes: Changes) -> Iterator[Rewritten]:
    """Rewrite a little in each transaction, and take the sums of the rows along."""
    pace = Pace(first=_FIRST_STEP, most=_LARGEST_STEP)
    opened = OpenChunk()
    try:
        for page in _pages():
            done: list[dict[str, str]] = []
            wanted = dict(_changing(page, changes))
            where = [(row[0], row[1], row[2]) for row in page if row[0] in wanted]
            for part in chain.from_iterable(chunked.steps_of(where, opened)):
                ids = part.ids
                while ids:
                    some, ids = ids[: pace.size], ids[pace.size :]
                    with pace.step():
                        part.begin()
                        done += _rewrite(some, part.place, changes)
            yield _counted(len(page), list(enumerate(done)))
    finally:
        opened.close()


def _pages() -> Iterator[list[_Row]]:
    """In the order of ids, so that the table is read once. As far as it goes now: what comes
    later is stored as it is kept now."""
    if extensions.is_hypertable():
        yield from UsageMetric.objects.pages(
            ("id", "timestamp", "api_key_hash", *STORED_TEXTS), _PAGE
        )
        return
    ids = UsageMetric.objects.order_by("pk").values_list("pk", flat=True)
    first, last = ids.first(), ids.last()
    if first is None:
        return
    rows = UsageMetric.objects.filter(pk__lte=last).order_by("pk").values_list("pk", *STORED_TEXTS)
    page = list(rows.filter(pk__gte=first)[:_PAGE])
    while page:
        yield [(row_id, None, None, *texts) for row_id, *texts in page]
        page = list(rows.filter(pk__gt=page[-1][0])[:_PAGE])


def _changing(page: list[_Row], changes: Changes) -> list[tuple[int, dict[str, str]]]:
    found = []
    for row_id, _, _, *texts in page:
        if new := changes(dict(zip(STORED_TEXTS, texts, strict=True))):
            found.append((row_id, new))
    return found


def _rewrite(ids: Sequence[int], place: Place | None, changes: Changes) -> list[dict[str, str]]:
    """Read again once the rows are ours: somebody may have changed or removed some."""
    keeping.take_out_rows(ids, place)
    those = UsageMetric.objects.filter(pk__in=ids)
    rows = (those if place is None else place.of(those)).values_list("pk", *STORED_TEXTS)
    texts = {row_id: dict(zip(STORED_TEXTS, rest, strict=True)) for row_id, *rest in rows}
    found = {row_id: changes(each) for row_id, each in texts.items()}
    there, parameters = ("", []) if place is None else place.condition()
    with without_bound():
        execute_for_each(
            _REWRITE + there,
            [
                (*(texts[row_id] | new).values(), row_id, *parameters)
                for row_id, new in found.items()
            ],
        )
    keeping.add_rows(ids, place and place.of_any_key())
    return [new for new in found.values() if new]


def _counted(looked_at: int, found: list[tuple[int, dict[str, str]]]) -> Rewritten:
    columns = Counter(name for _, new in found for name in new)
    return Rewritten(looked_at, len(found), columns)
