"""Spans of one trace that come in several posts: which calls count is a matter of all of them."""

import datetime as dt
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from usage.database import locks
from usage.database.statements import execute_for_each, slices
from usage.models import TracedPost, UsageMetric, UsageMetricQuerySet
from usage.pricing import priced
from usage.recording.cross_source import count_suppressed
from usage.recording.wrappers import (
    CallTree,
    call_tree,
    larger_wrappers,
    nearest_model,
    not_counted,
)
from usage.records import COST_REPORTED, WRAPPER, UsageRecord
from usage.traced import MOST_SPANS, Row, TracedCall, TracePart, Traces, moment_at_us, unix_us

KEPT_FOR = dt.timedelta(hours=1)
# As sources of reports that do not count. The larger ones used more than all calls below them, so
# that something is hidden in them: a tool that called another model.
SPANS, WRAPPERS, LARGER_WRAPPERS = "otel", "otel (wrapper)", "otel (wrapper of less)"
_MOST_POSTS = 16  # of a trace, until they become one
_FORGOTTEN_AT_ONCE = 200
_FORGETS_EVERY, _FORGETS_AFTER = 1.0, 100  # seconds, or parts that were kept meanwhile
_LOCKS = 64
_INSERT = "INSERT INTO usage_tracedpost (trace, content, spans, created_at) VALUES (%s, %s, %s, %s)"


@dataclass
class SpanVerdict:
    """What follows for the records of the posts, and for rows that are stored."""

    hidden: set[Row] = field(default_factory=set)
    models: dict[Row, str] = field(default_factory=dict)
    hidden_now: list[Row] = field(default_factory=list)
    shown_again: list[Row] = field(default_factory=list)
    models_now: dict[Row, str] = field(default_factory=dict)
    wrappers: int = 0  # how many more there are than before
    larger_wrappers: int = 0  # of them, those that used more than their calls
    larger_of: Counter[tuple[str, str]] = field(default_factory=Counter)  # by source and writer
    last_us: int = 0  # when the latest of the traces' calls was completed

    def applied(self, records: Sequence[UsageRecord]) -> Sequence[UsageRecord]:
        if not (self.hidden or self.models):
            return records
        return [self._applied(record) for record in records]

    def _applied(self, record: UsageRecord) -> UsageRecord:
        row = unix_us(record.timestamp), record.event_id or 0
        if row in self.models:
            record = _with_model(record, self.models[row])
        if row in self.hidden and record.excluded_as is None:
            record = msgspec.structs.replace(record, excluded_as=WRAPPER)
        return record

    def carry_out(self) -> None:
        for some in slices(self.hidden_now, each=2):
            _stored(some).counted().update(excluded_as=WRAPPER)
        for some in slices(self.shown_again, each=2):
            _stored(some).filter(excluded_as=WRAPPER).update(excluded_as=None)
        for row, model in self.models_now.items():
            _name_model(row, model)
        calls = {
            (SPANS, WRAPPERS): self.wrappers - self.larger_wrappers,
            (SPANS, LARGER_WRAPPERS): self.larger_wrappers,
        }
        changed = {pair: count for pair, count in calls.items() if count}
        count_suppressed(changed, dict.fromkeys(changed, moment_at_us(self.last_us)))


def judge_spans(traces: Traces) -> SpanVerdict:
    """Before the records are stored, in the same transaction; keeps what the posts tell."""
    verdict = SpanVerdict()
    if not traces:
        return verdict
    for lock in sorted({trace % _LOCKS for trace in traces}):  # in everyone's order
        locks.hold(locks.TRACES, lock)
    stored = _stored_posts(traces)
    new = []
    for trace, part in traces.items():
        kept = _judged(stored.get(trace), part, verdict)
        if kept.size:
            new.append((trace, kept))
    _keep(new)
    if most := forgetting.due(len(new)):
        _forget_some(most)
    return verdict


class _KeptPost(NamedTuple):
    """What is stored of a trace by one post."""

    id: int
    content: bytes


class _Forgetting:
    """When this process looks for old ones again: a post that brings one has better to do."""

    def __init__(self) -> None:
        self._looked_at = -_FORGETS_EVERY
        self._kept = 0  # since then; threads may count one too few

    def due(self, kept: int) -> int:
        """How many may be forgotten now, which are more than were kept; 0 for not yet."""
        self._kept += kept
        now = time.monotonic()
        if self._kept < _FORGETS_AFTER and now < self._looked_at + _FORGETS_EVERY:
            return 0
        most = max(_FORGOTTEN_AT_ONCE, 2 * self._kept)
        self._looked_at, self._kept = now, 0
        return most

    def be_due(self) -> None:
        """With the next post, whenever the last look was."""
        self._looked_at = -_FORGETS_EVERY


forgetting = _Forgetting()


def _judged(posts: list[_KeptPost] | None, part: TracePart, verdict: SpanVerdict) -> TracePart:
    """Judge the part beside what is stored of its trace; what is to be kept of it."""
    known = TracePart()
    if not posts:  # as nearly always, and with one call
        if len(part.calls) > 1 or any(call.lacks_model for call in part.calls):
            _judge(known, part, verdict)
        return part if part.size <= MOST_SPANS else _unknown(known, part)
    for post in posts:
        known.add_all(TracePart.from_bytes(bytes(post.content)))
    if part.calls or known.calls:
        _judge(known, part, verdict)
    unknown = _unknown(known, part)
    if len(posts) < _MOST_POSTS or not unknown.size:
        return unknown
    TracedPost.objects.filter(pk__in=[post.id for post in posts]).delete()
    known.add_all(unknown)
    return known


