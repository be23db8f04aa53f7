"""Which sums are kept: what they tell apart, and how long their buckets are.

A dimension is an entry of DIMENSIONS, and a grouping that has it with rollups of its own, as those
of _WHO_AND_WHAT have. Columns of series, filters, `group_by` and the bound on names follow.
"""

from dataclasses import dataclass

# Seconds; each divides the next.
QUARTER, HOUR, DAY, FIVE_DAYS, MONTH = 900, 3600, 86_400, 5 * 86_400, 30 * 86_400


@dataclass(frozen=True)
class Dimension:
    """A column of rows by which questions filter and, where sums tell it apart, group.

    It is also the filter's parameter. `group` stands in `group_by` and in names of lists (`by_…`).
    """

    name: str
    group: str
    filter_help: str
    has_patterns: bool = False  # a class of values such as `4xx` may be asked for
    is_required: bool = False  # every row has one


@dataclass(frozen=True, eq=False)  # each is the only one of its name: quick as a key
class Grouping:
    """Dimensions that are told apart together: columns of both usage_metrics and series.

    A question takes the first of GROUPINGS that has rollups and tells apart what it names. Rows
    without a value of `only_with` are in no series of it. `came_with` names the sums that came
    together in a version: until `usage.rollups.filling` has gone over older rows, they lack those.
    """

    name: str
    dimensions: tuple[str, ...]
    only_with: str = ""
    came_with: str = ""


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


DIMENSIONS = {
    each.name: each
    for each in (
        Dimension("model", "model", "Only this model; repeatable.", is_required=True),
        Dimension("api_key_hash", "api_key", "Only this key; repeatable."),
        Dimension("provider", "provider", "Only this provider; repeatable."),
        Dimension(
            "status",
            "status",
            "`429`, a class such as `4xx`, or `error`; repeatable.",
            has_patterns=True,
        ),
        Dimension("user", "user", "Exactly this name; repeatable."),
        Dimension("team", "team", "Only this team; repeatable."),
        Dimension("project", "project", "Only this project; repeatable."),
        Dimension("app", "app", "Only what this program asked; repeatable."),
        Dimension("source", "source", "Only what this sender reported; repeatable."),
        Dimension("account", "account", "Only what this upstream answered; repeatable."),
        Dimension("session", "session", "Only this conversation; repeatable."),
        Dimension("response_id", "response_id", "The provider's own id; repeatable."),
        Dimension("request_id", "request_id", "The sender's own id; repeatable."),
    )
}
TOTAL = Grouping("total", ())
MODEL = Grouping("model", ("model", "provider", "status"))
KEY = Grouping("key", ("api_key_hash",))
KEY_MODEL = Grouping("key_model", ("api_key_hash", "model", "provider", "status"))
OFFER = Grouping("offer", ("model", "provider"))
# Who and what, each alone and with the model: with which sums they came, and the number of the
# first of their four rollups.
_WHO_AND_WHAT = {
    "user": ("who_and_what", 11),
    "team": ("who_and_what", 15),
    "project": ("who_and_what", 19),
    "app": ("who_and_what", 23),
    "source": ("who_and_what", 27),
    "account": ("who_and_what", 31),
}
_ALONE = {
    name: Grouping(name, (name,), name, came_with) for name, (came_with, _) in _WHO_AND_WHAT.items()
}
_WITH_MODEL = {
    name: Grouping(f"{name}_model", (name, "model"), name, came_with)
    for name, (came_with, _) in _WHO_AND_WHAT.items()
}
# From few series to many, then histograms.
GROUPINGS = (TOTAL, MODEL, KEY, KEY_MODEL, *_ALONE.values(), *_WITH_MODEL.values(), OFFER)
NO_SUMS = Grouping("none", ())  # of questions that name together what no sums tell apart
CAME_LATER = tuple(dict.fromkeys(each.came_with for each in GROUPINGS if each.came_with))
OPTIONAL = frozenset(_WHO_AND_WHAT)  # dimensions of which sums hold only what has a value
# Dimensions that sums tell apart; of the others only rows know.
SUMMED = tuple(
    name for name in DIMENSIONS if any(name in grouping.dimensions for grouping in GROUPINGS)
)
SERIES_DIMENSIONS = tuple(sorted(SUMMED))  # columns of usage_series


def _rollups_with(name: str, first: int) -> tuple[Rollup, ...]:
    """With models by five days as well, since these are many; without providers and statuses."""
    return (
        Rollup(first, _ALONE[name], HOUR),
        Rollup(first + 1, _ALONE[name], DAY),
        Rollup(first + 2, _WITH_MODEL[name], DAY),
        Rollup(first + 3, _WITH_MODEL[name], FIVE_DAYS),
    )


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
    *(each for name, (_, first) in _WHO_AND_WHAT.items() for each in _rollups_with(name, first)),
)
HISTOGRAMS = (
    Histogram(1, OFFER, HOUR, "latency_ms"),
    Histogram(2, OFFER, DAY, "latency_ms"),
    Histogram(3, OFFER, MONTH, "latency_ms"),
    Histogram(4, OFFER, HOUR, "ttft_ms"),
    Histogram(5, OFFER, DAY, "ttft_ms"),
    Histogram(6, OFFER, MONTH, "ttft_ms"),
)
ROLLUPS_AND_HISTOGRAMS: tuple[Rollup | Histogram, ...] = (*ROLLUPS, *HISTOGRAMS)
HISTOGRAM_COLUMNS = tuple(dict.fromkeys(histogram.column for histogram in HISTOGRAMS))


def quoted(name: str) -> str:
    """A column as SQL: `user` means something else on PostgreSQL."""
    return f'"{name}"'
