"""Rows that an older version stored with API keys in clear: found, and the keys taken out."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from usage import live_keys
from usage.models import UsageMetric
from usage.recording.pace import Pace
from usage.records import STORED_TEXTS
from usage.retention.overwriting import allow_decompression
from usage.rollups import keeping
from usage.rollups.many import execute_for_each

_PAGE = 5_000
_FIRST_STEP, _LARGEST_STEP = 200, 2_000
_COLUMNS = ", ".join(f'"{name}" = %s' for name in STORED_TEXTS)
_REWRITE = f"UPDATE usage_metrics SET {_COLUMNS} WHERE id = %s"

_Row = tuple[Any, ...]  # id, then STORED_TEXTS


@dataclass(frozen=True)
class KeyRows:
    """Of some rows that were looked at: how many held keys, and in which columns."""

    looked_at: int = 0
    with_keys: int = 0
    columns: Counter[str] = field(default_factory=Counter)


def row_count() -> int:
    return UsageMetric.objects.count()


def find_key_rows() -> Iterator[KeyRows]:
    """Only counts."""
    for page in _pages():
        yield _counted(len(page), _with_keys(page))


def redact_rows() -> Iterator[KeyRows]:
    """Take the keys out, a little in each transaction, and the sums of the rows along."""
    pace = Pace(first=_FIRST_STEP, most=_LARGEST_STEP)
    for page in _pages():
        done: list[dict[str, str]] = []
        ids = [row_id for row_id, _ in _with_keys(page)]
        while ids:
            some, ids = ids[: pace.size], ids[pace.size :]
            with pace.step():
                allow_decompression()
                done += _rewrite(some)
        yield _counted(len(page), list(enumerate(done)))


def _pages() -> Iterator[list[_Row]]:
    """In the order of ids, so that the table is read once. As far as it goes now: what comes
    later is stored without keys."""
    ids = UsageMetric.objects.order_by("pk").values_list("pk", flat=True)
    first, last = ids.first(), ids.last()
    if first is None:
        return
    rows = UsageMetric.objects.filter(pk__lte=last).order_by("pk")
    page = list(rows.filter(pk__gte=first).values_list("pk", *STORED_TEXTS)[:_PAGE])
    while page:
        yield page
        page = list(rows.filter(pk__gt=page[-1][0]).values_list("pk", *STORED_TEXTS)[:_PAGE])


def _with_keys(page: list[_Row]) -> list[tuple[int, dict[str, str]]]:
    found = []
    for row_id, *texts in page:
        changes = live_keys.changes(dict(zip(STORED_TEXTS, texts, strict=True)))
        if changes:
            found.append((row_id, changes))
    return found


def _rewrite(ids: list[int]) -> list[dict[str, str]]:
    """Read again once the rows are ours: somebody may have changed or removed some."""
    keeping.take_out_rows(ids)
    rows = UsageMetric.objects.filter(pk__in=ids).values_list("pk", *STORED_TEXTS)
    texts = {row_id: dict(zip(STORED_TEXTS, rest, strict=True)) for row_id, *rest in rows}
    found = {row_id: live_keys.changes(each) for row_id, each in texts.items()}
    execute_for_each(
        _REWRITE,
        [(*(texts[row_id] | changes).values(), row_id) for row_id, changes in found.items()],
    )
    keeping.add_rows(ids)
    return [changes for changes in found.values() if changes]


def _counted(looked_at: int, found: list[tuple[int, dict[str, str]]]) -> KeyRows:
    columns = Counter(name for _, changes in found for name in changes)
    return KeyRows(looked_at, len(found), columns)
