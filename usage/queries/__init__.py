"""Every aggregate over usage, from the smallest sums that cover a question exactly."""

from usage.queries.bound import MOST_BUCKETS, TooManyBuckets
from usage.queries.buckets import INTERVALS
from usage.queries.counters import Bins, Counters, usage_counters
from usage.queries.figures import Bucket, Others, Part, Percentiles, Summary, UsageReport
from usage.queries.gaps import without_gaps
from usage.queries.lists import (
    distinct_values,
    ends_of,
    model_names,
    oldest_and_newest,
    records_persisted,
)
from usage.queries.naming import MOST_ROWS_OF_OTHERS
from usage.queries.newest import MOST_APART, MOST_TOGETHER, NewestRows, Position
from usage.queries.reach import MOST_ROWS, TooManyRowsOfOthers, TooManyRowsToRead
from usage.queries.report import (
    HOURLY,
    HOURLY_WITH_PERCENTILES,
    PARTS_LISTED,
    Breakdown,
    report_in_portions,
    usage_report,
    usage_totals,
)
from usage.queries.sums import Dimensions
from usage.queries.turns import Turn
from usage.rollups.aggregation import OTHER
from usage.rollups.measures import Figures

__all__ = [
    "HOURLY",
    "HOURLY_WITH_PERCENTILES",
    "INTERVALS",
    "MOST_APART",
    "MOST_BUCKETS",
    "MOST_ROWS",
    "MOST_ROWS_OF_OTHERS",
    "MOST_TOGETHER",
    "OTHER",
    "PARTS_LISTED",
    "Bins",
    "Breakdown",
    "Bucket",
    "Counters",
    "Dimensions",
    "Figures",
    "NewestRows",
    "Others",
    "Part",
    "Percentiles",
    "Position",
    "Summary",
    "TooManyBuckets",
    "TooManyRowsOfOthers",
    "TooManyRowsToRead",
    "Turn",
    "UsageReport",
    "distinct_values",
    "ends_of",
    "model_names",
    "oldest_and_newest",
    "records_persisted",
    "report_in_portions",
    "usage_counters",
    "usage_report",
    "usage_totals",
    "without_gaps",
]
