"""Which names are told apart; all others count as "(other)". Those who write sums agree on it.

Names come from outside, so their number is bounded: in all, and by the UTC day on which they came.
The table usage_names has an entry for every name that a summed row has. What it says of a name
stays so, whatever the bounds do later, because the sums hold its rows accordingly; only
`usage.rollups.renaming` changes it, and moves the sums in the same transaction.
"""

import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from django.db import connection, transaction

from usage.database import locks
from usage.database.snapshots import read_snapshot
from usage.database.statements import execute_for_each
from usage.rollups import name_entries, series, standing
from usage.rollups.aggregation import COLUMNS, OTHER, Renaming, TimedRow
from usage.rollups.declarations import DAY, SUMMED
from usage.rollups.name_entries import ALWAYS, NEVER, Entries

MOST_REMEMBERED = 50_000  # of each dimension
CHANGES, _NEW_NAMES = 0, 1  # locks: of what was decided, and of deciding on new names

Names = Mapping[str, Collection[str | None]]  # by dimension
_Lists = dict[str, list[str]]


class _Remembered:
    """Names that always count under themselves, as this process has seen them."""

    def __init__(self) -> None:
        self.version: int | None = None
        self.names: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self.full: dict[str, tuple[int, ...]] = {}  # dimensions, with the bounds that they fill
        self._change = threading.Lock()

    def be_of(self, version: int) -> None:
        """Drop what another version may contradict. Others go on with the dictionaries they
        have: their transactions keep that version from changing."""
        if version != self.version:
            self.forget()
            self.version = version

    def forget(self) -> None:
        self.names = defaultdict(dict)
        self.full = {}
        series.forget()

    def is_full(self, dimension: str, bounds: tuple[int, ...]) -> bool:
        """Whether there was no room for another name under these bounds. Only a change of what
        was decided makes some, after which nothing is remembered."""
        return name_entries.has_daily_bound() and self.full.get(dimension) == bounds

    def add(self, known: dict[str, None], names: Iterable[str]) -> None:
        with self._change:
            known.update(dict.fromkeys(names))
            for name in list(islice(known, max(0, len(known) - MOST_REMEMBERED))):  # the oldest
                del known[name]


_remembered = _Remembered()


def forget() -> None:
    """Look all up anew, after the tables were emptied."""
    _remembered.forget()


def remember_all() -> None:
    """What was decided and counts as itself, with the series: at the start of a process."""
    with read_snapshot(), connection.cursor() as cursor:
        _remembered.be_of(version())
        cursor.execute(
            f"SELECT dimension, name FROM usage_names WHERE counts_from = {ALWAYS}"
            " ORDER BY id DESC LIMIT %s",
            [MOST_REMEMBERED],
        )
        for dimension, name in reversed(cursor.fetchall()):
            _remembered.add(_remembered.names[dimension], [name])
        series.remember_all()


def names_of(rows: Sequence[TimedRow]) -> Names:
    """The values of each dimension, in the order in which they come."""
    return {
        dimension: dict.fromkeys(row[1][place] for row in rows)
        for place, dimension in enumerate(COLUMNS)
        if dimension in SUMMED
    }


def agree(names: Names, latest: int) -> Renaming | None:
    """Decide on names that are new, and tell how the rows that have these are counted.

    To be called early in each transaction that changes sums: all take their locks in this order.
    `latest` is when the last of the rows was completed, in Unix seconds.
    """
    filled_from = hold().filled_from
    unknown: _Lists = {}
    for dimension, values in names.items():
        known = _remembered.names[dimension]
        if new := [name for name in values if name and name not in known]:
            unknown[dimension] = new
    if not unknown:
        return renaming({}, filled_from)
    found = name_entries.find(unknown)
    missing = {d: [name for name in some if name not in found[d]] for d, some in unknown.items()}
    day = max(latest, int(time.time())) // DAY * DAY
    if any(missing.values()):
        for dimension, entries in _decide(missing, day).items():
            found[dimension] |= entries
    _note_use(found, day)
    _remember(found)
    return renaming(found, filled_from)


def agree_early(texts: Iterable[Mapping[str, Any]]) -> None:
    """`agree` on what rows will be, before any of them is locked or the sums are changed."""
    wanted: dict[str, dict[str | None, None]] = {dimension: {} for dimension in SUMMED}
    for values in texts:
        for dimension, known in wanted.items():
            if isinstance(name := values.get(dimension), str):
                known[name] = None
    agree(wanted, 0)


def agree_on(rows: Sequence[TimedRow]) -> Renaming | None:
    """`agree` on all that these rows have."""
    return agree(names_of(rows), max((at for at, _ in rows), default=0))


def as_decided(
    rows: Sequence[TimedRow], instead: Mapping[str, Mapping[str, int]] | None = None
) -> Renaming | None:
    """How the rows are counted as far as it was decided; `instead` are times from when on names
    shall count, by dimension."""
    wanted = {d: [name for name in some if name] for d, some in names_of(rows).items()}
    found = name_entries.find(wanted)
    for dimension, times in (instead or {}).items():
        for name in found[dimension].keys() & times.keys():
            entry = found[dimension][name]
            counts_from = min(entry.counts_from, times[name])
            found[dimension][name] = entry._replace(counts_from=counts_from)
    return renaming(found, standing.read().filled_from)


