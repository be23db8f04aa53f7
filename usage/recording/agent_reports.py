"""A call that a coding agent tells in a log and in a span counts once: the log's row stays.

By the id that both have of the answer, within an hour. Codex has none; there it is one call where
all tokens are equal and the times lie within two seconds, each report used once. The result is that
of all reports which are known, so the order in which they come decides nothing.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

import msgspec
from django.db.models import Q

from usage.database import locks
from usage.database.statements import slices
from usage.models import UsageMetric
from usage.recording.cross_source import WITHIN, Pair, count_suppressed
from usage.recording.span_trees import SPANS
from usage.records import DUPLICATE, UsageRecord
from usage.traced import Row, moment_at_us, unix_us

# What rows of logs have as source, and whether the agent's calls have ids.
AGENTS = {"claude-code": True, "qwen-code": True, "codex": False}
AT_ONCE = dt.timedelta(seconds=2)
_LOOKED_AT = 5 * AT_ONCE  # on both sides, for reports that follow each other are paired in order
_LOCKS = 64
_MOST_REPORTS = 100  # of one id; more share one only where a mock always answers the same
_COUNTS = (
    *("prompt_tokens", "completion_tokens"),
    *("cached_tokens", "cache_write_tokens", "reasoning_tokens"),
)


class _Shared(NamedTuple):
    """What an agent's reports of one call share: the id of the answer, or all of the rest."""

    agent: str
    response_id: str | None
    counts: tuple[int, ...] = ()
    more: tuple[str | None, ...] = ()


@dataclass
class _AgentReport:
    """A log or a span: in a record that is to be stored, or in a row that is."""

    at: dt.datetime
    event_id: int | None
    is_counted: bool
    app: str | None = None
    place: int | None = None
    row_id: int | None = None

    @property
    def row(self) -> Row:
        return unix_us(self.at), self.event_id or 0


@dataclass
class _Calls:
    """All reports that may be of the same calls."""

    logs: list[_AgentReport] = field(default_factory=list)
    spans: list[_AgentReport] = field(default_factory=list)

    def add(self, stored: "_Calls") -> None:
        """Rows in the place of records that are copies of them."""
        for mine, theirs in ((self.logs, stored.logs), (self.spans, stored.spans)):
            rows = {report.row for report in theirs}
            mine[:] = [report for report in mine if report.row not in rows] + theirs

    def keep_neighbours(self) -> None:
        """Of what is stored that alone which others lead to from the new, each near the next.

        What lies behind a gap was paired without these, perhaps with what is not looked at.
        """
        everything = sorted((*self.logs, *self.spans), key=lambda report: report.row)
        groups: list[list[_AgentReport]] = []
        for report in everything:
            if groups and report.at - groups[-1][-1].at <= AT_ONCE:
                groups[-1].append(report)
            else:
                groups.append([report])
        kept = {
            id(report)
            for group in groups
            if any(each.place is not None for each in group)
            for report in group
        }
        self.logs = [report for report in self.logs if id(report) in kept]
        self.spans = [report for report in self.spans if id(report) in kept]


@dataclass
class AgentVerdict:
    """The records, spans of calls that logs tell marked; and what follows for stored rows."""

    records: Sequence[UsageRecord]
    told_by_logs: list[int] = field(default_factory=list)  # ids of rows
    told_by_none: list[int] = field(default_factory=list)
    calls: Counter[Pair] = field(default_factory=Counter)
    last: dict[Pair, dt.datetime] = field(default_factory=dict)

    def count(self, agent: str, at: dt.datetime, calls: int) -> None:
        pair = agent, SPANS
        self.calls[pair] += calls
        self.last[pair] = max(at, self.last.get(pair, at))

    def carry_out(self) -> None:
        for ids, before, after in (
            (self.told_by_logs, None, DUPLICATE),
            (self.told_by_none, DUPLICATE, None),
        ):
            for some in slices(ids):
                rows = UsageMetric.objects.filter(pk__in=some, excluded_as=before)
                rows.update(excluded_as=after)
        count_suppressed(self.calls, self.last)


def judge_agents(records: Sequence[UsageRecord], spans: Mapping[Row, str]) -> AgentVerdict:
    """Before the records are stored, in the same transaction.

    `spans` are the rows of agents' spans, each with the source of that agent's logs.
    """
    verdict = AgentVerdict(records)
    calls = _told(records, spans)
    if not calls:
        return verdict
    for lock in sorted({_lock_of(key) for key in calls}):  # in everyone's order
        locks.hold(locks.AGENTS, lock)
    for key, stored in _stored_by_id(calls):
        calls[key].add(stored)
    for key, told in calls.items():
        if key.response_id is None:
            told.add(_stored_by_counts(key, told))
            told.keep_neighbours()
    marked: set[int] = set()
    for key, told in calls.items():
        paired = _with_log_of_id(told) if key.response_id is not None else _paired(told)
        _decide(key.agent, told, paired, verdict, marked)
    if marked:
        verdict.records = [
            msgspec.structs.replace(record, excluded_as=DUPLICATE) if place in marked else record
            for place, record in enumerate(records)
        ]
    return verdict


