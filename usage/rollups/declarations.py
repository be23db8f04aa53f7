"""Which sums are kept: what they tell apart, and how long their buckets are."""

from dataclasses import dataclass

QUARTER, HOUR, DAY, MONTH = 900, 3600, 86_400, 30 * 86_400  # seconds; each divides the next

# The columns of UsageRollup that are added to, in the order of `aggregation`.
TOKEN_MEASURES = (
    "total_tokens",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
MEASURES = (
    "requests",
    "failed_requests",
    *TOKEN_MEASURES,
    "latency_ms_sum",
    "latency_count",
    "ttft_ms_sum",
    "ttft_count",
    "cost_usd_sum",
    "unpriced_requests",
)


@dataclass(frozen=True)
class Grouping:
    """Dimensions that are told apart together: columns of both usage_metrics and series."""

    name: str
    dimensions: tuple[str, ...]


@dataclass(frozen=True)
class Rollup:
    """Sums for each series of a grouping and each bucket of `width` seconds since 1970.

    `number` stands in the table: never give a used one to something else.
    """

    number: int
    grouping: Grouping
    width: int


@dataclass(frozen=True)
class Histogram:
    """Counts by logarithmic bin of `column`, else like a rollup."""

    number: int
    grouping: Grouping
    width: int
    column: str


TOTAL = Grouping("total", ())
MODEL = Grouping("model", ("model", "provider", "status"))
KEY = Grouping("key", ("api_key_hash",))
KEY_MODEL = Grouping("key_model", ("api_key_hash", "model", "provider", "status"))
OFFER = Grouping("offer", ("model", "provider"))
GROUPINGS = (TOTAL, MODEL, KEY, KEY_MODEL, OFFER)

ROLLUPS = (
    Rollup(1, TOTAL, QUARTER),
    Rollup(2, TOTAL, HOUR),
    Rollup(3, TOTAL, DAY),
    Rollup(4, MODEL, QUARTER),
    Rollup(5, MODEL, HOUR),
    Rollup(6, MODEL, DAY),
    Rollup(7, MODEL, MONTH),
    Rollup(8, KEY, HOUR),
    Rollup(9, KEY, DAY),
    # Keys and models together only by day: by hour it would be half as big as the raw rows.
    Rollup(10, KEY_MODEL, DAY),
)
HISTOGRAMS = (
    Histogram(1, OFFER, HOUR, "latency_ms"),
    Histogram(2, OFFER, DAY, "latency_ms"),
    Histogram(3, OFFER, MONTH, "latency_ms"),
    Histogram(4, OFFER, HOUR, "ttft_ms"),
    Histogram(5, OFFER, DAY, "ttft_ms"),
    Histogram(6, OFFER, MONTH, "ttft_ms"),
)
