"""What `GET /_qs/metrics` must answer, computed the slow and simple way from all rows."""

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from usage.rollups.name_entries import ALWAYS
from usage.statuses import is_failure

Row = dict[str, Any]  # the columns of usage_metrics
MICROSECOND, HOUR, DAY = dt.timedelta(microseconds=1), dt.timedelta(hours=1), dt.timedelta(days=1)
TOKENS = ("prompt_tokens", "completion_tokens", "cached_tokens", "cache_write_tokens",
          "reasoning_tokens")  # fmt: skip
STEPS = {"1m": 1, "5m": 5, "15m": 15, "hour": 60}  # minutes


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    failed = sum(is_failure(row["status"]) for row in rows)
    costs = [row["cost_usd"] for row in rows if row["cost_usd"] is not None]
    return {
        "tokens": sum(row["total_tokens"] or 0 for row in rows),
        "requests": len(rows),
        **{name: sum(row[name] or 0 for row in rows) for name in TOKENS},
        "failed_requests": failed,
        "success_rate": round(1 - failed / len(rows), 9) if rows else None,
        "avg_latency_ms": average(row["latency_ms"] for row in rows),
        "avg_ttft_ms": average(row["ttft_ms"] for row in rows),
        "cost_usd": round(sum(costs), 9) if costs or not rows else None,
        "unpriced_requests": len(rows) - len(costs),
    }


def average(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 6) if known else None


def percentile(rows: Sequence[Row], column: str, share: float) -> float | None:
    """percentile_cont."""
    values = sorted(row[column] for row in rows if row[column] is not None)
    if not values:
        return None
    rank = share * (len(values) - 1)
    low, high = values[int(rank)], values[min(int(rank) + 1, len(values) - 1)]
    return low + (high - low) * (rank - int(rank))


OTHER = "(other)"
WHO_AND_WHAT = ("user", "team", "project", "app", "source", "account")  # that rows may lack
FILTERS = ("model", "provider", "api_key_hash", "status", *WHO_AND_WHAT)


@dataclass(frozen=True)
class Names:
    """What each name counts as: from when on (Unix seconds) it counts under itself, by dimension
    and name; those that are missing always do."""

    counts_from: dict[tuple[str, str], int] = field(default_factory=dict)

    def is_other(self, row: Row, dimension: str) -> bool:
        at = self.counts_from.get((dimension, row[dimension] or ""))
        return at is not None and math.floor(row["timestamp"].timestamp()) < at

    def shown(self, row: Row, dimension: str, question: dict[str, Any]) -> str:
        """A name that is asked for shows, whatever it counts as; so does what has no name."""
        asked = question.get(dimension) or []
        is_asked = OTHER not in asked and (row[dimension] or "") in asked
        is_other = self.is_other(row, dimension) and not is_asked
        return OTHER if is_other else row[dimension] or ""

    def is_told_by_rows(self, row: Row, question: dict[str, Any]) -> bool:
        """Whether a question names what no sums tell apart."""
        return any(
            self.is_other(row, name) and self._are_told_apart(name, question) for name in FILTERS
        )

    def _are_told_apart(self, dimension: str, question: dict[str, Any]) -> bool:
        """Whether some but not all of what counts as (other) is asked for."""
        asked, left_out = (question.get(name) or [] for name in (dimension, f"not_{dimension}"))
        if OTHER in left_out:
            return False
        if asked and OTHER not in asked:
            return True
        return any(
            is_one_of(name, dimension, left_out) and at > ALWAYS
            for (kind, name), at in self.counts_from.items()
            if kind == dimension
        )

    def are_some_apart(self, dimension: str, question: dict[str, Any]) -> bool:
        """Whether a filter by names tells some of what counts as (other) from the rest."""
        asked, left_out = (question.get(name) or [] for name in (dimension, f"not_{dimension}"))
        named = left_out if not asked or OTHER in asked else asked
        return OTHER not in left_out and any(
            self.counts_from.get((dimension, name), ALWAYS) > ALWAYS for name in named
        )

    def matches(self, row: Row, question: dict[str, Any]) -> bool:
        """Whether a row is among those that the filters of a question leave."""
        start, end = question.get("from"), question.get("to")
        return (
            (start is None or row["timestamp"] >= start)
            and (end is None or row["timestamp"] <= end)
            and all(self._has(row, name, question[name]) for name in FILTERS if question.get(name))
            and not any(self._has(row, name, question.get(f"not_{name}") or []) for name in FILTERS)
        )

    def _has(self, row: Row, dimension: str, wanted: list[str]) -> bool:
        if OTHER in wanted and self.is_other(row, dimension):
            return True
        return is_one_of(row[dimension] or "", dimension, wanted)


