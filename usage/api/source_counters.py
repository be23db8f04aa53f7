"""What was heard of sources, for Prometheus: of each with each token, and by kind or reason."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice

from usage import heard
from usage.openmetrics import counter, gauge, labels
from usage.queries.source_report import HeardLine, named_lines
from usage.rollups.aggregation import OTHER

_ALWAYS = ("source", "token")
_COUNTERS = (
    (heard.ROWS, "rows", "", "Rows stored, new ones."),
    (heard.DUPLICATES, "duplicates", "", "Rows that were stored before."),
    (heard.WITHOUT_USAGE, "calls_without_usage", "", "Rows of neither tokens nor a failure."),
    (heard.BY_WORDS, "names_read_by_words", "name", "Calls with figures under unknown names."),
    (heard.PASSED_OVER, "passed_over", "kind", "Records that are no calls of a model."),
    (heard.REJECTED, "rejected", "reason", "Calls that could not be stored."),
    (heard.REFUSED, "refused_posts", "reason", "Posts that were refused."),
)
_Labels = tuple[str, ...]


def source_counters(most: int) -> Iterator[list[str]]:
    """Of each family so many combinations, those that came first; later ones are (other)."""
    lines = sorted(named_lines(), key=lambda line: line.since)
    for kind, name, more, text in _COUNTERS:
        names = (*_ALWAYS, more) if more else _ALWAYS
        counts = _counts(lines, kind, len(names), most)
        samples = {labels(names, values): count for values, count in counts.items()}
        yield counter(f"qsmetrics_source_{name}", text, samples)
    counts = _counts(lines, heard.WRAPPERS_OF_LESS, len(_ALWAYS), most)
    yield gauge(
        "qsmetrics_source_wrappers_of_less",
        "Wrappers that used more than all calls that they wrap.",
        {labels(_ALWAYS, values): count for values, count in counts.items()},
    )
    for name, text, kinds in (
        ("last_seen", "When anything came last.", None),
        ("last_row", "When a new row was stored last.", heard.ROWS),
    ):
        moments = dict(islice(_moments(lines, kinds).items(), most))
        seconds = {labels(_ALWAYS, values): moment for values, moment in moments.items()}
        yield gauge(f"qsmetrics_source_{name}_timestamp_seconds", text, seconds)


def _counts(lines: list[HeardLine], kind: str, length: int, most: int) -> dict[_Labels, int]:
    found: defaultdict[_Labels, int] = defaultdict(int)
    for line in lines:
        if line.kind == kind:
            values = (line.source, line.writer, line.detail)[:length]
            if values not in found and len(found) >= most:
                values = (OTHER,) * length
            found[values] += line.count
    return found


def _moments(lines: list[HeardLine], kind: str | None) -> dict[_Labels, float]:
    found: defaultdict[_Labels, float] = defaultdict(float)
    for line in lines:
        if kind in (None, line.kind):
            values = line.source, line.writer
            found[values] = max(found[values], line.last_at.timestamp())
    return found
