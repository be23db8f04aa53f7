"""The ids of series: looked up once in each process, made where they are new."""

import threading
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from django.db import connection, transaction

from usage.database.joins import each_of, given_texts
from usage.database.statements import insert_new
from usage.rollups.aggregation import Dimensions
from usage.rollups.declarations import GROUPINGS, SERIES_DIMENSIONS, Grouping, quoted

_NAMES = SERIES_DIMENSIONS
# All of them, in the order of the index, so that a series is found by equality.
_TYPES = dict.fromkeys(("grouping", *map(quoted, _NAMES)), "text") | {"token_shift": "smallint"}
_COLUMNS = tuple(_TYPES)
MOST_REMEMBERED = 20_000  # of each kind; what is forgotten is looked up again

_Key = tuple[Any, ...]  # the values of _COLUMNS
Kind = tuple[Grouping, int]  # and the token shift
Ids = dict[Dimensions, int]
_known: defaultdict[Kind, Ids] = defaultdict(dict)
_change = threading.Lock()


def ids_of(wanted: Mapping[Kind, Collection[Dimensions]]) -> dict[Kind, Ids]:
    """The ids of the series that have these values of their grouping's dimensions.

    New ones are made in the caller's transaction, and remembered once that is committed.
    """
    ids: dict[Kind, Ids] = {}
    keys: dict[_Key, tuple[Kind, Dimensions]] = {}
    for kind, some in wanted.items():
        known = _known[kind]
        there = ids[kind] = {
            each: number for each in some if (number := known.get(each)) is not None
        }
        if len(there) < len(some):
            keys |= {_key(kind, each): (kind, each) for each in some if each not in there}
    if keys:
        _look_up(keys, ids)
    return ids


def _look_up(keys: Mapping[_Key, tuple[Kind, Dimensions]], ids: Mapping[Kind, Ids]) -> None:
    """Add the ids of series that are not remembered, and make those that there are not."""
    found = _find([*keys])
    if new := [key for key in keys if key not in found]:
        with transaction.atomic(savepoint=False):  # all at once, where the caller has none
            found |= _make(new)
    if made_by_others := [key for key in new if key not in found]:
        found |= _find(made_by_others)
    looked_up: defaultdict[Kind, Ids] = defaultdict(dict)
    for key, number in found.items():
        kind, each = keys[key]
        ids[kind][each] = looked_up[kind][each] = number
    for kind, some in looked_up.items():
        transaction.on_commit(partial(_remember, _known[kind], some))


def forget() -> None:
    """Look all up anew, after the tables were emptied."""
    global _known  # noqa: PLW0603  # in its place, for what a transaction goes on to remember
    _known = defaultdict(dict)


def remember_all() -> None:
    """Those that there are, as far as there is room: at the start of a process."""
    groupings = {grouping.name: grouping for grouping in GROUPINGS}
    found: defaultdict[Kind, Ids] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, {', '.join(_COLUMNS)} FROM usage_series ORDER BY id DESC LIMIT %s",
            [MOST_REMEMBERED * len(groupings)],
        )
        for number, name, *values, shift in reversed(cursor.fetchall()):
            named = dict(zip(_NAMES, values, strict=True))
            if grouping := groupings.get(name):
                dimensions = tuple(named[each] for each in grouping.dimensions)
                found[grouping, shift][dimensions] = number
    for kind, some in found.items():
        _remember(_known[kind], some)


def _remember(known: dict[Dimensions, int], found: dict[Dimensions, int]) -> None:
    with _change:
        known.update(found)
        for each in list(islice(known, max(0, len(known) - MOST_REMEMBERED))):  # the oldest
            del known[each]


def _key(kind: Kind, dimensions: Dimensions) -> _Key:
    grouping, token_shift = kind
    values = dict(zip(grouping.dimensions, dimensions, strict=True))
    return (grouping.name, *(values.get(name, "") for name in _NAMES), token_shift)


def _find(keys: Sequence[_Key]) -> dict[_Key, int]:
    """Each by one step through the index, however many there are."""
    columns = ", ".join(f"given.{name}" for name in _COLUMNS)
    is_same = " AND ".join(f"usage_series.{name} = given.{name}" for name in _COLUMNS)
    found: dict[_Key, int] = {}
    with connection.cursor() as cursor:
        for given, parameters in given_texts(_TYPES, keys):
            source = each_of(given, "usage_series", is_same, is_on_every_node=True)
            cursor.execute(f"SELECT usage_series.id, {columns} {source}", parameters)
            found |= {tuple(key): number for number, *key in cursor.fetchall()}
    return found


def _make(keys: Sequence[_Key]) -> dict[_Key, int]:
    """Those that were made, as far as the engine tells them.

    In the order that all writers keep, so that two of them cannot wait for each other.
    """
    made = insert_new("usage_series", _COLUMNS, sorted(keys), f"id, {', '.join(_COLUMNS)}")
    return {tuple(key): number for number, *key in made or []}
