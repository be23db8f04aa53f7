"""Of which rows an answer knows user, team, …: the twin of what sums that came later hold.

They hold rows since `filled_from`; others are read where they are, unless a purge may have taken
some of them. What no sums tell apart together is told by rows alone.
"""

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.plain_python import FILTERS, WHO_AND_WHAT, Row, is_restricted

Groups = Sequence[Sequence[str]]  # the columns of each kind of parts
ALWAYS, EVER = -(2**62), 2**62
_TOLD_TOGETHER = (
    {"model", "provider", "status"},
    {"api_key_hash", "model", "provider", "status"},
    *({name, "model"} for name in WHO_AND_WHAT),
)


def restricted(question: dict[str, Any]) -> set[str]:
    return {name for name in FILTERS if is_restricted(question, name)}


def takes_none(question: dict[str, Any], dimension: str) -> bool:
    """Whether a filter takes rows that lack what it is about."""
    asked, left_out = (question.get(name) or [] for name in (dimension, f"not_{dimension}"))
    return "" not in left_out and (not asked or "" in asked)


def grain(question: dict[str, Any], named: Iterable[str] = ()) -> int:
    """The seconds of the narrowest sums that tell apart what is filtered and grouped by; 0 where
    there are none."""
    dimensions = {*restricted(question), *named}
    if who := dimensions & {*WHO_AND_WHAT}:
        if not _are_told_together(question, dimensions):
            return 0
        return 3600 if dimensions == who else 86_400
    if "api_key_hash" not in dimensions:
        return 900
    return 3600 if dimensions == {"api_key_hash"} else 86_400


def _are_told_together(question: dict[str, Any], dimensions: set[str]) -> bool:
    lacking = {
        name for name in restricted(question) & {*WHO_AND_WHAT} if takes_none(question, name)
    }
    can_take_off = len(lacking) <= 1 and not lacking & question["unsure"]
    return can_take_off and any(dimensions <= some for some in _TOLD_TOGETHER)


def told_of_all(question: dict[str, Any], columns: Sequence[str]) -> list[str]:
    """Of the columns by which parts are told, what is known even of rows of which little is."""
    dimensions = {*restricted(question), *columns}
    if _are_told_together(question, dimensions):
        return [name for name in columns if name not in WHO_AND_WHAT]
    if len(columns) > 1:
        for name in columns:
            if _is_whole(question, name):
                return [name]
    return []


def _is_whole(question: dict[str, Any], name: str) -> bool:
    """Whether all that counts has a place in the parts by a name."""
    if not _are_told_together(question, {*restricted(question), name}):
        return False
    is_asked = name in restricted(question) and not takes_none(question, name)
    return name not in WHO_AND_WHAT or is_asked


@dataclass
class Known:
    """`filled_from` is the moment of now, in Unix seconds; `gone` are ids of purged rows, and
    `kept` those of which the sums had user, team, … before."""

    filled_from: int = ALWAYS
    gone: set[int] = field(default_factory=set)
    kept: set[int] = field(default_factory=set)
    horizon: dt.datetime | None = None
    are_all_filled: bool = True

    def rows_from(self, question: dict[str, Any], groups: Groups) -> float:
        """Before this no rows are read of what came later: to a bucket that all parts have."""
        if self.horizon is None:
            return -math.inf
        told = [*groups, *(told_of_all(question, by) for by in groups)]
        widths = [grain(question), *(grain(question, by) for by in told)]
        if restricted(question) <= {"model", "provider"}:
            widths.append(3600)  # of the histograms
        width = max(widths)
        seconds = self.horizon.timestamp()
        return math.ceil(seconds / width) * width if width else seconds

    def is_known(
        self, row: Row, question: dict[str, Any], named: Iterable[str], groups: Groups
    ) -> bool:
        """Whether it is told what a row has of the dimensions, in an answer with these groups."""
        dimensions = {*restricted(question), *named}
        are_told = _are_told_together(question, dimensions)
        if are_told and not dimensions & {*WHO_AND_WHAT}:
            return True
        is_gone = row["id"] in self.gone
        if row["is_summed"] is None and not is_gone:
            return True
        rows_from = self.rows_from(question, groups)
        filled_from = self.filled_from if are_told else EVER
        if filled_from > rows_from:
            return row["timestamp"].timestamp() >= rows_from
        return row["id"] in self.kept if is_gone else self.is_in_sums(row)

    def is_in_sums(self, row: Row) -> bool:
        return math.floor(row["timestamp"].timestamp()) >= self.filled_from

    def is_dropped(self, question: dict[str, Any]) -> bool:
        """Whether a row counts at all where it is not known what it has of what is filtered by."""
        return not _are_told_together(question, restricted(question))
