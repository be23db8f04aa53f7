"""Rows that Citus keeps on nodes by their event_id: what must be so before Django writes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import connection

from usage.database import extensions
from usage.database.statements import slices
from usage.identity import made_up_identity

if TYPE_CHECKING:
    from usage.models.usage_metric import UsageMetric

_KEYS = "SELECT nextval(pg_get_serial_sequence('usage_metrics', 'id')) FROM generate_series(1, %s)"


class IdentityIsFixed(ValueError):
    """A row's event_id says on which node it is, so a stored row keeps it."""

    def __init__(self) -> None:
        super().__init__(
            "Citus keeps rows by their event_id, which cannot change: delete the row and make "
            "another"
        )


def give_identity(row: "UsageMetric") -> None:
    """The one that it has in the database, or a made-up one; a row that has one keeps it."""
    if not extensions.is_distributed() or "event_id" in row.get_deferred_fields():
        return
    if row.event_id is None and row.pk is not None:
        stored = type(row).objects.filter(pk=row.pk)
        row.event_id = stored.values_list("event_id", flat=True).first()
    if row.event_id is None:
        row.event_id = made_up_identity()


def give_identities_and_keys(rows: Sequence["UsageMetric"], *, with_keys: bool) -> None:
    """Keys too: those that a statement of many rows returns come in the order of the nodes."""
    for row in rows:
        if row.event_id is None:
            row.event_id = made_up_identity()
    new = [row for row in rows if row.pk is None] if with_keys else []
    with connection.cursor() as cursor:
        cursor.execute(_KEYS, [len(new)])
        for row, (key,) in zip(new, cursor.fetchall(), strict=True):
            row.pk = key


def read_defaults(rows: Sequence["UsageMetric"]) -> None:
    """What the database has filled in, which came back in the order of the nodes as well."""
    names = [each.attname for each in rows[0]._meta.db_returning_fields] if rows else []
    for part in slices(rows):
        some = {row.pk: row for row in part}
        for key, *values in type(rows[0]).objects.filter(pk__in=some).values_list("pk", *names):
            for name, value in zip(names, values, strict=True):
                setattr(some[key], name, value)
