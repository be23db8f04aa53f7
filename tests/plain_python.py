"""What `GET /_qs/metrics` must answer, computed the slow and simple way from all rows."""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from usage.statuses import is_failure

Row = dict[str, Any]  # the columns of usage_metrics
MICROSECOND, DAY = dt.timedelta(microseconds=1), dt.timedelta(days=1)
TOKENS = ("prompt_tokens", "completion_tokens", "cached_tokens", "cache_write_tokens",
          "reasoning_tokens")  # fmt: skip
STEPS = {"15m": 15, "hour": 60}  # minutes


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


def matches(row: Row, question: dict[str, Any]) -> bool:
    """Whether a row is among those that the filters of a question leave."""
    start, end = question.get("from"), question.get("to")
    return (
        (start is None or row["timestamp"] >= start)
        and (end is None or row["timestamp"] <= end)
        and all(
            row[name] in question[name]
            for name in ("model", "provider", "api_key_hash")
            if question.get(name)
        )
        and (
            not question.get("status")
            or any(is_status(row["status"] or "", wanted) for wanted in question["status"])
        )
    )


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


def parts(rows: Sequence[Row], column: str) -> list[tuple[str | None, list[Row]]]:
    """By the values of a column, in the order of the answer; None and "" are the same."""
    groups = grouped(rows, lambda row: row[column] or "")
    by_tokens = sorted(groups.items(), key=lambda group: (-figures(group[1])["tokens"], group[0]))
    return [(name or None, group) for name, group in by_tokens]


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
    step = dt.timedelta(minutes=15) if interval in STEPS else dt.timedelta(hours=1)
    while (found := bucket_of(moment, interval, zone)) == bucket:
        moment += step
    return found
