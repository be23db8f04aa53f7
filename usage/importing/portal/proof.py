"""Whether all has arrived: the file's sums beside what the target's sums have of it."""

import datetime as dt
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from usage.importing.portal.day_figures import ByDay, DayFigures, Held, at
from usage.importing.portal.users_and_tokens import Accounts
from usage.rollups.declarations import DAY

_PRECISION = 1e-9  # of costs, which are added in another order
_SMALLEST_COST = 1e-6
_NEVER = 2**62


@dataclass(frozen=True)
class Count:
    """Something that is counted on both sides."""

    name: str
    old: int
    new: int


@dataclass(frozen=True)
class Proof:
    """`old` and `new` are the figures by month (`2024-01`) of the days that can be compared."""

    old: dict[str, DayFigures]
    new: dict[str, DayFigures]
    counts: list[Count]

    @property
    def holds(self) -> bool:
        months = all(_is_same(self.old[month], self.new[month]) for month in self.old)
        return months and all(count.old == count.new for count in self.counts)

    def lines(self) -> Iterator[str]:
        """A table for people: each figure of the whole, then the months."""
        yield _line("", "old", "new")
        for count in self.counts:
            yield _line(count.name, f"{count.old:,}", f"{count.new:,}")
        old, new = _total(self.old.values()), _total(self.new.values())
        for name, mine, theirs in zip(DayFigures._fields, old, new, strict=True):
            yield _line(name.replace("_", " "), _shown(mine), _shown(theirs))
        for month in sorted(self.old):
            one, other = self.old[month], self.new[month]
            for name in ("requests", "total_tokens", "cost_usd"):
                mine, theirs = getattr(one, name), getattr(other, name)
                yield _line(f"{month} {name.replace('_', ' ')}", _shown(mine), _shown(theirs))


@dataclass(frozen=True)
class Circumstances:
    """The file's purge horizon; whether it came for the first time; if not, since when its rows
    cannot have been purged."""

    horizon: dt.datetime | None
    is_first_time: bool
    since: dt.datetime | None


def prove(
    source: Held,
    before: Held,
    after: Held,
    arrived: ByDay,
    circumstances: Circumstances,
    counts: list[Count],
) -> Proof:
    """Compare day by day.

    `before` and `after` are what the target held, and `arrived` what it now holds of the file's
    rows. What the target has from elsewhere is taken off: its other rows, and the sums of rows
    that were purged here before the file's came.
    """
    since, horizon = circumstances.since, circumstances.horizon
    first = -_NEVER if since is None else math.ceil(since.timestamp() / DAY)
    # What was purged in the file itself came with the first import.
    ours = -_NEVER if horizon is None or circumstances.is_first_time else horizon.timestamp() / DAY
    old: dict[str, DayFigures] = {}
    new: dict[str, DayFigures] = {}
    for day in sorted({*source.sums, *source.waiting, *arrived, *after.sums}):
        theirs = at(after.rows, day).minus(at(arrived, day)).plus(before.purged(day))
        if day < ours:
            theirs = theirs.minus(source.purged(day))
        mine = at(source.sums, day).plus(at(source.waiting, day))
        found = at(after.sums, day).minus(theirs)
        # Days of others leave nothing but rounding.
        if day >= first and (any(mine) or any(found[:-1])):
            month = f"{dt.datetime.fromtimestamp(day * DAY, dt.UTC):%Y-%m}"
            old[month] = old.get(month, DayFigures()).plus(mine)
            new[month] = new.get(month, DayFigures()).plus(found)
    return Proof(old, new, counts)


def counts_of(rows: tuple[int, int], accounts: Accounts, tokens: int, users: int) -> list[Count]:
    """`rows`, and the tokens and users that the file has, beside those that are here."""
    return [
        Count("rows", *rows),
        Count("ingest tokens", tokens, accounts.tokens),
        Count("users", users, accounts.users),
    ]


def _total(figures: Iterable[DayFigures]) -> DayFigures:
    total = DayFigures()
    for some in figures:
        total = total.plus(some)
    return total


def _is_same(old: DayFigures, new: DayFigures) -> bool:
    costs = math.isclose(old.cost_usd, new.cost_usd, rel_tol=_PRECISION, abs_tol=_SMALLEST_COST)
    return costs and old[:-1] == new[:-1]


def _shown(figure: float) -> str:
    return f"{figure:,}" if isinstance(figure, int) else f"{figure:,.6f}"


def _line(name: str, old: str, new: str) -> str:
    mark = "" if old == new or not name else "  DIFFERS"
    return f"{name:<24}{old:>22}{new:>22}{mark}"
