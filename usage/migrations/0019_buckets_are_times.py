"""Sums say when their buckets begin as times, and name their series so that Django can follow."""

import django.db.models.deletion
from django.db import migrations, models

from usage.database.clustered_table import SecondsToTime


def as_times(model):
    return SecondsToTime(
        model,
        "bucket",
        [
            migrations.AlterField(
                model, "bucket", models.DateTimeField(help_text="Where it begins.")
            ),
            migrations.AlterField(
                model,
                "series",
                models.ForeignKey(
                    db_column="series",
                    db_constraint=False,
                    db_index=False,
                    on_delete=django.db.models.deletion.DO_NOTHING,
                    related_name="+",
                    to="usage.usageseries",
                ),
            ),
        ],
    )


class Migration(migrations.Migration):
    dependencies = [("usage", "0018_sums_of_who_and_what")]

    operations = [as_times("UsageRollup"), as_times("UsageHistogram")]
