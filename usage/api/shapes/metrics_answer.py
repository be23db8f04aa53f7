"""The answer of `/_qs/metrics`: figures of all, of parts and of buckets."""

from itertools import combinations, permutations
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from usage.answered_row import AccountLabel
from usage.api.shapes.values import Moment, Whole, list_of, optional, optional_of, shape
from usage.queries import BY_MODEL, By
from usage.rollups.declarations import DIMENSIONS, OFFER, SUMMED
from usage.rollups.measures import told_figures


def _told(kind: Any, says: str) -> Any:
    whole = Whole if kind is int else kind
    return Annotated[whole, Meta(description=says.replace("None", "null"))] if says else whole


ACCOUNT = "account"
_Milliseconds = Annotated[float | None, Meta(description="At most 5 % off; null without values.")]


# Each is a field or a property of Figures, which says what it is.
FiguresAnswer: Any = shape(
    "FiguresAnswer",
    "Figures of some requests.",
    {name: _told(kind, says) for name, kind, says in told_figures()},
)


class PercentilesAnswer(msgspec.Struct, frozen=True, gc=False):
    p50_latency_ms: _Milliseconds
    p95_latency_ms: _Milliseconds
    p99_latency_ms: _Milliseconds
    p50_ttft_ms: _Milliseconds
    p95_ttft_ms: _Milliseconds
    p99_ttft_ms: _Milliseconds


class PeriodAnswer(msgspec.Struct, frozen=True, gc=False, rename={"start": "from", "end": "to"}):
    """Both ends included; null is an open end."""

    start: Moment | None
    end: Moment | None


def _part(by: By) -> Any:
    """The share of one name, or of one of each of two; null stands for requests without any."""
    name = "".join(DIMENSIONS[column].group.title().replace("_", "") for column in by)
    names: dict[str, Any] = {
        column: str if DIMENSIONS[column].is_required else str | None for column in by
    }
    if ACCOUNT in by:
        names["account_label"] = AccountLabel
    has_percentiles = len(by) == 1 and by[0] in OFFER.dimensions
    parts = (PercentilesAnswer,) if has_percentiles else ()
    says = f"Figures of one {' and '.join(by)}."
    return shape(f"{name}Usage", says, names, FiguresAnswer, *parts)


# Lists by what `group_by` may be, one dimension or two; that by model is always answered.
_LISTED: list[By] = [(column,) for column in SUMMED]
_LISTED += permutations(SUMMED, 2)
GROUPS = {",".join(DIMENSIONS[column].group for column in by): by for by in _LISTED}
LISTS = {by: f"by_{group.replace(',', '_')}" for group, by in GROUPS.items()}
# In the order of SUMMED: which of two comes first makes no other part.
PARTS: dict[By, Any] = {
    by: _part(by) for by in (*((column,) for column in SUMMED), *combinations(SUMMED, 2))
}


def shape_of(by: By) -> By:
    """Under which its shape stands in PARTS."""
    return tuple(sorted(by, key=SUMMED.index))


Totals: Any = shape(
    "Totals",
    "Figures of all requests; the first two names are older than the rest.",
    {"total_tokens": Whole, "total_requests": Whole},
    FiguresAnswer,
    PercentilesAnswer,
)
BucketAnswer: Any = shape(
    "Bucket",
    "Figures of a stretch of time; percentiles come with `percentiles`.",
    {"bucket_start": Moment},
    FiguresAnswer,
    optional_of(PercentilesAnswer),
)
SeriesAnswer: Any = shape(
    "Series",
    "That of one part; null is that of requests without a name, or with `others` of all others.",
    {
        "name": str | None,
        "timeseries": list_of(BucketAnswer),
        "others": optional(Annotated[bool, Meta(description="True, or left out.")]),
    },
)
OthersAnswer: Any = shape(
    "OthersOfList",
    "What a list leaves out, together.",
    {"names": Annotated[int, Meta(description="How many are not listed.")]},
    FiguresAnswer,
)
Others: Any = shape(
    "Others",
    "What `limit` leaves out of the lists, where that is something.",
    {name: optional(OthersAnswer) for name in LISTS.values()},
)
_SUMMARY: dict[str, Any] = {
    "totals": Totals,
    "by_model": list_of(PARTS[BY_MODEL]),
    "query_period": PeriodAnswer,
    "others": optional(Others),
    "percentiles_note": optional(Annotated[str, Meta(description="Why percentiles are null.")]),
    "covered_period": optional(PeriodAnswer),
    "unknown_before": optional(Moment),
}
SummaryAnswer: Any = shape(
    "Summary",
    "`covered_period` is what was counted, where an end needs rows that were purged. Before "
    "`unknown_before` some were purged of which nobody knows what the question names.",
    _SUMMARY,
)
ReportAnswer: Any = shape(
    "UsageReport",
    "Totals, parts and a series. `previous` comes with `compare`, `series` with `series_by`, other "
    "lists with `group_by`.",
    {
        **_SUMMARY,
        "timeseries": list_of(BucketAnswer),
        "series": optional(list_of(SeriesAnswer)),
        "previous": optional(SummaryAnswer),
        **{
            name: optional(list_of(PARTS[shape_of(by)]))
            for by, name in LISTS.items()
            if name != "by_model"
        },
    },
)
