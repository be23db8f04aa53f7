"""Stores usage: rows, and what they add to the sums, in one transaction, an event at most once."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from typing import Any

import msgspec
from django.db import IntegrityError, transaction

from usage.database import extensions
from usage.database.compression import without_bound
from usage.identity import made_up_identity
from usage.recording import taken_along
from usage.recording.agent_reports import judge_agents
from usage.recording.cross_source import judge
from usage.recording.insertion import insert_and_tell, insert_rows
from usage.recording.span_trees import judge_spans
from usage.records import FieldError, InvalidRow, UsageRecord, record_from, record_without_keys
from usage.rollups import names, tables
from usage.rollups.aggregation import (
    COLUMNS,
    Additions,
    Renaming,
    TimedRow,
    added_up,
    aggregate,
)
from usage.rollups.declarations import SUMMED
from usage.traced import Traces, agents_of

# A transaction takes more rows in several steps, so that memory does not grow with them.
_ROWS_A_STEP = 5_000
_summed_columns = itemgetter(*map(UsageRecord.__struct_fields__.index, COLUMNS))


class _SomeAreKnown(Exception):
    """Events of the batch were stored before, so it must be told which."""


@dataclass(frozen=True)
class RecordingResult:
    """Of the rows of a batch: how many are stored by it, how many were stored before."""

    accepted: int
    duplicates: int
    repeated: Sequence[UsageRecord] = field(default=(), compare=False)  # the duplicates
    # How many more wrappers there are that used more than their calls, by source and writer.
    larger_wrappers: Mapping[tuple[str, str], int] = field(default_factory=dict, compare=False)


def store(records: Sequence[UsageRecord], traces: Traces) -> RecordingResult:
    """Insert records and add them to the sums, within the caller's transaction.

    `traces` tell how those records that are spans belong together.
    """
    verdict = judge_spans(traces)
    agents = judge_agents(verdict.applied(records), agents_of(traces))
    records = agents.records
    if extensions.is_distributed():
        records = list(map(_with_identity, records))
    # One order for all writers: two batches that share events cannot deadlock.
    in_order = sorted(records, key=lambda record: (record.timestamp, record.event_id or 0))
    renaming = _agree(in_order)
    # First, for a row that counts no longer outranks no other source's report.
    verdict.carry_out()
    agents.carry_out()
    more = _taken_along() if in_order else []
    repeated: list[UsageRecord] = []
    for start in range(0, len(in_order), _ROWS_A_STEP):
        repeated += _store_step(in_order[start : start + _ROWS_A_STEP], renaming, more)
        more = []
    return RecordingResult(len(records) - len(repeated), len(repeated), repeated, verdict.larger_of)


def as_records(rows: Iterable[UsageRecord | Mapping[str, Any]]) -> list[UsageRecord]:
    """Records of records and mappings; InvalidRow names every fault, the row's place in front."""
    now = dt.datetime.now(dt.UTC)
    records: list[UsageRecord] = []
    faults: list[FieldError] = []
    for index, row in enumerate(rows):
        try:
            records.append(
                record_without_keys(row) if isinstance(row, UsageRecord) else record_from(row, now)
            )
        except InvalidRow as error:
            faults += [FieldError(f"{index}.{f.field}", f.error) for f in error.faults]
    if faults:
        raise InvalidRow(faults)
    return records


def _with_identity(record: UsageRecord) -> UsageRecord:
    """Citus distributes rows by their event_id, so each of them must have one."""
    if record.event_id is not None:
        return record
    return msgspec.structs.replace(record, event_id=made_up_identity())


def _agree(in_order: Sequence[UsageRecord]) -> Renaming | None:
    """Before any row is locked, and for all of them at once: so no two writers deadlock."""
    counted = [record for record in in_order if record.excluded_as is None]
    if not counted:
        return None
    columns = {name: dict.fromkeys(map(attrgetter(name), counted)) for name in SUMMED}
    return names.agree(columns, int(counted[-1].timestamp.timestamp()))


def _taken_along() -> list[Additions]:
    """What rows of plain SQL add, if there are some."""
    rows = taken_along.take()
    return [aggregate(rows, names.agree_on(rows))] if rows else []


def _store_step(
    step: list[UsageRecord], renaming: Renaming | None, more: Sequence[Additions]
) -> Sequence[UsageRecord]:
    """Those that were stored before. `more` is added to the sums as well, in one statement, since
    its keys are sorted."""
    judgement = judge(step)
    inserted = records = judgement.records
    try:
        with transaction.atomic(), without_bound():
            if insert_rows(records) < len(records):
                raise _SomeAreKnown
    except (_SomeAreKnown, IntegrityError):
        with without_bound():
            inserted = insert_and_tell(records)
    judgement.carry_out(inserted)
    counted = [record for record in inserted if record.excluded_as is None]
    additions = [aggregate(_timed(counted), renaming)] if counted else []
    if additions or more:
        tables.add(added_up([*additions, *more]) if more else additions[0])
    return _without(records, inserted)


def _without(records: Sequence[UsageRecord], some: Sequence[UsageRecord]) -> list[UsageRecord]:
    if some is records:
        return []
    """What is left of the records; the same one may be there twice."""
    taken = Counter(map(id, some))
    rest = []
    for record in records:
        if taken[id(record)]:
            taken[id(record)] -= 1
        else:
            rest.append(record)
    return rest


def _timed(records: Sequence[UsageRecord]) -> Iterator[TimedRow]:
    times = (int(record.timestamp.timestamp()) for record in records)
    return zip(times, map(_summed_columns, map(msgspec.structs.astuple, records)), strict=True)
