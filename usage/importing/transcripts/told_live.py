"""Calls of a transcript that were told while it was written: by the agent, or by a proxy."""

import datetime as dt
from collections.abc import Iterator, Sequence

from usage.models import UsageMetric
from usage.recording.agent_reports import AT_ONCE
from usage.records import UsageRecord

# How far the clocks and the last part of an answer may be from what was told live.
NEARBY = dt.timedelta(minutes=2)
_CODEX = "codex"
_COUNTS = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")


def told_by_id(records: Sequence[UsageRecord], ids: Sequence[tuple[str, ...]]) -> list[bool]:
    """Of each record whether a row nearby is of an answer with one of its ids."""
    wanted = {each for some in ids for each in some}
    live = {
        response_id
        for since, until in _windows(records, NEARBY)
        for response_id in UsageMetric.objects.filter(timestamp__range=(since, until))
        .exclude(response_id=None)
        .values_list("response_id", flat=True)
        if response_id in wanted
    }
    return [not live.isdisjoint(some) for some in ids]


def told_by_counts(records: Sequence[UsageRecord]) -> list[bool]:
    """Of each record whether Codex has told an answer with the same tokens at that time.

    Its reports have no ids; each tells one call.
    """
    times: dict[tuple[int, ...], list[dt.datetime]] = {}
    for since, until in _windows(records, AT_ONCE):
        rows = UsageMetric.objects.filter(source=_CODEX, timestamp__range=(since, until))
        for at, *counts in rows.values_list("timestamp", *_COUNTS):
            key = tuple(count or 0 for count in counts)
            times.setdefault(key, []).append(at)
    found = []
    for record in records:
        key = tuple(getattr(record, name) or 0 for name in _COUNTS)
        near = [at for at in times.get(key, ()) if abs(at - record.timestamp) <= AT_ONCE]
        if near:
            times[key].remove(near[0])
        found.append(bool(near))
    return found


def _windows(
    records: Sequence[UsageRecord], margin: dt.timedelta
) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """The times round the records, each once."""
    times = sorted(record.timestamp for record in records)
    if not times:
        return
    since = until = times[0]
    for at in times:
        if at - until > 2 * margin:
            yield since - margin, until + margin
            since = at
        until = at
    yield since - margin, until + margin
