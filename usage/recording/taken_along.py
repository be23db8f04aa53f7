"""Rows of plain SQL that a commit takes into the sums with its own, where nobody else does it.

A few only, so that no post waits long for rows of others; and looked for once a second, since that
costs something where rows are in many chunks or on many nodes.
"""

import time

from usage.rollups import keeping, unsummed
from usage.rollups.aggregation import TimedRow

MOST = 20  # a millisecond
_LOOKS_EVERY = 1.0
_looked_at = -_LOOKS_EVERY


def take() -> list[TimedRow]:
    """Locked and marked: they must be added to the sums in the same transaction."""
    global _looked_at  # noqa: PLW0603  # threads may look once too often
    if time.monotonic() < _looked_at + _LOOKS_EVERY:
        return []
    taken = unsummed.take_some(MOST)
    if len(taken) < MOST:
        _looked_at = time.monotonic()
    return list(keeping.timed(taken))
