"""The purge horizon: before it raw rows may be gone, so sums before it are never made anew."""

import datetime as dt

from django.db import connection, transaction

from usage.models import PurgeHorizon

_ONLY_ROW = 1


def purged_before() -> dt.datetime | None:
    return PurgeHorizon.objects.values_list("purged_before", flat=True).first()


def move_purge_horizon(moment: dt.datetime) -> None:
    """Remember that rows before `moment` may go from now on; it only ever moves later."""
    with transaction.atomic():
        keep_writers_of_sums_out()
        _, is_new = PurgeHorizon.objects.get_or_create(
            pk=_ONLY_ROW, defaults={"purged_before": moment}
        )
        if not is_new:
            PurgeHorizon.objects.filter(purged_before__lt=moment).update(purged_before=moment)


def keep_writers_of_sums_out() -> None:
    """Until the end of the transaction. Also waits for a day that is just being rebuilt."""
    if connection.vendor == "postgresql":  # SQLite's transaction has the only write lock
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE usage_rollups, usage_histograms IN SHARE ROW EXCLUSIVE MODE")
