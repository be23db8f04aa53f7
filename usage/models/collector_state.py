"""How the collection of each proxy's usage stands, for health, admin and `collect --status`."""

from django.db import models


class CollectorState(models.Model):
    """One row for each proxy. Counts are of all time."""

    class State(models.TextChoices):
        COLLECTING = "collecting"
        WAITING = "waiting"  # for the proxy, or to try again
        STOPPED = "stopped"

    name = models.CharField(max_length=255, unique=True)
    url = models.CharField(max_length=500)
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    way = models.CharField(max_length=16, blank=True, help_text="subscribe, http or lpop.")
    error = models.CharField(max_length=500, blank=True, help_text="Why it waits or stopped.")
    records = models.BigIntegerField(default=0, help_text="Stored.")
    duplicates = models.BigIntegerField(default=0, help_text="That were stored before.")
    broken = models.BigIntegerField(default=0, help_text="In the file of dead letters.")
    spooled = models.BigIntegerField(default=0, help_text="Kept on disk until they are stored.")
    possible_losses = models.BigIntegerField(
        default=0, help_text="How often the proxy may have dropped records before they came."
    )
    last_loss = models.CharField(max_length=500, blank=True)
    last_record_at = models.DateTimeField(null=True, help_text="When the last record came.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        verbose_name = "collector"

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"
