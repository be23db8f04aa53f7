"""Which old databases were imported, so that another import of them doubles nothing."""

from django.db import models
from django.db.models.functions import Now


class ImportedFile(models.Model):
    """What was purged cannot be told from what was never imported: hence the two horizons."""

    fingerprint = models.CharField(max_length=64, unique=True)
    file_purged_before = models.DateTimeField(
        null=True, help_text="The file's own purge horizon when its purged sums were taken over."
    )
    portal_purged_before = models.DateTimeField(
        null=True, help_text="The portal's purge horizon when the file was first imported."
    )
    imported_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.fingerprint[:8]}, imported {self.imported_at:%Y-%m-%d}"