def is_one_of(name: str, dimension: str, wanted: Iterable[str]) -> bool:
    """ "" is what has no value."""
    if dimension == "status":
        return any(is_status(name, each) for each in wanted)
    return name in wanted


def is_restricted(question: dict[str, Any], *dimensions: str) -> bool:
    return any(question.get(name) or question.get(f"not_{name}") for name in dimensions)


def is_status(status: str, wanted: str) -> bool:
    if wanted == "error":
        return is_failure(status)
    if wanted.endswith("xx"):
        return f"{wanted[0]}00" <= status <= f"{wanted[0]}99"
    return status == wanted


def grouped(rows: Sequence[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    groups = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return dict(groups)


def parts(
    rows: Sequence[Row], names: Callable[[Row], tuple[str, ...]], order_by: str
) -> list[tuple[tuple[str | None, ...], list[Row]]]:
    """By names, in the order of the answer; None and "" are the same."""
    figure = {"cost": "cost_usd"}.get(order_by, order_by)

    def place(group: tuple[tuple[str, ...], list[Row]]) -> tuple[float, tuple[str, ...]]:
        return -(figures(group[1])[figure] or 0), group[0]

    groups = sorted(grouped(rows, names).items(), key=place)
    return [(tuple(name or None for name in some), group) for some, group in groups]


# --- Buckets ----------------------------------------------------------------------------------


def bucket_of(moment: dt.datetime, interval: str, zone: ZoneInfo) -> dt.datetime:
    """Where the bucket begins that a moment falls into."""
    if interval in STEPS:
        return _clock_bucket(moment, STEPS[interval], zone)
    day = moment.astimezone(zone).date() + DAY
    while first_moment(day, zone) > moment:
        day -= DAY
    if interval == "week":
        day -= day.weekday() * DAY
    if interval == "month":
        day = day.replace(day=1)
    return first_moment(day, zone)


def _clock_bucket(moment: dt.datetime, minutes: int, zone: ZoneInfo) -> dt.datetime:
    """Back by what the local clock shows past the hour or quarter, but not past its last change."""
    local = moment.astimezone(zone)
    past = dt.timedelta(
        minutes=local.minute % minutes, seconds=local.second, microseconds=local.microsecond
    )
    start = moment - past
    if start.astimezone(zone).minute % minutes:  # the clock was changed in between
        start = start.replace(second=0, microsecond=0)
        while start.astimezone(zone).utcoffset() != local.utcoffset():
            start += dt.timedelta(minutes=1)
    return start


@lru_cache(maxsize=10_000)
def first_moment(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    """The first minute whose local date is not before `day`."""
    moment = dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC) - DAY
    while moment.astimezone(zone).date() < day:
        moment += dt.timedelta(minutes=1)
    return moment


def following(bucket: dt.datetime, interval: str, zone: ZoneInfo) -> dt.datetime:
    """Where the next bucket begins."""
    least = {"day": 20, "week": 24 * 6, "month": 24 * 27}.get(interval, 0)
    moment = bucket + dt.timedelta(hours=least)
    step = dt.timedelta(minutes=min(STEPS.get(interval, 60), 15))
    while (found := bucket_of(moment, interval, zone)) == bucket:
        moment += step
    return found
