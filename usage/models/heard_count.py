"""What was heard of each source, by minute for two hours, before that in one sum."""

from django.db import models


class HeardCount(models.Model):
    """How many records of a kind came from a source with a token; `usage.heard` has the kinds."""

    pk = models.CompositePrimaryKey("source", "writer", "kind", "detail", "minute")
    source = models.CharField(max_length=64)
    writer = models.CharField(max_length=64, help_text="With which token.")
    kind = models.CharField(max_length=32)
    detail = models.CharField(max_length=128, help_text="What was passed over, or why refused.")
    minute = models.BigIntegerField(help_text="Unix time in minutes; 0 for all that is older.")
    count = models.BigIntegerField()
    since = models.DateTimeField()
    last_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.source}: {self.count} {self.kind} {self.detail}".rstrip()
