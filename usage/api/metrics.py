"""`GET /_qs/metrics`: totals, parts and a series of the usage that a question is about."""

import datetime as dt
import json
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.views import APIView

from usage.api.negotiation import RefusesOtherData
from usage.api.schema import METRICS
from usage.api.streaming import streamed
from usage.asking import parameters
from usage.asking.filters import UsageFilter
from usage.asking.refusal import ApiError
from usage.periods import UTC, Period, rfc3339
from usage.queries import (
    HOURLY_WITH_PERCENTILES,
    INTERVALS,
    MOST_BUCKETS,
    MOST_ROWS,
    PARTS_LISTED,
    Breakdown,
    Bucket,
    Figures,
    Part,
    Percentiles,
    Summary,
    TooManyBuckets,
    TooManyRowsOfOthers,
    TooManyRowsToRead,
    Turn,
    UsageReport,
    report_in_portions,
    usage_report,
    without_gaps,
)
from usage.rollups.declarations import DIMENSIONS, SUMMED

# What `group_by` may be, and the column that it means.
_GROUPS = {DIMENSIONS[name].group: name for name in SUMMED}
_MILLION, _BILLION = 10**6, 10**9
_OWN_PARAMETERS = ("interval", "tz", "group_by", "compare", "fill", "limit")
_LISTS = {column: f"by_{group}" for group, column in _GROUPS.items()}
_MOST_PARTS = 10_000


class MetricsView(APIView):
    content_negotiation_class = RefusesOtherData

    @METRICS
    def get(self, request: Request) -> HttpResponseBase:
        query = request.query_params
        parameters.refuse_unknown(query, [*parameters.FILTERS, *_OWN_PARAMETERS])
        wanted = parameters.usage_filter(query)
        group = parameters.choice(query, "group_by", [*_GROUPS], "model")
        breakdown = Breakdown(
            interval=parameters.choice(query, "interval", INTERVALS, "hour"),
            zone=parameters.zone(query, "tz"),
            group_by=_GROUPS[group],
            with_percentiles=True,
            with_previous=bool(parameters.choice(query, "compare", ["previous"])),
            limit=parameters.whole_number(query, "limit", _MOST_PARTS, PARTS_LISTED),
        )
        fill = parameters.flag(query, "fill")
        if breakdown.with_previous:
            wanted = replace(wanted, period=_closed(wanted.period))
        try:
            with Turn() as turn:
                answer = render_report(_report(wanted, breakdown, turn, fill=fill), breakdown)
                if group != "model":
                    answer[f"by_{group}"] = answer.pop("by_group")
                return HttpResponse(_as_json(answer), "application/json")
        except TooManyBuckets:
            if _is_never_refused(wanted, breakdown) and not fill:
                return streamed(_in_pieces(wanted), "application/json")
            raise _too_long(fill=fill) from None


def _is_never_refused(wanted: UsageFilter, breakdown: Breakdown) -> bool:
    """The question that other programs ask: ranges and models alone, by hours of UTC."""
    return breakdown == HOURLY_WITH_PERCENTILES and wanted.dimensions <= {"model"}


def _in_pieces(wanted: UsageFilter) -> Generator[bytes]:
    """The same JSON that fewer hours would be, with the series at its end."""
    with Turn() as turn, report_in_portions(wanted, turn) as (summary, portions):
        yield _as_json(_summary(summary)).removesuffix(b"}") + b',"timeseries":['
        separator = b""
        for portion in portions:
            if portion:
                yield separator + _as_json(_series(portion, UTC)).strip(b"[]")
                separator = b","
        yield b"]}"


class _FiguresAnswer(msgspec.Struct, gc=False):
    tokens: int
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    failed_requests: int
    success_rate: float | None
    avg_latency_ms: float | None
    avg_ttft_ms: float | None
    cost_usd: float | None
    unpriced_requests: int


class _BucketAnswer(_FiguresAnswer, gc=False):
    """Thousands of them may be answered, which as dictionaries takes twice as long."""

    bucket_start: dt.datetime | str


def render_report(report: UsageReport, breakdown: Breakdown) -> dict[str, Any]:
    """The contract's answer. The first names of each part are older than the rest: keep them."""
    answer = _summary(report) | {"timeseries": _series(report.timeseries, breakdown.zone)}
    if report.previous is not None:
        answer["previous"] = _summary(report.previous)
    if breakdown.group_by != "model":
        name = breakdown.group_by
        answer["by_group"] = [{name: part.name or None, **_part(part)} for part in report.by_group]
    return answer