def if_all_are_decided(names: Names, version: int) -> tuple[bool, Renaming | None]:
    """Whether there is nothing new to decide on, and how rows of these names are counted then.

    Of that `version` of what was decided; without a lock, so it may be another soon.
    """
    is_remembered = _remembered.version == version
    wanted = {}
    for dimension, some in names.items():
        known = _remembered.names[dimension] if is_remembered else {}
        wanted[dimension] = [name for name in some if name and name not in known]
    found = name_entries.find(wanted)
    is_all = all(len(found[dimension]) == len(some) for dimension, some in wanted.items())
    return is_all, renaming(found, standing.read().filled_from) if is_all else None


def renaming(found: Entries, filled_from: Mapping[str, int]) -> Renaming | None:
    """None where every name counts under itself, in all sums."""
    later: dict[str, dict[str, int]] = {}
    for dimension, entries in found.items():
        for name, entry in entries.items():
            if entry.counts_from > ALWAYS:
                later.setdefault(dimension, {})[name] = entry.counts_from
    return Renaming(later, filled_from) if filled_from or later else None


def count_as_other(names: Mapping[str, Mapping[str, bool]]) -> None:
    """Make entries so for those that have none, by dimension and name: whether an operator has
    moved it into (other)."""
    hold()
    day = name_entries.today()
    name_entries.make(
        (dimension, name, NEVER, 0, day, is_folded)
        for dimension, some in names.items()
        for name, is_folded in some.items()
    )


def count_others(most: int) -> int:
    """How many names count as (other), if only in part; no more than `most` are counted."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM (SELECT 1 FROM usage_names "
            f"WHERE counts_from > {ALWAYS} AND name <> %s LIMIT %s) AS found",
            [OTHER, most],
        )
        return int(cursor.fetchone()[0])


def hold() -> standing.SumsStanding:
    """Keep what was decided as it is until the end of the transaction; new names may come."""
    locks.share(locks.NAMES, CHANGES)
    # A statement of its own: it sees what was committed while the lock was waited for.
    found = standing.read()
    _remembered.be_of(found.names_version)
    return found


def version() -> int:
    """Of what was decided, as the database has it: another one after names were moved."""
    return standing.read().names_version


def hold_alone() -> None:
    """Begin to change what was decided: all writers of sums wait until the end of it."""
    locks.hold(locks.NAMES, CHANGES)
    with connection.cursor() as cursor:
        # Not one more than before: the number of a change that was rolled back may be in memory.
        version = secrets.randbits(62)
        cursor.execute(
            "INSERT INTO usage_namesversion (id, number) VALUES (1, %s) "
            "ON CONFLICT (id) DO UPDATE SET number = excluded.number",
            [version],
        )
    _remembered.be_of(version)


def _decide(new: _Lists, day: int) -> Entries:
    """Make entries: told apart are those that come first, as many as there is room for."""
    bounds = name_entries.bounds()
    dimensions = [dimension for dimension, names in new.items() if names]
    may_have_room = [each for each in dimensions if not _remembered.is_full(each, bounds)]
    rooms = dict.fromkeys(dimensions, 0)
    if may_have_room:
        # Only while there is room must they be counted one after the other.
        locks.hold(locks.NAMES, _NEW_NAMES)
        rooms |= name_entries.rooms(may_have_room)
        full = {each: bounds for each in may_have_room if not rooms[each]}
        known = _remembered.full
        transaction.on_commit(lambda: known.update(full))
    came = name_entries.today() if name_entries.has_daily_bound() else 0
    found: Entries = {dimension: {} for dimension in new}
    left = {each: [name for name in new[each] if name != OTHER] for each in dimensions}
    while told := [(each, name) for each in dimensions for name in left[each][: rooms[each]]]:
        made = name_entries.make((*pair, ALWAYS, came, day, False) for pair in told)
        for each in dimensions:
            some, left[each] = left[each][: rooms[each]], left[each][rooms[each] :]
            entries = {} if made is None else made.get(each, {})
            # Others may have made some of them since they were looked for.
            rooms[each] -= len(some) if made is None else len(entries)
            found[each] |= entries
    others = [(each, name) for each in dimensions for name in left[each]]
    others += [(each, OTHER) for each in dimensions if OTHER in new[each]]
    made = name_entries.make((*pair, NEVER, came, day, False) for pair in others)
    for each, entries in (made or {}).items():
        found[each] |= entries
    missing = {d: [name for name in some if name not in found[d]] for d, some in new.items()}
    for each, entries in name_entries.find(missing).items():
        found[each] |= entries
    return found


def _note_use(found: Entries, day: int) -> None:
    """So that what counts as (other) can be forgotten once its rows are purged."""
    old = sorted(
        entry.row_id
        for entries in found.values()
        for entry in entries.values()
        if entry.counts_from > ALWAYS and entry.last_day < day
    )
    if old:
        execute_for_each(
            "UPDATE usage_names SET last_day = %s WHERE id = %s", [(day, each) for each in old]
        )


def _remember(found: Entries) -> None:
    """Once the transaction is committed."""
    for dimension, entries in found.items():
        known = _remembered.names[dimension]
        always = [name for name, entry in entries.items() if entry.counts_from == ALWAYS]
        remember: Callable[[], Any] = _adding(known, always)
        transaction.on_commit(remember)


def _adding(known: dict[str, None], names: Sequence[str]) -> Callable[[], None]:
    return lambda: _remembered.add(known, names)