def _judge(known: TracePart, part: TracePart, verdict: SpanVerdict) -> None:
    old_parents = known.parents
    parents = part.parents | old_parents
    models = part.models | known.models
    before = _Told.of(known.calls, old_parents) if known.calls else _NOTHING
    after = _Told.of(known.calls + part.calls, parents)
    verdict.hidden |= after.hidden
    verdict.hidden_now += (after.hidden - before.hidden) & before.rows
    verdict.shown_again += before.hidden - after.hidden
    verdict.last_us = max([verdict.last_us, *(call.at_us for call in part.calls)])
    verdict.wrappers += len(after.hidden) - len(before.hidden)
    verdict.larger_wrappers += after.larger - before.larger
    verdict.larger_of[part.heard_from] += after.larger - before.larger
    old = {call.row for call in known.calls}
    for call in (*known.calls, *part.calls):
        if call.lacks_model and (model := nearest_model(call.span, parents, models)):
            if call.row not in old:
                verdict.models[call.row] = model
            elif nearest_model(call.span, old_parents, known.models) is None:
                verdict.models_now[call.row] = model


@dataclass(frozen=True)
class _Told:
    """All rows of a trace, and those that another row tells. A row may be of several spans."""

    rows: set[Row]
    hidden: set[Row]
    larger: int

    @classmethod
    def of(cls, calls: Iterable[TracedCall], parents: Mapping[bytes, bytes]) -> "_Told":
        tree: CallTree = call_tree(calls, parents)
        spans = not_counted(tree)
        rows = {call.row for call in tree.calls.values()}
        shown = {call.row for span, call in tree.calls.items() if span not in spans}
        return cls(rows, rows - shown, len(larger_wrappers(tree, spans)) if spans else 0)


_NOTHING = _Told(set(), set(), 0)


def _unknown(known: TracePart, part: TracePart) -> TracePart:
    """What the part adds to a trace, as far as there is room: calls before all else."""
    room = MOST_SPANS - known.size
    spans, parents = {call.span for call in known.calls}, known.parents
    unknown = TracePart()
    calls = {call.span: call for call in part.calls if call.span not in spans}
    edges = {span: parent for span, parent in part.parents.items() if span not in parents}
    for span in (*calls, *(span for span in edges if span not in calls)):
        if unknown.size < room:
            unknown.add(span, edges.get(span), calls.get(span), None)
    for span, model in part.models.items():
        if span not in known.models and unknown.size < room:
            unknown.add(span, None, None, model)
    return unknown


def _stored_posts(traces: Iterable[int]) -> dict[int, list[_KeptPost]]:
    found = defaultdict(list)
    since = connection.ops.adapt_datetimefield_value(timezone.now() - KEPT_FOR)
    with connection.cursor() as cursor:
        for some in slices(sorted(traces)):
            marks = ", ".join(["%s"] * len(some))
            cursor.execute(
                "SELECT trace, id, content FROM usage_tracedpost"
                f" WHERE trace IN ({marks}) AND created_at >= %s",
                [*some, since],
            )
            for trace, number, content in cursor.fetchall():
                found[trace].append(_KeptPost(number, content))
    return found


def _keep(parts: Sequence[tuple[int, TracePart]]) -> None:
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    rows = [(trace, part.to_bytes(), part.size, now) for trace, part in parts]
    if rows:
        execute_for_each(_INSERT, rows)


def _forget_some(most: int) -> None:
    """A few at a time, since a client waits, and none that another writer forgets just now."""
    lock = locks.for_update("usage_tracedpost", skip_locked=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM usage_tracedpost WHERE id IN (SELECT id FROM usage_tracedpost "
            f"WHERE created_at < %s ORDER BY created_at LIMIT %s {lock})",
            [connection.ops.adapt_datetimefield_value(timezone.now() - KEPT_FOR), most],
        )


def _stored(rows: Iterable[Row]) -> UsageMetricQuerySet:
    wanted = Q()
    for at_us, event_id in rows:
        wanted |= Q(timestamp=moment_at_us(at_us), event_id=event_id)
    return UsageMetric.objects.filter(wanted)


def _with_model(record: UsageRecord, model: str) -> UsageRecord:
    """Its price was that of no model, unless its sender told it."""
    if record.cost_source == COST_REPORTED:
        return msgspec.structs.replace(record, model=model)
    return priced([msgspec.structs.replace(record, model=model, cost_usd=None, cost_source=None)])[
        0
    ]


def _name_model(row: Row, model: str) -> None:
    for found in _stored([row]):
        known = {name: getattr(found, name) for name in UsageRecord.__struct_fields__}
        record = _with_model(UsageRecord(**known), model)
        _stored([row]).filter(pk=found.pk).update(
            model=record.model, cost_usd=record.cost_usd, cost_source=record.cost_source
        )
