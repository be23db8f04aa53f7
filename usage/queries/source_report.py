"""What was heard of each source and of each writer: the ledger, added up."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from django.db.models import Case, F, Max, Min, Sum, When
from django.utils import timezone

from usage import heard
from usage.advice import advice_for
from usage.models import HeardCount, IngestToken

_TOKEN, _NOBODY = "token:", "nobody"
_MOST_LINES = 20_000
_AN_HOUR, _A_WEEK = dt.timedelta(hours=1), dt.timedelta(weeks=1)
_WRITERS = {
    "basic": "(user and password)",
    "open": "(no token needed)",
    "collector": "(collector)",
    _NOBODY: "(refused)",
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
        """What to switch on, where nothing of it counts."""
        if self.counts:
            return None
        return advice_for(
            self.name,
            self.passed_over,
            is_without_usage=self.rows > 0,
            has_rejected=bool(self.rejected),
            has_refused=bool(self.refused),
        )

    @property
    def counts(self) -> bool:
        """Whether a row of it tells tokens or a failure."""
        return self.rows > self.without_usage

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
    sources: defaultdict[str, HeardOf] = defaultdict(lambda: HeardOf(""))
    writers: defaultdict[str, HeardOf] = defaultdict(lambda: HeardOf(""))
    for line in named_lines(now):
        for found, name, other in (
            (sources, line.source, line.writer),
            (writers, line.writer, line.source),
        ):
            found[name].name = name
            found[name].others.add(other)
            found[name].add(line)
    return SourceReport(now, _latest_first(sources.values()), _latest_first(writers.values()))


def named_lines(now: dt.datetime | None = None) -> Iterator[HeardLine]:
    """The ledger's entries, with the names of tokens as writers."""
    names = _names()
    for line in _lines(now or timezone.now()):
        writer = names.get(line.writer) or _WRITERS.get(line.writer, "(token that is gone)")
        yield replace(line, writer=writer)


def count_sources() -> tuple[int, int] | None:
    """How many fell silent, and of how many nothing counts; not of those who may not write.

    None where the ledger is too long to be gone through for it.

    Silent is who stored a row in the last week, and none in the last hour. Nothing counts of whom
    something came in the last week, but no row with tokens or a failure ever.
    """
    if HeardCount.objects.all()[_MOST_LINES : _MOST_LINES + 1].exists():
        return None
    now = timezone.now()
    silent = uncounted = 0
    heard_of_whom: defaultdict[str, HeardOf] = defaultdict(lambda: HeardOf(""))
    for line in _lines(now):
        if line.writer != _NOBODY:
            heard_of_whom[line.source].add(line)
    for each in heard_of_whom.values():
        if each.last_row_at is not None and _A_WEEK > now - each.last_row_at > _AN_HOUR:
            silent += 1
        if each.last_at is not None and now - each.last_at < _A_WEEK and not each.counts:
            uncounted += 1
    return silent, uncounted


def _lines(now: dt.datetime) -> Iterator[HeardLine]:
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
