"""The ids of series: looked up once in each process, made where they are new."""

import hashlib
import threading
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import Any

from django.db import connection, transaction

from usage.database.joins import each_of, given_table
from usage.database.statements import insert_new
from usage.rollups.declarations import GROUPINGS, SERIES_DIMENSIONS, Grouping, quoted
from usage.rollups.grouped import Dimensions

_NAMES = SERIES_DIMENSIONS
_DIGEST_BYTES = 16
# Of usage_series, beside the id.
_COLUMNS = ("digest", "grouping", *map(quoted, _NAMES), "token_shift")
MOST_REMEMBERED = 20_000  # of each kind; what is forgotten is looked up again

Kind = tuple[Grouping, int]  # and the token shift
Ids = dict[Dimensions, int]
_known: defaultdict[Kind, Ids] = defaultdict(dict)
_change = threading.Lock()


def ids_of(wanted: Mapping[Kind, Collection[Dimensions]]) -> dict[Kind, Ids]:
    """The ids of the series that have these values of their grouping's dimensions.

    New ones are made in the caller's transaction, and remembered once that is committed.
    """
    ids: dict[Kind, Ids] = {}
    missing: dict[str, tuple[Kind, Dimensions]] = {}
    for kind, some in wanted.items():
        known = _known[kind]
        there = ids[kind] = {
            each: number for each in some if (number := known.get(each)) is not None
        }
        if len(there) < len(some):
            missing |= {digest(*kind, each): (kind, each) for each in some if each not in there}
    if missing:
        _look_up(missing, ids)
    return ids


def digest(grouping: Grouping, token_shift: int, dimensions: Dimensions) -> str:
    """What a series is found by: of what it has, each text with its length before it.

    Long enough that nobody makes up two names that share one.
    """
    texts = (grouping.name, str(token_shift), *dimensions)
    whole = "".join(f"{len(text)}:{text}" for text in texts)
    return hashlib.blake2b(
        whole.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES
    ).hexdigest()


def _look_up(wanted: Mapping[str, tuple[Kind, Dimensions]], ids: Mapping[Kind, Ids]) -> None:
    """Add the ids of series that are not remembered, and make those that there are not."""
    found = _find([*wanted])
    if new := {key: some for key, some in wanted.items() if key not in found}:
        with transaction.atomic(savepoint=False):  # all at once, where the caller has none
            found |= _make(new)
    if made_by_others := [key for key in new if key not in found]:
        found |= _find(made_by_others)
    looked_up: defaultdict[Kind, Ids] = defaultdict(dict)
    for key, number in found.items():
        kind, each = wanted[key]
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
            f"SELECT id, {', '.join(_COLUMNS[1:])} FROM usage_series ORDER BY id DESC LIMIT %s",
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


def _find(digests: Sequence[str]) -> dict[str, int]:
    """Each by one step through the index, however many there are."""
    given, parameters = given_table({"digest": "text"}, [(each,) for each in digests])
    is_same = "usage_series.digest = given.digest"
    source = each_of(given, "usage_series", is_same, is_on_every_node=True)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT given.digest, usage_series.id {source}", parameters)
        return dict(cursor.fetchall())


def _make(new: Mapping[str, tuple[Kind, Dimensions]]) -> dict[str, int]:
    """Those that were made, as far as the engine tells them.

    In the order that all writers keep, so that two of them cannot wait for each other.
    """
    rows = sorted((_row(key, *some) for key, some in new.items()), key=itemgetter(slice(1, None)))
    return dict(insert_new("usage_series", _COLUMNS, rows, "digest, id") or [])


def _row(key: str, kind: Kind, dimensions: Dimensions) -> tuple[Any, ...]:
    grouping, token_shift = kind
    values = dict(zip(grouping.dimensions, dimensions, strict=True))
    return (key, grouping.name, *(values.get(name, "") for name in _NAMES), token_shift)
