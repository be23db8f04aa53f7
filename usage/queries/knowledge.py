"""What the sums of a grouping lack: rows that are still to come, and rows that never will.

Sums that came in a later version are filled from the rows that were there before; of what was
purged by then, or of what no sums tell apart at all, nobody knows any more whose it was.
"""

from collections.abc import Iterable

from usage.queries.covering import Unfilled, widened
from usage.queries.microseconds import FIRST, LAST, SECOND
from usage.queries.scope import Holdings, Scope
from usage.rollups.declarations import NO_SUMS, Grouping
from usage.rollups.standing import ALL_FILLED


class Knowledge:
    """Of one question, whose ends are whole buckets of `grain` where rows were purged."""

    def __init__(self, held: Holdings, grain: int) -> None:
        self._held = held
        # The same for all its groupings, so that their parts add up to the same totals.
        self._rows_from = widened(0, held.purged_until, grain)[1]

    def unfilled(self, grouping: Grouping) -> Unfilled | None:
        """What raw rows must tell since the sums do not hold it; None where there is nothing."""
        end = self._filled_from(grouping)
        return Unfilled(self._rows_from, end) if end > self._rows_from else None

    def is_to_be_filled(self, groupings: Iterable[Grouping]) -> bool:
        return any(self.unfilled(each) for each in groupings if each is not NO_SUMS)

    def unknown_before(self, groupings: Iterable[Grouping], scope: Scope) -> int | None:
        """The moment before which not all that the groupings tell apart is known, if there is any
        usage of the scope before."""
        moment = max(map(self._unknown_before, groupings), default=FIRST)
        return moment if max(scope.begin, self._held.begin) < min(moment, scope.end) else None

    def _filled_from(self, grouping: Grouping) -> int:
        if grouping is NO_SUMS:
            return LAST
        state = self._held.fillings.get(grouping.came_with, ALL_FILLED)
        return min(max(state.filled_from * SECOND, FIRST), LAST)

    def _unknown_before(self, grouping: Grouping) -> int:
        if not (grouping.came_with or grouping is NO_SUMS):
            return FIRST
        state = self._held.fillings.get(grouping.came_with, ALL_FILLED)
        purged = FIRST if self._held.purged_until == FIRST else self._rows_from
        return max(state.unknown_before * SECOND, min(purged, self._filled_from(grouping)))
