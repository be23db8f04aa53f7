"""What the dashboard's templates are given, for each state the page can be in."""

import datetime as dt
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, QueryDict
from django.urls import reverse

from dashboards import cards_and_tables, charts
from dashboards.ranges import (
    Selection,
    fallback_selection,
    field_value,
)
from qsmetrics import __version__
from usage.asking.presets import LAST_DAY, PRESETS, reaching_back
from usage.models import IngestToken
from usage.periods import rfc3339
from usage.queries import (
    HOURLY,
    INTERVALS,
    Breakdown,
    Turn,
    ends_of,
    model_names,
    oldest_and_newest,
    usage_report,
)

MOST_MODEL_NAMES = 500


def figures_context(request: HttpRequest, selection: Selection, now: dt.datetime) -> dict[str, Any]:
    """The part that refreshes. `state` is `figures`, `nothing` (in this range) or `empty`."""
    context: dict[str, Any] = {
        "updated": charts.clock(now),
        "updated_iso": rfc3339(now.replace(microsecond=0)),
        "selection": selection,
    }
    found = ends_of(selection.wanted)
    if found is None:
        return context | _without_figures(request, selection)
    step = charts.step_for(found, selection.wanted.period, now)
    with Turn() as turn:
        is_last_day = selection.preset == LAST_DAY
        breakdown = Breakdown(
            step.interval,
            charts.zone(),
            limit=cards_and_tables.MOST_MODELS,
            beside=None if is_last_day else reaching_back(LAST_DAY, now),
        )
        report = usage_report(selection.wanted, breakdown, turn)
    if not report.totals.requests:
        return context | _without_figures(request, selection)
    columns = charts.chart_columns(step, report.timeseries, selection.wanted.period, now)
    busy = [column for column in columns if column.figures.requests]
    last_day = report.totals_beside or report.totals
    return context | {
        "state": "figures",
        "cards": cards_and_tables.cards(report, last_day),
        "step": step.name,
        "chart": {"state": "figures", **charts.chart_data(step, columns)},
        "models": cards_and_tables.model_rows(report, selection),
        "with_cost": cards_and_tables.has_known_cost(report),
        "times": cards_and_tables.time_rows(step, busy),
        "times_in_range": len(busy),
        "api_url": _api_url(selection, step),
    }


def form_context(selection: Selection) -> dict[str, Any]:
    """The part that stays: range presets, own range, models."""
    found = model_names(MOST_MODEL_NAMES + 1)
    names = found[:MOST_MODEL_NAMES]
    chosen = selection.models
    period = selection.wanted.period
    return {
        "presets": [
            {"label": label, "url": selection.url(time=[("range", key)]), "key": key}
            for key, (label, _) in PRESETS.items()
        ],
        "selection": selection,
        "from_value": "" if selection.preset else field_value(period.start),
        "to_value": "" if selection.preset else field_value(period.end),
        "model_choices": [*(name for name in chosen if name not in set(names)), *names],
        "chosen_models": chosen,
        "names_are_cut": len(found) > MOST_MODEL_NAMES,
        "all_models_url": selection.url(models=[]),
    }


def refused_context(query: QueryDict, message: str) -> dict[str, Any]:
    """The form of an address that cannot be read, with what was written in it."""
    return form_context(fallback_selection(query)) | {
        "error": message,
        "from_value": query.get("from", ""),
        "to_value": query.get("to", ""),
    }


def portal_context() -> dict[str, Any]:
    """What every page says about the portal itself."""
    return {
        "version": __version__,
        "zone": settings.TIME_ZONE,
        "switch_that_is_off": _switch_that_is_off(),
    }


def _without_figures(request: HttpRequest, selection: Selection) -> dict[str, Any]:
    ends = oldest_and_newest()
    if ends is None:
        return {
            "state": "empty",
            "chart": {"state": "empty"},
            "usage_url": request.build_absolute_uri(reverse("usage")),
            "needs_token": bool(settings.METRICS_BASIC_AUTH_USER) or IngestToken.objects.exists(),
        }
    return {
        "state": "nothing",
        "chart": {"state": "nothing"},
        "newest": charts.hour_label(ends[1]),
        "all_time_url": selection.url(time=[("range", "all")]),
        "all_models_url": selection.url(models=[]),
    }


def _api_url(selection: Selection, step: charts.Step) -> str:
    """The same figures as JSON, which has no years but their months."""
    interval = step.interval if step.interval in INTERVALS else "month"
    query = [*selection.ends, *(("model", name) for name in selection.models)]
    query += [("interval", interval)] if interval != HOURLY.interval else []
    query += [("tz", charts.zone().key)] if charts.zone() is not HOURLY.zone else []
    return reverse("metrics") + ("?" + urlencode(query) if query else "")


def _switch_that_is_off() -> str:
    if settings.USAGE_STATISTICS_ENABLED:
        return ""
    return "USAGE_STATISTICS_ENABLED" if settings.METRICS_ENABLED else "METRICS_ENABLED"
