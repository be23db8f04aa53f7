"""What was heard of each source and of each writer: the ledger, added up."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from django.db.models import Case, F, Max, Min, Sum, When
from django.utils import timezone

from usage import heard
from usage.advice import advice_for
from usage.models import HeardCount, IngestToken

_TOKEN = "token:"
_WRITERS = {
    "basic": "(user and password)",
    "open": "(no token needed)",
    "collector": "(collector)",
    "nobody": "(refused)",
}


@dataclass
class HeardOf:
    """Of a source, or of a writer. Windows are of whole minutes and this one."""

    name: str
    others: set[str] = field(default_factory=set)  # its writers, or its sources
    since: dt.datetime | None = None
    last_at: dt.datetime | None = None
    last_row_at: dt.datetime | None = None
    rows: int = 0
    rows_5_minutes: int = 0
    rows_60_minutes: int = 0
    duplicates: int = 0
    without_usage: int = 0
    wrappers_of_less: int = 0
    by_words: dict[str, int] = field(default_factory=dict)
    passed_over: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)

    @property
    def advice(self) -> str | None:
        """What to switch on, where it has sent no row."""
        return None if self.rows else advice_for(self.name, self.passed_over)

    def add(self, line: "HeardLine") -> None:
        self.since = line.since if self.since is None else min(self.since, line.since)
        self.last_at = line.last_at if self.last_at is None else max(self.last_at, line.last_at)
        match line.kind:
            case heard.ROWS:
                self.rows += line.count
                self.rows_5_minutes += line.of_5_minutes
                self.rows_60_minutes += line.of_60_minutes
                self.last_row_at = max(self.last_row_at or line.last_at, line.last_at)
            case heard.DUPLICATES:
                self.duplicates += line.count
            case heard.WITHOUT_USAGE:
                self.without_usage += line.count
            case heard.WRAPPERS_OF_LESS:
                self.wrappers_of_less += line.count
            case _:
                self._add_detail(line)

    def _add_detail(self, line: "HeardLine") -> None:
        counts = {
            heard.BY_WORDS: self.by_words,
            heard.PASSED_OVER: self.passed_over,
            heard.REJECTED: self.rejected,
            heard.REFUSED: self.refused,
        }.get(line.kind, {})  # a later version may know more
        counts[line.detail] = counts.get(line.detail, 0) + line.count


@dataclass(frozen=True)
class HeardLine:
    """An entry of the ledger, all its minutes together."""

    source: str
    writer: str
    kind: str
    detail: str
    count: int
    of_5_minutes: int
    of_60_minutes: int
    since: dt.datetime
    last_at: dt.datetime


@dataclass(frozen=True)
class SourceReport:
    """At a moment; who was heard of last comes first."""

    at: dt.datetime
    sources: list[HeardOf]
    writers: list[HeardOf]


def heard_of() -> SourceReport:
    """All that the ledger has. Writers are told by their tokens' names."""
    now = timezone.now()
    names = _names()
    sources: defaultdict[str, HeardOf] = defaultdict(lambda: HeardOf(""))
    writers: defaultdict[str, HeardOf] = defaultdict(lambda: HeardOf(""))
    for line in heard_lines(now):
        writer = names.get(line.writer) or _WRITERS.get(line.writer, "(token that is gone)")
        for found, name, other in (
            (sources, line.source, writer),
            (writers, writer, line.source),
        ):
            found[name].name = name
            found[name].others.add(other)
            found[name].add(line)
    return SourceReport(now, _latest_first(sources.values()), _latest_first(writers.values()))


def heard_lines(now: dt.datetime) -> Iterator[HeardLine]:
    minute = int(now.timestamp()) // 60
    counts = {
        f"of_{minutes}": Sum(Case(When(minute__gte=minute - minutes, then=F("count")), default=0))
        for minutes in (5, 60)
    }
    entries = HeardCount.objects.values("source", "writer", "kind", "detail").order_by("source")
    found = entries.annotate(all=Sum("count"), **counts, first=Min("since"), last=Max("last_at"))
    columns = ("source", "writer", "kind", "detail", "all", "of_5", "of_60", "first", "last")
    for line in found.values_list(*columns):
        yield HeardLine(*line)


def _latest_first(found: Iterable[HeardOf]) -> list[HeardOf]:
    return sorted(found, key=lambda each: (each.last_at, each.name), reverse=True)


def _names() -> dict[str, str]:
    tokens = IngestToken.objects.values_list("pk", "name")
    return {f"{_TOKEN}{pk}": name for pk, name in tokens}