def _series(series: Sequence[Bucket], zone: ZoneInfo) -> list[_BucketAnswer]:
    return [_BucketAnswer(*(*_values(bucket.figures), _start(bucket, zone))) for bucket in series]


def _closed(period: Period) -> Period:
    """With both ends, which a comparison with an equally long one needs."""
    end = period.end or timezone.now()
    if period.start is None:
        message = "`compare` needs `from`, so that there is an equally long period before it"
        raise ApiError(400, message, parameter="compare")
    if period.start > end:
        message = "`from` is later than now: give `to` as well, or leave `compare` out"
        raise ApiError(400, message, parameter="from")
    return Period(period.start, end)


def _report(wanted: UsageFilter, breakdown: Breakdown, turn: Turn, *, fill: bool) -> UsageReport:
    try:
        report = usage_report(wanted, breakdown, turn)
        if not fill:
            return report
        interval, zone = breakdown.interval, breakdown.zone
        series = without_gaps(report.timeseries, report.covered, interval, zone)
        return replace(report, timeseries=series)
    except TooManyRowsOfOthers as error:
        raise ApiError(400, str(error)) from None
    except TooManyRowsToRead as error:
        raise ApiError(
            400,
            f"no sums are as fine as this, and up to {error} rows would have to be read, of "
            f"which {MOST_ROWS} are the most: narrow `from` and `to`, or ask for "
            "`interval=day` in UTC with both ends at its midnights",
            parameter="interval",
        ) from None


def _too_long(*, fill: bool) -> ApiError:
    return ApiError(
        400,
        f"the series would have more than {MOST_BUCKETS:,} buckets, which are the most: narrow "
        "`from` and `to`, or ask for a longer `interval`"
        + (", or leave `fill` out" if fill else ""),
        parameter="fill" if fill else "interval",
    )


def _summary(summary: Summary) -> dict[str, Any]:
    totals = summary.totals
    answer = {
        "totals": {
            "total_tokens": totals.tokens,
            "total_requests": totals.requests,
            **_figures(totals),
            **_percentiles(summary.percentiles),
        },
        "by_model": [{"model": part.name, **_part(part)} for part in summary.by_model],
        "query_period": _period(summary.period),
    }
    if summary.others:
        answer["others"] = {
            _LISTS[column]: {"names": others.names, **_figures(others.figures)}
            for column, others in summary.others.items()
        }
    if summary.covered != summary.period:
        answer["covered_period"] = _period(summary.covered)
    return answer


def _part(part: Part) -> dict[str, Any]:
    return {**_figures(part.figures), **_percentiles(part.percentiles)}


def _figures(figures: Figures) -> dict[str, Any]:
    return msgspec.structs.asdict(_FiguresAnswer(*_values(figures)))


def _values(figures: Figures) -> tuple[Any, ...]:
    """In the order of _FiguresAnswer."""
    return (
        figures.tokens,
        figures.requests,
        figures.prompt_tokens,
        figures.completion_tokens,
        figures.cached_tokens,
        figures.cache_write_tokens,
        figures.reasoning_tokens,
        figures.failed_requests,
        _rounded(figures.success_rate, _BILLION),
        _rounded(figures.avg_latency_ms, _MILLION),
        _rounded(figures.avg_ttft_ms, _MILLION),
        _rounded(figures.cost_usd, _BILLION),
        figures.unpriced_requests,
    )


def _percentiles(percentiles: Percentiles | None) -> dict[str, Any]:
    if percentiles is None:
        return {}
    found = msgspec.structs.asdict(percentiles)
    return {name: _rounded(value, _MILLION) for name, value in found.items()}


def _rounded(value: float | None, parts: int) -> float | None:
    """To whole parts of one, so that the order of addition cannot show; whole numbers stay whole.

    Python's own rounding to digits takes five times as long.
    """
    if value is None:
        return None
    count = round(value * parts)
    return count / parts if count % parts else count // parts


def _period(period: Period) -> dict[str, str | None]:
    return {
        "from": rfc3339(period.start) if period.start else None,
        "to": rfc3339(period.end) if period.end else None,
    }


def _start(bucket: Bucket, zone: ZoneInfo) -> dt.datetime | str:
    """In UTC it is left to the encoder, which is much quicker."""
    return bucket.start if zone is UTC else rfc3339(bucket.start, zone)


def _as_json(answer: Any) -> bytes:
    try:
        return msgspec.json.encode(answer)
    except OverflowError:  # it writes no numbers past 64 bits
        text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"), default=_plain)
        return text.encode()


def _plain(value: _BucketAnswer | dt.datetime) -> Any:
    if isinstance(value, _BucketAnswer):
        return msgspec.structs.asdict(value)
    return rfc3339(value)
