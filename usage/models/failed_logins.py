"""What slows down guessing: who failed lately, and where the Basic pair was right before."""

from django.db import models


class FailedLogins(models.Model):
    """The last failures of an address or a user name, which its number does not tell.

    Numbers are few, so the table stays small whatever names strangers make up.
    """

    slot = models.IntegerField(primary_key=True)
    times = models.JSONField(default=list, help_text="Unix seconds, the last ones.")

    def __str__(self) -> str:
        return f"{self.slot}: {len(self.times)} failures"


class ProvenAddress(models.Model):
    """An address from which the Basic pair of now was right, digested with it."""

    digest = models.CharField(max_length=64, primary_key=True)
    proven_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.digest[:8]} at {self.proven_at}"
