"""Gives rows the cost that their models' prices make of them now; the sums follow."""

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from django.db.models import Q

from usage.database.compression import OpenChunk, without_bound
from usage.database.pace import Pace
from usage.database.statements import execute_for_each
from usage.models import UsageMetric, UsageMetricQuerySet, chunked
from usage.pricing import TokenCounts, current_prices
from usage.pricing.sources import NOT_BY_TOKENS, RECKONED
from usage.rollups import keeping
from usage.rollups.places import Place

_PAGE = 5_000
_FIRST_STEP, _LARGEST_STEP = 200, 2_000
_PRECISION = 1e-9
_NEVER_REPORTED = Q(cost_source__in=(*RECKONED, NOT_BY_TOKENS)) | Q(cost_source=None, cost_usd=None)
_SET_COST = "UPDATE usage_metrics SET cost_usd = %s, cost_source = %s WHERE id = %s"
_COLUMNS = (
    *(
        "id",
        "timestamp",
        "api_key_hash",
        "model",
        "provider",
        "status",
        "prompt_tokens",
        "completion_tokens",
    ),
    *("cached_tokens", "cache_write_tokens", "reasoning_tokens", "cache_write_1h_tokens"),
    *("audio_input_tokens", "audio_output_tokens", "image_input_tokens", "image_output_tokens"),
    *("service_tier", "cost_usd", "cost_source"),
)


class Change(NamedTuple):
    """A row whose cost is another now; None is unknown."""

    row_id: int
    at: dt.datetime
    key: str | None
    model: str
    before_usd: float | None
    after_usd: float | None
    source: str | None


@dataclass(frozen=True)
class RepricedPage:
    """How many rows were looked at, and what changed among them."""

    rows: int
    changes: list[Change]


def candidates(since: dt.datetime | None, models: Sequence[str]) -> UsageMetricQuerySet:
    """Rows of which nobody has reported a cost."""
    rows = UsageMetric.objects.filter(_NEVER_REPORTED)
    if models:
        rows = rows.having("model", models)
    return rows if since is None else rows.filter(timestamp__gte=since)


def cost_changes(rows: UsageMetricQuerySet) -> Iterator[RepricedPage]:
    """What would change, newest rows first; nothing is written."""
    for page in rows.pages(_COLUMNS, _PAGE):
        yield RepricedPage(len(page), _changes(page))


def reprice(rows: UsageMetricQuerySet) -> Iterator[RepricedPage]:
    """Write what changes, a little in each transaction, and tell what was written."""
    pace = Pace(first=_FIRST_STEP, most=_LARGEST_STEP)
    opened = OpenChunk()
    try:
        for step in cost_changes(rows):
            page = [(change.row_id, change.at, change.key) for change in step.changes]
            written: list[Change] = []
            for part in chain.from_iterable(chunked.steps_of(page, opened)):
                ids = part.ids
                while ids:
                    some, ids = ids[: pace.size], ids[pace.size :]
                    with pace.step():
                        part.begin()
                        written += _write(rows, some, part.place)
            yield RepricedPage(step.rows, written)
    finally:
        opened.close()


def _write(rows: UsageMetricQuerySet, ids: Sequence[int], place: Place | None) -> list[Change]:
    """Reckoned again once the rows are ours: somebody may have changed or removed some."""
    keeping.take_out_rows(ids, place)
    those = rows.filter(pk__in=ids) if place is None else place.of(rows.filter(pk__in=ids))
    found = _changes(list(those.values_list(*_COLUMNS)))
    there, parameters = ("", []) if place is None else place.condition()
    with without_bound():
        execute_for_each(
            _SET_COST + there,
            [(change.after_usd, change.source, change.row_id, *parameters) for change in found],
        )
    keeping.add_rows(ids, place)
    return found


def _changes(page: list[tuple[Any, ...]]) -> list[Change]:
    found, prices = [], current_prices()
    for row_id, at, key, model, provider, status, *tokens, tier, before, source_before in page:
        counts = TokenCounts(*(count or 0 for count in tokens))
        after, source = prices.cost_of(model, provider, at, status, counts, tier)
        if source != source_before or not _is_same(before, after):
            found.append(Change(row_id, at, key, model, before, after, source))
    return found


def _is_same(before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return before is after
    return math.isclose(before, after, rel_tol=_PRECISION)
