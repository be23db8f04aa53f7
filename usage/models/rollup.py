"""The sums that answer questions in the place of raw rows; `usage.rollups` says which there are."""

from django.db import models

from usage.models.usage_metric import UsageMetric
from usage.rollups.declarations import SERIES_DIMENSIONS
from usage.rollups.measures import MEASURES, Kind


class UsageSeries(models.Model):
    """What the rows of a sum have in common, a column for each dimension.

    A dimension that is not told apart is empty.
    """

    digest = models.CharField(
        max_length=32, help_text="Of grouping, dimensions and token shift: usage.rollups.series."
    )
    grouping = models.CharField(max_length=16)
    token_shift = models.SmallIntegerField(
        help_text="Token sums are in units of two to this power: 0, or 32 for the upper halves."
    )

    class Meta:
        db_table = "usage_series"
        constraints = [
            models.UniqueConstraint(fields=["digest"], name="one_series_of_a_digest"),
        ]

    def __str__(self) -> str:
        values = (getattr(self, name)[:40] for name in SERIES_DIMENSIONS)
        return f"{self.grouping}: {' · '.join(filter(None, values))}"


for _name in SERIES_DIMENSIONS:
    _column = UsageMetric._meta.get_field(_name)
    assert isinstance(_column, models.CharField)
    UsageSeries.add_to_class(_name, models.CharField(max_length=_column.max_length))


def _series() -> models.ForeignKey[UsageSeries]:
    """Without a constraint, which would cost writers a look at usage_series for each sum."""
    return models.ForeignKey(
        UsageSeries,
        models.DO_NOTHING,
        db_column="series",
        db_constraint=False,
        db_index=False,
        related_name="+",
    )


class UsageRollup(models.Model):
    """Sums over the rows of one series in one bucket of time, a column for each measure."""

    pk = models.CompositePrimaryKey("rollup", "bucket", "series")
    rollup = models.SmallIntegerField(help_text="Which of usage.rollups.declarations.ROLLUPS.")
    bucket = models.DateTimeField(help_text="Where it begins.")
    series = _series()

    class Meta:
        db_table = "usage_rollups"

    def __str__(self) -> str:
        return f"rollup {self.rollup}, series {self.series_id} from {self.bucket}"


for _measure in MEASURES:
    _is_fraction = _measure.kind is Kind.NUMBERS
    UsageRollup.add_to_class(
        _measure.column, models.FloatField() if _is_fraction else models.BigIntegerField()
    )


class UsageHistogram(models.Model):
    """How many rows of a series and bucket fall into each of 16 neighbouring bins."""

    pk = models.CompositePrimaryKey("histogram", "bucket", "series", "chunk")
    histogram = models.SmallIntegerField(help_text="Which of declarations.HISTOGRAMS.")
    bucket = models.DateTimeField(help_text="Where it begins.")
    series = _series()
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
        return f"histogram {self.histogram}, series {self.series_id} from {self.bucket}"


class PurgeHorizon(models.Model):
    """One row: raw rows before this time may be gone, so sums before it are never made anew."""

    purged_before = models.DateTimeField()

    def __str__(self) -> str:
        return f"purged before {self.purged_before}"


class FillingState(models.Model):
    """Of sums that came together in a later version: which rows they hold. See
    `usage.rollups.filling`; without an entry they hold all."""

    came_with = models.CharField(max_length=32, primary_key=True)
    filled_from = models.BigIntegerField(
        help_text="Rows completed before this, in Unix seconds, are in none of them yet: 2^62 "
        "where no row is, -2^62 where all are."
    )
    unknown_before = models.BigIntegerField(
        help_text="Some rows completed before this, in Unix seconds, were purged before they came "
        "into these sums: -2^62 where none were."
    )

    class Meta:
        db_table = "usage_filling"

    def __str__(self) -> str:
        return f"{self.came_with}: filled from {self.filled_from}"
