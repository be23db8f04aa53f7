"""Which jobs there are."""

from django.conf import settings

from usage.collecting import Collectors
from usage.jobs.job import Job
from usage.recording.account_states import forget_old_hours
from usage.recording.minutes import join_old_minutes
from usage.rollups.filling import fill_later_sums
from usage.rollups.unsummed import add_waiting_rows

JOBS = (
    Job(
        "waiting rows",
        "adds rows of plain SQL, and of older versions, to the sums",
        1.0,
        add_waiting_rows,
    ),
    Job(
        "quota history",
        "forgets what was used of upstream accounts' quotas before the last week",
        3_600.0,
        forget_old_hours,
    ),
    Job(
        "minutes of sources",
        "joins what was heard of sources more than two hours ago to its sums",
        60.0,
        join_old_minutes,
    ),
    Job(
        "later sums",
        "fills sums that came in a later version from older rows",
        60.0,
        fill_later_sums,
    ),
)


def streams() -> Collectors | None:
    """What goes on all the time: collecting, one program for each proxy; None without proxies."""
    return Collectors(settings.METRICS_CLIPROXY) if settings.METRICS_CLIPROXY else None
