"""What a post told of a trace, for as long as other posts may bring more of it."""

from django.db import models
from django.db.models.functions import Now


class TracedPost(models.Model):
    """Whose parents its spans are tell which calls count, whichever of them comes first."""

    trace = models.BigIntegerField(db_index=True, help_text="63-bit hash of the trace's id.")
    content = models.BinaryField(help_text="A usage.traced.TracePart.")
    spans = models.IntegerField()
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    def __str__(self) -> str:
        return f"{self.spans} spans of {self.trace:x}"
