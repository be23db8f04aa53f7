"""Every aggregate over usage, from the smallest sums that cover a question exactly."""

from usage.queries.buckets import INTERVALS
from usage.queries.counters import Bins, Counters, usage_counters
from usage.queries.figures import Bucket, Figures, Part, Percentiles, Summary, UsageReport
from usage.queries.gaps import MOST_BUCKETS, TooManyBuckets, without_gaps
from usage.queries.lists import (
    distinct_values,
    model_names,
    oldest_and_newest,
    records_persisted,
)
from usage.queries.reach import MOST_ROWS, TooManyRows
from usage.queries.report import Breakdown, usage_report, usage_totals
from usage.queries.sums import Dimensions

__all__ = [
    "INTERVALS",
    "MOST_BUCKETS",
    "MOST_ROWS",
    "Bins",
    "Breakdown",
    "Bucket",
    "Counters",
    "Dimensions",
    "Figures",
    "Part",
    "Percentiles",
    "Summary",
    "TooManyBuckets",
    "TooManyRows",
    "UsageReport",
    "distinct_values",
    "model_names",
    "oldest_and_newest",
    "records_persisted",
    "usage_counters",
    "usage_report",
    "usage_totals",
    "without_gaps",
]
