"""`GET /_qs/metrics`: totals, parts by model and the hourly series of a filter."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from usage.api import parameters
from usage.api.schema import METRICS
from usage.filters import UsageFilter
from usage.periods import Period, rfc3339
from usage.queries import Figures, UsageReport, usage_report


class MetricsView(APIView):
    @METRICS
    def get(self, request: Request) -> Response:
        parameters.refuse_unknown(request.query_params, parameters.FILTERS)
        usage = parameters.usage_filter(request.query_params)
        return Response(render_report(usage, usage_report(usage)))


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
