"""The sums that answer questions in the place of raw rows; `usage.rollups` says which there are."""

from django.db import models


class UsageSeries(models.Model):
    """What the rows of a sum have in common. A dimension that is not told apart is empty."""

    grouping = models.CharField(max_length=16)
    api_key_hash = models.CharField(max_length=64)
    model = models.CharField(max_length=255)
    provider = models.CharField(max_length=64)
    status = models.CharField(max_length=32)
    token_shift = models.SmallIntegerField(
        help_text="Token sums are in units of two to this power: 0, or 32 for the upper halves."
    )

    class Meta:
        db_table = "usage_series"
        constraints = [
            models.UniqueConstraint(
                fields=["grouping", "api_key_hash", "model", "provider", "status", "token_shift"],
                name="one_series_of_a_kind",
            ),
        ]

    def __str__(self) -> str:
        dimensions = [self.api_key_hash[:8], self.model, self.provider, self.status]
        return f"{self.grouping}: {' · '.join(filter(None, dimensions))}"


class UsageRollup(models.Model):
    """Sums over the rows of one series in one bucket of time."""

    pk = models.CompositePrimaryKey("rollup", "bucket", "series")
    rollup = models.SmallIntegerField(help_text="Which of usage.rollups.declarations.ROLLUPS.")
    bucket = models.BigIntegerField(help_text="Where it begins, in Unix seconds.")
    series = models.BigIntegerField(help_text="UsageSeries.id")

    requests = models.BigIntegerField()
    failed_requests = models.BigIntegerField()
    total_tokens = models.BigIntegerField()
    prompt_tokens = models.BigIntegerField()
    completion_tokens = models.BigIntegerField()
    cached_tokens = models.BigIntegerField()
    cache_write_tokens = models.BigIntegerField()
    reasoning_tokens = models.BigIntegerField()
    latency_ms_sum = models.FloatField()
    latency_count = models.BigIntegerField()
    ttft_ms_sum = models.FloatField()
    ttft_count = models.BigIntegerField()
    cost_usd_sum = models.FloatField()
    unpriced_requests = models.BigIntegerField()

    class Meta:
        db_table = "usage_rollups"

    def __str__(self) -> str:
        return f"rollup {self.rollup}, series {self.series} from {self.bucket}"


class UsageHistogram(models.Model):
    """How many rows of a series and bucket fall into each of 16 neighbouring bins."""

    pk = models.CompositePrimaryKey("histogram", "bucket", "series", "chunk")
    histogram = models.SmallIntegerField(help_text="Which of declarations.HISTOGRAMS.")
    bucket = models.BigIntegerField(help_text="Where it begins, in Unix seconds.")
    series = models.BigIntegerField(help_text="UsageSeries.id")
    chunk = models.SmallIntegerField(help_text="Bin 16 * chunk is bin_0, the next bin_1, …")
    bin_0 = models.BigIntegerField()
    bin_1 = models.BigIntegerField()
    bin_2 = models.BigIntegerField()
    bin_3 = models.BigIntegerField()
    bin_4 = models.BigIntegerField()
    bin_5 = models.BigIntegerField()
    bin_6 = models.BigIntegerField()
    bin_7 = models.BigIntegerField()
    bin_8 = models.BigIntegerField()
    bin_9 = models.BigIntegerField()
    bin_10 = models.BigIntegerField()
    bin_11 = models.BigIntegerField()
    bin_12 = models.BigIntegerField()
    bin_13 = models.BigIntegerField()
    bin_14 = models.BigIntegerField()
    bin_15 = models.BigIntegerField()

    class Meta:
        db_table = "usage_histograms"

    def __str__(self) -> str:
        return f"histogram {self.histogram}, series {self.series} from {self.bucket}"


class PurgeHorizon(models.Model):
    """One row: raw rows before this time may be gone, so sums before it are never made anew."""

    purged_before = models.DateTimeField()

    def __str__(self) -> str:
        return f"purged before {self.purged_before}"
