"""A usage report as the contract's answer: rounded, named, and encoded."""

import datetime as dt
import json
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET

from usage.account_labels import AccountLabels
from usage.api.shapes.metrics_answer import (
    ACCOUNT,
    LISTS,
    PARTS,
    BucketAnswer,
    FiguresAnswer,
    Others,
    OthersAnswer,
    PeriodAnswer,
    ReportAnswer,
    SeriesAnswer,
    SummaryAnswer,
    Totals,
    shape_of,
)
from usage.periods import UTC, Period, rfc3339
from usage.queries import (
    BY_MODEL,
    Breakdown,
    Bucket,
    By,
    Figures,
    NamedSeries,
    Part,
    Percentiles,
    Summary,
    UsageReport,
)
from usage.rollups.declarations import DIMENSIONS

_SOURCE = "source"
_MILLION, _BILLION = 10**6, 10**9
_FIELDS = FiguresAnswer.__struct_fields__  # each is one of Figures' fields or properties
_answered = attrgetter(*_FIELDS)
# Averages and shares, by their place, and to which part of one.
_ROUNDED = [
    (place, _MILLION if name.endswith("_ms") else _BILLION)
    for place, name in enumerate(_FIELDS)
    if name not in Figures.__struct_fields__
]


def report_answer(report: UsageReport, breakdown: Breakdown) -> Any:
    """A ReportAnswer."""
    parts = {LISTS[by]: _parts(by, report.parts[by]) for by in breakdown.group_by}
    previous = UNSET if report.previous is None else summary_answer(report.previous)
    zone, none = breakdown.zone, Percentiles() if breakdown.percentiles_by_bucket else None
    return ReportAnswer(
        **_summary(report),
        timeseries=series_answer(report.timeseries, zone, none),
        series=UNSET if report.series is None else _named_series(report.series, zone),
        previous=previous,
        **parts,
    )


def summary_answer(summary: Summary) -> Any:
    """A SummaryAnswer."""
    return SummaryAnswer(**_summary(summary))


def series_answer(
    series: Sequence[Bucket], zone: ZoneInfo, none: Percentiles | None = None
) -> list[Any]:
    """Of BucketAnswers: thousands there may be, so by position and without dictionaries.

    `none` are the percentiles of a bucket that has none.
    """
    return [
        BucketAnswer(
            _start(bucket, zone),
            *_figures(bucket.figures),
            *_percentiles(bucket.percentiles or none),
        )
        for bucket in series
    ]


def _named_series(series: Sequence[NamedSeries], zone: ZoneInfo) -> list[Any]:
    return [
        SeriesAnswer(
            each.name or None,
            series_answer(each.timeseries, zone),
            True if each.are_others else UNSET,
        )
        for each in series
    ]


def encoded(answer: Any) -> bytes:
    try:
        return msgspec.json.encode(answer)
    except OverflowError:  # it writes no numbers past 64 bits
        plain = msgspec.to_builtins(answer)
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()


def _summary(summary: Summary) -> dict[str, Any]:
    totals = summary.totals
    is_covered = summary.covered == summary.period
    return {
        "totals": Totals(
            totals.tokens,
            totals.requests,
            *_figures(totals),
            *_percentiles(summary.percentiles or Percentiles()),
        ),
        "by_model": _parts(BY_MODEL, summary.by_model),
        "query_period": _period(summary.period),
        "others": _others(summary) if summary.others else UNSET,
        "percentiles_note": summary.percentiles_note or UNSET,
        "covered_period": UNSET if is_covered else _period(summary.covered),
        "unknown_before": rfc3339(summary.unknown_before) if summary.unknown_before else UNSET,
    }


def _others(summary: Summary) -> Any:
    return Others(
        **{
            LISTS[by]: OthersAnswer(others.names, *_figures(others.figures))
            for by, others in summary.others.items()
        }
    )


def _parts(by: By, parts: Sequence[Part]) -> list[Any]:
    order = shape_of(by)
    places = [(by.index(name), "" if DIMENSIONS[name].is_required else None) for name in order]
    label_of = _labels(by) if ACCOUNT in by else _no_label
    return [
        PARTS[order](
            *(part.names[place] or none for place, none in places),
            *label_of(part),
            *_figures(part.figures),
            *_percentiles(part.percentiles),
        )
        for part in parts
    ]


def _labels(by: By) -> Callable[[Part], tuple[str | None]]:
    """Beside each account what people call it; its id stays what it is."""
    labels, account = AccountLabels(), by.index(ACCOUNT)
    source = by.index(_SOURCE) if _SOURCE in by else None
    return lambda part: (
        labels.of(None if source is None else part.names[source], part.names[account] or None),
    )


def _no_label(_: Part) -> tuple[()]:
    return ()


def _figures(figures: Figures) -> list[Any]:
    """In the order of FiguresAnswer."""
    values = list(_answered(figures))
    for place, parts in _ROUNDED:
        values[place] = _rounded(values[place], parts)
    return values


def _percentiles(percentiles: Percentiles | None) -> list[float | None]:
    """In the order of PercentilesAnswer; nothing of parts that have none."""
    found = msgspec.structs.astuple(percentiles) if percentiles else ()
    return [_rounded(value, _MILLION) for value in found]


def _rounded(value: float | None, parts: int) -> float | None:
    """To whole parts of one, so that the order of addition cannot show; whole numbers stay whole.

    Python's own rounding to digits takes five times as long.
    """
    if value is None:
        return None
    count = round(value * parts)
    return count / parts if count % parts else count // parts


def _period(period: Period) -> PeriodAnswer:
    return PeriodAnswer(
        rfc3339(period.start) if period.start else None,
        rfc3339(period.end) if period.end else None,
    )


def _start(bucket: Bucket, zone: ZoneInfo) -> dt.datetime | str:
    """In UTC it is left to the encoder, which is much quicker."""
    return bucket.start if zone is UTC else rfc3339(bucket.start, zone)
