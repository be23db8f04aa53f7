"""A series is found by a digest of what it has, so that more columns do not make its key longer."""

import hashlib

from django.db import connection, migrations, models

from usage.database.joins import given_table
from usage.database.statements import execute_for_each, takes_streams

_PAGE = 5_000
_DIMENSIONS = {
    "total": (),
    "model": ("model", "provider", "status"),
    "key": ("api_key_hash",),
    "key_model": ("api_key_hash", "model", "provider", "status"),
    "offer": ("model", "provider"),
}


def fill(apps, schema_editor):
    series = apps.get_model("usage", "UsageSeries").objects.order_by("id")
    last = 0
    while page := list(series.filter(id__gt=last)[:_PAGE]):
        last = page[-1].id
        _set([(_digest(each), each.id) for each in page])


def _digest(series):
    names = _DIMENSIONS.get(series.grouping, ("api_key_hash", "model", "provider", "status"))
    values = (getattr(series, name) for name in names)
    texts = (series.grouping, str(series.token_shift), *values)
    whole = "".join(f"{len(text)}:{text}" for text in texts)
    return hashlib.blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _set(digests):
    if not takes_streams():
        execute_for_each("UPDATE usage_series SET digest = %s WHERE id = %s", digests)
        return
    given, parameters = given_table({"digest": "text", "id": "bigint"}, digests)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE usage_series SET digest = given.digest FROM {given}"
            " WHERE usage_series.id = given.id",
            parameters,
        )


class Migration(migrations.Migration):
    dependencies = [("usage", "0016_heard_counts")]

    operations = [
        migrations.AddField(
            model_name="usageseries",
            name="digest",
            field=models.CharField(
                default="",
                help_text="Of grouping, dimensions and token shift: usage.rollups.series.",
                max_length=32,
            ),
            preserve_default=False,
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RemoveConstraint(model_name="usageseries", name="one_series_of_a_kind"),
        migrations.AddConstraint(
            model_name="usageseries",
            constraint=models.UniqueConstraint(fields=["digest"], name="one_series_of_a_digest"),
        ),
    ]
