"""The ledger of what was heard of each source: how it is added to, and how many entries it has.

Names come from outside, so entries are bounded in number like names: in all, by the UTC day on
which they are new, of each source, and of those who may not write. What comes beyond is counted as
`(other)`. Processes look at the table once a minute, so the bounds are about right, not exact.
"""

import datetime as dt
import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Min

from usage.database import times
from usage.database.statements import execute_for_each
from usage.database.trouble import DATABASE_TROUBLE
from usage.heard import PASSED_OVER, ROWS, Entry
from usage.live_keys import first_key
from usage.models import HeardCount
from usage.rollups.aggregation import OTHER

NOBODY = "nobody"  # as the writer, of whoever may not write
A_MINUTE = 60
_LONGEST = (64, 64, 32, 128)  # characters of an entry's texts
_MOST_DETAILS = 100  # of a source, a writer and a kind
_MOST_OF_NOBODY = 100  # entries
_MOST_NEW_AT_ONCE = 1_000  # are looked at, of what one post names
_MOST_REMEMBERED = 50_000
_LOOKS_EVERY = 60.0  # seconds, whether entries are new to this process
_COLUMNS = "source, writer, kind, detail, minute, count, since, last_at"
_TABLE = "usage_heardcount"
Line = tuple[str, str, str, str, int, int, Any, Any]  # with both moments as they are stored
_ADD = (
    f"INSERT INTO {_TABLE} ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) "
    "ON CONFLICT (source, writer, kind, detail, minute) DO UPDATE SET "
    f"count = {_TABLE}.count + excluded.count, since = CASE WHEN excluded.since < {_TABLE}.since "
    f"THEN excluded.since ELSE {_TABLE}.since END, last_at = CASE WHEN excluded.last_at > "
    f"{_TABLE}.last_at THEN excluded.last_at ELSE {_TABLE}.last_at END"
)


@dataclass(frozen=True)
class Silent:
    """A source that never sent a row: since when it is known, and what was passed over of it."""

    since: dt.datetime
    passed_over: Collection[str]


class _LedgerEntries:
    """The entries that there are, as this process has last seen them, and as what it counts all."""

    def __init__(self) -> None:
        self.counted_as: dict[Entry, Entry] = {}
        self._looked_at = -_LOOKS_EVERY
        self._change = threading.Lock()
        self._be({})

    def _be(self, entries: dict[Entry, dt.datetime]) -> None:
        today = dt.datetime.now(dt.UTC).date()
        self._entries = entries  # since when
        self._sources = {entry[:2] for entry in entries}
        self._details = Counter(entry[:3] for entry in entries)
        self._of_nobody = sum(writer == NOBODY for _, writer, _, _ in entries)
        self._new_today = sum(since.date() == today for since in entries.values())
        self.counted_as = {entry: entry for entry in entries}

    def look(self) -> None:
        """At the table, where that was some time ago."""
        if time.monotonic() < self._looked_at + _LOOKS_EVERY:
            return
        entries = HeardCount.objects.values_list("source", "writer", "kind", "detail")
        found = {(*entry,): since for *entry, since in entries.annotate(Min("since")).order_by()}
        with self._change:
            self._be(found)
            self._looked_at = time.monotonic()

    def decide(self, entry: Entry) -> Entry:
        """As which entry one is counted that is new to this process."""
        self.look()
        with self._change:
            if (known := self.counted_as.get(entry)) is not None:
                return known
            decided = self._decided(_clean(entry))
            if len(self.counted_as) < _MOST_REMEMBERED:
                self.counted_as[entry] = decided
            return decided

    def silent(self, source: str) -> "Silent | None":
        self.look()
        with self._change:
            mine = {entry: at for entry, at in self._entries.items() if entry[0] == source}
        if not mine or any(kind == ROWS for _, _, kind, _ in mine):
            return None
        details = {detail for _, _, kind, detail in mine if kind == PASSED_OVER}
        return Silent(min(mine.values()), details)

    def _decided(self, entry: Entry) -> Entry:
        source, writer, kind, detail = entry
        if entry in self._entries or self._has_room_for(entry):
            chosen = entry
        elif (source, writer) in self._sources:
            chosen = source, writer, kind, detail and OTHER
        else:
            chosen = other(entry)
        if chosen not in self._entries:
            self._entries[chosen] = dt.datetime.now(dt.UTC)
            self._sources.add(chosen[:2])
            self._details[chosen[:3]] += 1
            self._of_nobody += writer == NOBODY
            self._new_today += 1
        return chosen

    def _has_room_for(self, entry: Entry) -> bool:
        return (
            len(self._entries) < settings.METRICS_MAX_NAMES
            and self._new_today < settings.METRICS_MAX_NEW_NAMES
            and self._details[entry[:3]] < _MOST_DETAILS
            and (entry[1] != NOBODY or self._of_nobody < _MOST_OF_NOBODY)
        )


_known = _LedgerEntries()


def forget() -> None:
    """Look at all anew, after the table was emptied."""
    global _known  # noqa: PLW0603
    _known = _LedgerEntries()


def look_ahead(counts: Mapping[Entry, int]) -> None:
    """At the table, if some of the entries are new to this process: before any lock is held."""
    if not _known.counted_as.keys() >= counts.keys():
        with suppress(*DATABASE_TROUBLE):  # it is looked at in the transaction, then
            _known.look()


def add(counts: Mapping[Entry, int]) -> None:
    """In the caller's transaction, after the sums: all writers lock in that order."""
    told: Counter[Entry] = Counter()
    counted_as = _known.counted_as
    for entry, count in counts.items():
        known = counted_as.get(entry)
        if known is None:
            known = _known.decide(entry) if len(told) < _MOST_NEW_AT_ONCE else other(entry)
        told[known] += count
    moment = dt.datetime.now(dt.UTC)
    minute = int(moment.timestamp()) // A_MINUTE
    (now,) = times.stored([moment])
    add_lines([(*entry, minute, told[entry], now, now) for entry in sorted(told) if told[entry]])


def add_lines(lines: Sequence[Line]) -> None:
    """Sorted, within the caller's transaction."""
    if lines:
        execute_for_each(_ADD, lines)


def silent(source: str) -> Silent | None:
    """Of a source that is known and never sent a row; None of all others."""
    return _known.silent(source)


def other(entry: Entry) -> Entry:
    _, writer, kind, detail = entry
    return OTHER, writer, kind, detail and OTHER


def _clean(entry: Entry) -> Entry:
    """Texts that every engine takes, and without a key."""
    source, writer, kind, detail = (
        _text(text, longest) for text, longest in zip(entry, _LONGEST, strict=True)
    )
    return source or OTHER, writer, kind, detail


def _text(text: str, longest: int) -> str:
    short = "".join(each if each.isprintable() else " " for each in text[:longest]).strip()
    return OTHER if first_key(text) is not None else short
