"""Which names the sums tell apart; `usage.rollups.names` decides, and says why."""

from typing import Any

from django.db import models
from django.db.models import Exists, Func, OuterRef, Q

from usage.database import times
from usage.rollups.name_entries import ALWAYS, NEVER


class UsageName(models.Model):
    """A value of a dimension that a row has had, and whether figures show it by its own name."""

    dimension = models.CharField(max_length=32, help_text="A column of usage_metrics.")
    name = models.CharField(max_length=255)
    counts_from = models.BigIntegerField(
        help_text="Rows completed before this, in Unix seconds, count as (other): "
        "-2^62 where none do, 2^62 where all do."
    )
    first_day = models.BigIntegerField(help_text="The UTC day on which it came, in Unix seconds.")
    last_day = models.BigIntegerField(
        help_text="Of a name that counts as (other): no row of it came after this day, "
        "or was completed after it."
    )
    is_folded = models.BooleanField(
        default=False, help_text="An operator moved it into (other): it stays until released."
    )

    class Meta:
        db_table = "usage_names"
        constraints = [
            models.UniqueConstraint(fields=["dimension", "name"], name="one_entry_for_a_name"),
        ]
        indexes = [
            models.Index(
                fields=["dimension", "first_day"],
                name="idx_names_told",
                condition=Q(counts_from__lt=NEVER),
            ),
            models.Index(
                fields=["dimension", "last_day"],
                name="idx_names_other",
                condition=Q(counts_from__gt=ALWAYS),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dimension} {self.name}"


class NamesVersion(models.Model):
    """One row: another number each time that a name which was decided on changes or goes."""

    number = models.BigIntegerField()

    def __str__(self) -> str:
        return f"version {self.number}"


class UnixSeconds(Func):
    """A time of usage_metrics as the sums take it."""

    output_field = models.BigIntegerField()

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        sql, parameters = compiler.compile(self.get_source_expressions()[0])
        return times.unix_seconds(sql), list(parameters)


def counts_as_other(dimension: str) -> Q:
    """Of rows of usage_metrics: those whose name is known, and counts as (other)."""
    names = UsageName.objects.filter(
        dimension=dimension,
        name=OuterRef(dimension),
        counts_from__gt=UnixSeconds(OuterRef("timestamp")),
    )
    return Q(Exists(names))