def _told(records: Sequence[UsageRecord], spans: Mapping[Row, str]) -> dict[_Shared, _Calls]:
    found: dict[_Shared, _Calls] = defaultdict(_Calls)
    for place, record in enumerate(records):
        is_log = record.source in AGENTS
        if not is_log and not spans:
            continue
        report = _AgentReport(record.timestamp, record.event_id, True, record.app, place)
        agent = record.source if is_log else spans.get(report.row)
        if agent not in AGENTS or record.event_id is None or record.excluded_as is not None:
            continue
        key = _key(agent, record)
        if key.response_id is None and not AGENTS[agent] and not any(key.counts):
            continue  # what failed is told in logs alone
        told = found[key]
        (told.logs if is_log else told.spans).append(report)
    return found


def _key(agent: str | None, report: UsageRecord | UsageMetric) -> _Shared:
    assert agent is not None
    if AGENTS[agent] and report.response_id:
        return _Shared(agent, report.response_id)
    counts = tuple(getattr(report, name) or 0 for name in _COUNTS)
    # Of calls that failed the counts alone tell nothing; who has ids tells its session as well.
    more = (report.session, report.status) if AGENTS[agent] else ()
    return _Shared(agent, None, counts, more)


def _lock_of(key: _Shared) -> int:
    return blake2b(repr(key).encode(errors="replace"), digest_size=1).digest()[0] % _LOCKS


def _stored_by_id(calls: Mapping[_Shared, _Calls]) -> Iterator[tuple[_Shared, _Calls]]:
    """Of logs their spans that count, of spans their logs, whether these count or not."""
    keys = {key: told for key, told in calls.items() if key.response_id is not None}
    moments = [each.at for told in keys.values() for each in (*told.logs, *told.spans)]
    found: dict[_Shared, _Calls] = defaultdict(_Calls)
    for some in slices(sorted({str(key.response_id) for key in keys})):
        rows = UsageMetric.objects.filter(
            Q(source__in=AGENTS) | Q(source=SPANS, excluded_as=None),
            response_id__in=some,
            timestamp__gte=min(moments) - WITHIN,
            timestamp__lte=max(moments) + WITHIN,
        )
        for row in rows[: _MOST_REPORTS * len(some)]:
            agents = [row.source] if row.source in AGENTS else list(AGENTS)
            for key in (_Shared(str(agent), row.response_id) for agent in agents):
                if key in keys:
                    _add(found[key], row)
    yield from found.items()


def _stored_by_counts(key: _Shared, told: _Calls) -> _Calls:
    moments = [each.at for each in (*told.logs, *told.spans)]
    agent, found = key.agent, _Calls()
    rows = UsageMetric.objects.filter(
        Q(excluded_as=None) | Q(excluded_as=DUPLICATE),
        timestamp__gte=min(moments) - _LOOKED_AT,
        timestamp__lte=max(moments) + _LOOKED_AT,
        prompt_tokens=key.counts[0],
        completion_tokens=key.counts[1],
        source__in=(agent, SPANS),
    )
    apps = {log.app for log in told.logs}
    for row in rows:
        if _key(agent, row) == key and (row.source == agent or _is_of(agent, row, apps)):
            _add(found, row)
    return found


def _is_of(agent: str, row: UsageMetric, apps: set[str | None]) -> bool:
    """Whether a span's row is of that agent: Codex is called codex_exec, or as its host says."""
    return AGENTS[agent] or row.app in apps or str(row.app or "").lower().startswith(agent)


def _add(found: _Calls, row: UsageMetric) -> None:
    report = _AgentReport(
        row.timestamp, row.event_id, row.excluded_as is None, row.app, row_id=row.pk
    )
    (found.logs if row.source in AGENTS else found.spans).append(report)


def _with_log_of_id(told: _Calls) -> set[Row]:
    moments = [log.at for log in told.logs]
    return {span.row for span in told.spans if any(abs(span.at - at) <= WITHIN for at in moments)}


def _paired(told: _Calls) -> set[Row]:
    """As many pairs as there can be: in order of time, passing over what nothing is near."""
    logs = sorted(told.logs, key=lambda report: report.row)
    spans = sorted(told.spans, key=lambda report: report.row)
    found: set[Row] = set()
    log = span = 0
    while log < len(logs) and span < len(spans):
        apart = spans[span].at - logs[log].at
        if abs(apart) <= AT_ONCE:
            found.add(spans[span].row)
            log, span = log + 1, span + 1
        elif apart > AT_ONCE:
            log += 1
        else:
            span += 1
    return found


def _decide(
    agent: str, told: _Calls, with_log: Iterable[Row], verdict: AgentVerdict, marked: set[int]
) -> None:
    with_log = set(with_log)
    new = [span.row for span in told.spans if span.place is not None and span.row in with_log]
    known = _stored_already(new)
    for span in told.spans:
        is_told = span.row in with_log
        if is_told != span.is_counted:
            continue
        if span.row_id is not None:
            (verdict.told_by_logs if is_told else verdict.told_by_none).append(span.row_id)
        elif span.place is not None:
            marked.add(span.place)
        if span.row not in known:
            verdict.count(agent, span.at, 1 if is_told else -1)


def _stored_already(rows: Sequence[Row]) -> set[Row]:
    """Those that came before, of which a second copy changes nothing."""
    found: set[Row] = set()
    for some in slices(rows, each=2):
        wanted = Q()
        for at_us, event_id in some:
            wanted |= Q(timestamp=moment_at_us(at_us), event_id=event_id)
        stored = UsageMetric.objects.filter(wanted).values_list("timestamp", "event_id")
        found.update((unix_us(at), event_id or 0) for at, event_id in stored)
    return found
