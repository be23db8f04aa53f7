"""How many rows have been recorded so far, so that health need not count them."""

from django.db import models


class RecordedTotal(models.Model):
    """One row, added to by `usage.recording`; purging and deleting leave it alone."""

    records = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.records} rows recorded"
