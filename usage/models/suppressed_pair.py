"""How many reports of calls were not counted, since another source reported the same calls."""

from django.db import models


class SuppressedPair(models.Model):
    """Of all time, for each pair of sources."""

    counted_source = models.CharField(max_length=64, help_text="Whose reports count.")
    suppressed_source = models.CharField(max_length=64, help_text="Whose do not.")
    calls = models.BigIntegerField(default=0)
    last_at = models.DateTimeField(help_text="When the latest of these calls was completed.")

    class Meta:
        ordering = ["counted_source", "suppressed_source"]
        verbose_name = "suppressed duplicate"
        constraints = [
            models.UniqueConstraint(
                fields=["counted_source", "suppressed_source"], name="one_count_for_a_pair"
            )
        ]

    def __str__(self) -> str:
        return f"{self.suppressed_source}, counted from {self.counted_source}"
