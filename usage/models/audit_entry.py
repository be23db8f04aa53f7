"""The audit trail: who changed what, kept whatever becomes of who and what."""

from django.db import models
from django.utils import timezone

LONGEST_DETAIL = 2_000


class AuditEntry(models.Model):
    """Names, not relations: deleting a user or a price leaves what is said of them."""

    at = models.DateTimeField(default=timezone.now, db_index=True)
    actor = models.CharField(
        max_length=150, help_text="The user's name here, or on the machine for a command."
    )
    via = models.CharField(max_length=64, help_text="admin, or the command: manage.py purge.")
    action = models.CharField(max_length=16, help_text="added, changed, deleted, removed, …")
    kind = models.CharField(max_length=64, blank=True, help_text="Of what: usage.ingesttoken.")
    object_id = models.CharField(max_length=255, blank=True)
    object_name = models.CharField(max_length=200, blank=True)
    detail = models.CharField(max_length=LONGEST_DETAIL, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        default_permissions = ("view",)
        verbose_name = "audit entry"
        verbose_name_plural = "audit trail"
        indexes = [models.Index(fields=["kind", "object_id", "at"], name="audit_of_object")]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.object_name or self.kind}"
