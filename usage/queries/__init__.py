"""Every aggregate over usage, from the smallest sums that cover a question exactly.

Words used here; all times are microseconds since 1970, and ranges do not contain their end:

- *holdings*: what the database has at all: from when to when, what was purged, which rows wait.
- *scope*: the part of the asked period that can be answered exactly; *covered* names it again.
- *grain*: the width of the narrowest buckets that must stay whole, since their rows were purged.
- *run*: a range with buckets of one length (*step*) in it; the first may begin before the range.
- *stretch*: whole buckets of one rollup or histogram, to be read from the sums.
- *cover*: some runs, divided into stretches and into runs that only raw rows can answer.
- *use*: something that raw rows are read for: parts, buckets, or how long requests took.
- *piece*: a stretch of time that no end of any use's runs cuts, so that its rows are read once.
- *series*: the combinations of names in a grouping that match a filter; also, by time, an answer's.
- *reach*: the index by which raw rows are found, and how many it leads to at most.
- *offer*: model and provider together: the grouping that has histograms.
- *(other)*: what the sums call all names beyond the bound; *apart* are those a question asks for.
- *turn*: what an answer that costs much has to take before it reads; *cost* is in rows of sums.
- `is_summed` of a row: true, the sums hold it; NULL, not yet, and questions read it as a raw row;
  false, no figure counts it, so no sum ever will.
"""

from usage.queries.account_windows import AccountState, WindowState, accounts_at
from usage.queries.bound import MOST_BUCKETS, RangeTooLong, TooManyBuckets
from usage.queries.buckets import INTERVALS, YEAR
from usage.queries.counters import Bins, Counters, usage_counters
from usage.queries.figures import (
    BY_MODEL,
    ORDERS,
    Bucket,
    By,
    NamedSeries,
    Others,
    Part,
    Percentiles,
    Summary,
    UsageReport,
)
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
    SERIES_TOLD,
    Breakdown,
    report_in_portions,
    usage_report,
    usage_totals,
)
from usage.queries.still_filling import SumsStillLackRows
from usage.queries.sums import Dimensions
from usage.queries.turns import Turn
from usage.queries.waiting import TooManyWaiting
from usage.rollups.aggregation import OTHER
from usage.rollups.measures import Figures

__all__ = [
    "BY_MODEL",
    "HOURLY",
    "HOURLY_WITH_PERCENTILES",
    "INTERVALS",
    "MOST_APART",
    "MOST_BUCKETS",
    "MOST_ROWS",
    "MOST_ROWS_OF_OTHERS",
    "MOST_TOGETHER",
    "ORDERS",
    "OTHER",
    "PARTS_LISTED",
    "SERIES_TOLD",
    "YEAR",
    "AccountState",
    "Bins",
    "Breakdown",
    "Bucket",
    "By",
    "Counters",
    "Dimensions",
    "Figures",
    "NamedSeries",
    "NewestRows",
    "Others",
    "Part",
    "Percentiles",
    "Position",
    "RangeTooLong",
    "Summary",
    "SumsStillLackRows",
    "TooManyBuckets",
    "TooManyRowsOfOthers",
    "TooManyRowsToRead",
    "TooManyWaiting",
    "Turn",
    "UsageReport",
    "WindowState",
    "accounts_at",
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
