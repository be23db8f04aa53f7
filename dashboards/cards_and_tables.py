"""A report as the dashboard shows it: cards, the table by model, the table by time."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboards.charts import Step, label
from dashboards.ranges import Selection
from usage import shown_numbers as numbers
from usage.queries import BY_MODEL, OTHER, Bucket, Figures, Part, UsageReport
from usage.shown_numbers import Number

MOST_MODELS = 100
MOST_TIMES = 100
# The error rate that is worth colour.
FAILING_FROM = 0.05


@dataclass(frozen=True)
class Card:
    label: str
    value: Number
    note: str = ""


@dataclass(frozen=True)
class ModelRow:
    """`url` shows this model alone; what sums up others has none."""

    name: str
    url: str
    requests: Number
    tokens: Number
    share: Number
    share_width: str
    error_rate: Number
    failed: int
    failing: bool
    avg_latency: Number
    cost: Number


@dataclass(frozen=True)
class TimeRow:
    label: str
    requests: str
    failed: str
    tokens: str


def cards(report: UsageReport, last_day: Figures) -> list[Card]:
    totals = report.totals
    prompt, completion = (
        numbers.count(totals.prompt_tokens),
        numbers.count(totals.completion_tokens),
    )
    shown = [
        Card(
            "Requests",
            numbers.count(totals.requests),
            f"{numbers.count(totals.failed_requests)} failed",
        ),
        Card("Tokens", numbers.count(totals.tokens), f"{prompt} in · {completion} out"),
        Card(
            "Last 24 h",
            numbers.count(last_day.requests),
            f"{numbers.count(last_day.tokens)} tokens",
        ),
        Card("Models active", numbers.count(_active(report)), _leading(report.by_model)),
        Card("Error rate", numbers.percent(_error_rate(totals)), "of all requests"),
        Card("Average latency", numbers.milliseconds(totals.avg_latency_ms), _measured(totals)),
    ]
    if totals.cost_usd is not None:
        shown.append(Card("Cost", numbers.dollars(totals.cost_usd), _priced(totals)))
    return shown


def model_rows(report: UsageReport, selection: Selection) -> list[ModelRow]:
    """The largest models, and one row for all the others together."""
    tokens = report.totals.tokens
    rows = [
        _model_row(
            part.name,
            "" if part.name == OTHER else selection.url(models=[part.name]),
            part.figures,
            tokens,
        )
        for part in report.by_model
    ]
    if others := report.others.get(BY_MODEL):
        rows.append(_model_row(f"{others.names:,} other models", "", others.figures, tokens))
    return rows


def time_rows(step: Step, columns: Sequence[Bucket]) -> list[TimeRow]:
    """The newest columns with requests, newest first."""
    return [
        TimeRow(
            label=label(step, column.start),
            requests=f"{column.figures.requests:,}",
            failed=f"{column.figures.failed_requests:,}",
            tokens=f"{column.figures.tokens:,}",
        )
        for column in reversed(columns[-MOST_TIMES:])
    ]


def has_known_cost(report: UsageReport) -> bool:
    return report.totals.cost_usd is not None


def _model_row(name: str, url: str, figures: Figures, all_tokens: int) -> ModelRow:
    share = figures.tokens / all_tokens if all_tokens else 0.0
    return ModelRow(
        name=name,
        url=url,
        requests=numbers.count(figures.requests),
        tokens=numbers.count(figures.tokens),
        share=numbers.percent(share),
        share_width=f"{100 * share:.2f}%",
        error_rate=numbers.percent(_error_rate(figures)),
        failed=figures.failed_requests,
        failing=(_error_rate(figures) or 0) >= FAILING_FROM,
        avg_latency=numbers.milliseconds(figures.avg_latency_ms),
        cost=numbers.dollars(figures.cost_usd),
    )


def _error_rate(figures: Figures) -> float | None:
    return figures.failed_requests / figures.requests if figures.requests else None


def _active(report: UsageReport) -> int:
    """All that counts as (other) is one."""
    others = report.others.get(BY_MODEL)
    return len(report.by_model) + (others.names if others else 0)


def _leading(by_model: Sequence[Part]) -> str:
    names = (part.name for part in by_model if part.name != OTHER)
    return next((f"most: {name}" for name in names), "")


def _measured(figures: Figures) -> str:
    if figures.latency_count == figures.requests:
        return "of all requests"
    return f"of {numbers.count(figures.latency_count)} that report it"


def _priced(figures: Figures) -> str:
    if not figures.unpriced_requests:
        return "all requests priced"
    return f"{numbers.count(figures.unpriced_requests)} without a price"
