"""The purge horizon: before it raw rows may be gone, so sums before it are never made anew."""

import datetime as dt

from django.db import transaction

from usage.models import PurgeHorizon
from usage.rollups import tables

_ONLY_ROW = 1


def purged_before() -> dt.datetime | None:
    return PurgeHorizon.objects.values_list("purged_before", flat=True).first()


def move_purge_horizon(moment: dt.datetime) -> None:
    """Remember that rows before `moment` may go from now on; it only ever moves later."""
    with transaction.atomic():
        tables.keep_writers_out()
        _, is_new = PurgeHorizon.objects.get_or_create(
            pk=_ONLY_ROW, defaults={"purged_before": moment}
        )
        if not is_new:
            PurgeHorizon.objects.filter(purged_before__lt=moment).update(purged_before=moment)
