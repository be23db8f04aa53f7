"""The parameters of every path: what is read from a query is what the description names."""

from usage.api.shapes.metrics_answer import GROUPS
from usage.asking.declared import Choice, Declared, Flag, Joined, Text, WholeNumber, Zone, filters
from usage.asking.parameters import FILTERS, ROW_FILTERS
from usage.queries import INTERVALS, ORDERS, PARTS_LISTED, SERIES_TOLD

INTERVAL = Choice(
    "interval", "How long buckets are; weeks begin on Monday.", tuple(INTERVALS), "hour", "step"
)
ZONE = Zone("tz", "IANA zone in which buckets begin.")
GROUP_BY = Joined(
    "group_by",
    "Adds a list of the parts by this, or by each of two joined by a comma.",
    tuple(group for group in GROUPS if "," not in group),
    "model",
)
ORDER_BY = Choice("order_by", "Which parts are the largest, and come first.", (*ORDERS,), "tokens")
PERCENTILES = Flag("percentiles", "Puts percentiles into each bucket of `timeseries`, too.")
SERIES_BY = Choice(
    "series_by",
    "Adds a series of each of the largest parts by this, and one of all others.",
    tuple(group for group in GROUPS if "," not in group),
    other_name="by",
)
TOP = WholeNumber("top", "How many parts have a series of their own.", 50, SERIES_TOLD)
COMPARE = Choice("compare", "Also of the equally long period right before.", ("previous",))
FILL = Flag("fill", "Adds an empty bucket wherever there were no requests.")
PARTS = WholeNumber(
    "limit", "Most parts of each list; `others` sums up the rest.", 10_000, PARTS_LISTED
)
# What pages have in their addresses besides, so that these are questions of the API.
OF_PAGES = tuple(Text(name, "For pages; says nothing here.") for name in ("measure", "lang"))
METRICS_QUESTION: tuple[Declared, ...] = (
    *filters(FILTERS),
    INTERVAL,
    INTERVAL.under_other_name,
    ZONE,
    GROUP_BY,
    ORDER_BY,
    PARTS,
    SERIES_BY,
    SERIES_BY.under_other_name,
    TOP,
    PERCENTILES,
    COMPARE,
    FILL,
    *OF_PAGES,
)

ROWS = WholeNumber("limit", "Rows of a page.", 1000, 100)
CURSOR = Text("cursor", "The next_cursor of the page before.")
WITH_EXCLUDED = Flag("with_excluded", "Adds rows that no figure counts.")
FORMAT = Choice(
    "format",
    "JSON comes in pages, the others export everything.",
    ("json", "csv", "ndjson"),
    "json",
)
ROWS_QUESTION: tuple[Declared, ...] = (
    *filters(ROW_FILTERS),
    ROWS,
    CURSOR,
    WITH_EXCLUDED,
    FORMAT,
    *OF_PAGES,
)

KEYS = Flag("keys", "`false` leaves out the counters of each API key.", default=True)
SCRAPE: tuple[Declared, ...] = (KEYS,)

SOURCES = WholeNumber("limit", "Most sources, tokens and accounts that are listed.", 10_000, 1000)
NOW_QUESTION: tuple[Declared, ...] = (SOURCES,)

PARTIAL = Flag("partial", "Stores the good rows and lists the bad.")
POST_OF_ROWS: tuple[Declared, ...] = (PARTIAL,)
