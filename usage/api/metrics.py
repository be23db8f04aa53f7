"""`GET /_qs/metrics`: totals, parts and a series of the usage that a question is about."""

from collections.abc import Generator
from dataclasses import replace

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.views import APIView

from usage.api.negotiation import RefusesOtherData
from usage.api.questions import (
    COMPARE,
    FILL,
    GROUP_BY,
    INTERVAL,
    METRICS_QUESTION,
    ORDER_BY,
    PARTS,
    PERCENTILES,
    SERIES_BY,
    TOP,
    ZONE,
)
from usage.api.rendering import encoded, report_answer, series_answer, summary_answer
from usage.api.schema import METRICS
from usage.api.shapes.metrics_answer import GROUPS
from usage.api.streaming import streamed
from usage.asking import parameters
from usage.asking.declared import parameter_names
from usage.asking.filters import UsageFilter
from usage.asking.refusal import ApiError
from usage.periods import UTC, Period
from usage.queries import (
    BY_MODEL,
    HOURLY_WITH_PERCENTILES,
    MOST_BUCKETS,
    MOST_ROWS,
    Breakdown,
    Bucket,
    By,
    RangeTooLong,
    TooManyBuckets,
    TooManyRowsOfOthers,
    TooManyRowsToRead,
    Turn,
    UsageReport,
    report_in_portions,
    usage_report,
    without_gaps,
)


class MetricsView(APIView):
    content_negotiation_class = RefusesOtherData

    @METRICS
    def get(self, request: Request) -> HttpResponseBase:
        query = request.query_params
        parameters.refuse_unknown(query, parameter_names(METRICS_QUESTION))
        wanted = parameters.usage_filter(query)
        breakdown = Breakdown(
            interval=INTERVAL.of(query),
            zone=ZONE.of(query),
            group_by=_lists_asked_for(GROUP_BY.of(query)),
            order_by=ORDER_BY.of(query),
            series_by=_dimension(SERIES_BY.of(query)),
            top=TOP.of(query),
            with_percentiles=True,
            percentiles_by_bucket=PERCENTILES.of(query),
            with_previous=bool(COMPARE.of(query)),
            limit=PARTS.of(query),
        )
        fill = FILL.of(query)
        if breakdown.with_previous:
            wanted = replace(wanted, period=_closed(wanted.period))
        try:
            with Turn() as turn:
                answer = report_answer(_report(wanted, breakdown, turn, fill=fill), breakdown)
                return HttpResponse(encoded(answer), "application/json")
        except TooManyBuckets:
            if _is_never_refused(wanted, breakdown) and not fill:
                return streamed(_in_pieces(wanted), "application/json")
            raise _too_long(fill=fill, with_parts=bool(breakdown.series_by)) from None


def _lists_asked_for(group_by: str) -> tuple[By, ...]:
    """Besides that by model, which is always there."""
    by = GROUPS[group_by]
    return () if by == BY_MODEL else (by,)


def _dimension(group: str) -> str:
    """Under the name of its column; empty where none is asked for."""
    return GROUPS[group][0] if group else ""


def _is_never_refused(wanted: UsageFilter, breakdown: Breakdown) -> bool:
    """The question that other programs ask: ranges and models alone, by hours of UTC."""
    return breakdown == HOURLY_WITH_PERCENTILES and wanted.dimensions <= {"model"}


def _in_pieces(wanted: UsageFilter) -> Generator[bytes]:
    """The same JSON that fewer hours would be, with the series at its end."""
    with Turn() as turn, report_in_portions(wanted, turn) as (summary, portions):
        yield encoded(summary_answer(summary)).removesuffix(b"}") + b',"timeseries":['
        separator = b""
        for portion in portions:
            if portion:
                yield separator + encoded(series_answer(portion, UTC)).strip(b"[]")
                separator = b","
        yield b"]}"


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
        return _filled(report, breakdown)
    except TooManyRowsOfOthers as error:
        raise ApiError(400, str(error)) from None
    except RangeTooLong as error:
        raise ApiError(400, str(error), parameter="interval") from None
    except TooManyRowsToRead as error:
        raise ApiError(
            400,
            f"no sums are as fine as this, and up to {error} rows would have to be read, of "
            f"which {MOST_ROWS} are the most: narrow `from` and `to`, or ask for "
            "`interval=day` in UTC with both ends at its midnights",
            parameter="interval",
        ) from None


def _filled(report: UsageReport, breakdown: Breakdown) -> UsageReport:
    """With an empty bucket in every gap of every series."""
    series = report.series or []

    def filled(some: list[Bucket]) -> list[Bucket]:
        interval, zone = breakdown.interval, breakdown.zone
        return without_gaps(some, report.covered, interval, zone, 1 + len(series))

    report = replace(report, timeseries=filled(report.timeseries))
    if report.series is None:
        return report
    return replace(
        report, series=[replace(each, timeseries=filled(each.timeseries)) for each in series]
    )


def _too_long(*, fill: bool, with_parts: bool) -> ApiError:
    return ApiError(
        400,
        f"the series would have more than {MOST_BUCKETS:,} buckets, which are the most: narrow "
        "`from` and `to`, or ask for a longer `interval`"
        + (" or a smaller `top`" if with_parts else "")
        + (", or leave `fill` out" if fill else ""),
        parameter="fill" if fill else "interval",
    )
