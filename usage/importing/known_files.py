"""Files that were imported before: what was purged since must not come back with them."""

import datetime as dt
from dataclasses import dataclass

from usage.models import ImportedFile
from usage.rollups.horizon import purged_before


@dataclass(frozen=True)
class Acquaintance:
    """Whether a file was imported before, and if so whether rows of it may be gone since.

    A row from before `since` that is not here may have been here, and its sums still are.
    """

    is_new: bool
    since: dt.datetime | None = None


def make_acquaintance(fingerprint: str, file_horizon: dt.datetime | None = None) -> Acquaintance:
    """Look the file up, and remember it when it is new."""
    horizon = purged_before()
    known, is_new = ImportedFile.objects.get_or_create(
        fingerprint=fingerprint,
        defaults={"file_purged_before": file_horizon, "portal_purged_before": horizon},
    )
    if is_new:
        return Acquaintance(is_new=True)
    horizons = (
        (known.portal_purged_before, horizon),
        (known.file_purged_before, file_horizon),
    )
    moved = [now for then, now in horizons if now is not None and now != then]
    return Acquaintance(is_new=False, since=max(moved, default=None))
