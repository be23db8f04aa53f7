"""`GET /_qs/metrics`: totals, parts by model and the hourly series of a filter."""

from dataclasses import replace
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from usage.api import parameters
from usage.api.errors import ApiError
from usage.api.schema import METRICS
from usage.filters import UsageFilter
from usage.periods import Period, rfc3339
from usage.queries import (
    MOST_BUCKETS,
    Bucket,
    Figures,
    TooManyBuckets,
    UsageReport,
    usage_report,
    without_gaps,
)

# What the series and its zone are so far, for clients that say so.
_DEFAULTS = {"interval": "hour", "tz": "UTC", "group_by": "model"}


class MetricsView(APIView):
    @METRICS
    def get(self, request: Request) -> Response:
        query = request.query_params
        parameters.refuse_unknown(query, [*parameters.FILTERS, "fill", *_DEFAULTS])
        usage = parameters.usage_filter(query)
        for name, value in _DEFAULTS.items():
            parameters.require_value(query, name, value)
        fill = parameters.flag(query, "fill")
        report = usage_report(usage)
        if fill:
            report = replace(report, timeseries=_without_gaps(report, usage.period))
        return Response(render_report(usage, report))


def _without_gaps(report: UsageReport, period: Period) -> list[Bucket]:
    try:
        return without_gaps(report.timeseries, period)
    except TooManyBuckets as error:
        raise ApiError(
            400,
            f"`fill` would make {error} buckets and {MOST_BUCKETS} are the most: "
            "narrow `from` and `to`",
            parameter="fill",
        ) from None


def render_report(usage: UsageFilter, report: UsageReport) -> dict[str, Any]:
    """The contract's answer. The first names of each part are older than the rest: keep them."""
    totals = report.totals
    return {
        "totals": {
            "total_tokens": totals.tokens,
            "total_requests": totals.requests,
            **_figures(totals),
        },
        "by_model": [{"model": part.model, **_figures(part.figures)} for part in report.by_model],
        "timeseries": [
            {"bucket_start": rfc3339(bucket.start), **_figures(bucket.figures)}
            for bucket in report.timeseries
        ],
        "query_period": _period(usage.period),
    }


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "tokens": figures.tokens,
        "requests": figures.requests,
        "prompt_tokens": figures.prompt_tokens,
        "completion_tokens": figures.completion_tokens,
        "cached_tokens": figures.cached_tokens,
        "reasoning_tokens": figures.reasoning_tokens,
        "failed_requests": figures.failed_requests,
        "success_rate": _rounded(figures.success_rate),
        "avg_latency_ms": _rounded(figures.avg_latency_ms),
        "cost_usd": _rounded(figures.cost_usd),
        "unpriced_requests": figures.unpriced_requests,
    }


def _rounded(value: float | None) -> float | None:
    """Without float noise; whole numbers stay whole for clients that read integers."""
    if value is None:
        return None
    value = round(value, 9)
    return int(value) if value.is_integer() else value


def _period(period: Period) -> dict[str, str | None]:
    return {
        "from": rfc3339(period.start) if period.start else None,
        "to": rfc3339(period.end) if period.end else None,
    }
