"""The ledger of Idempotency-Keys: what a key's first post was answered."""

from django.db import models
from django.db.models.functions import Now


class IdempotentPost(models.Model):
    """Written in the transaction that stores the rows; a resend gets the first answer again."""

    writer = models.CharField(max_length=64, help_text="Who posted: keys of two writers differ.")
    key = models.CharField(max_length=255)
    body_digest = models.CharField(max_length=64)
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["writer", "key"], name="one_answer_per_key"),
        ]

    def __str__(self) -> str:
        return f"{self.writer}: {self.key}"
