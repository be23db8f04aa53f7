from django.db import migrations, models

from usage.database.clustered_table import CreateClusteredTable


class Migration(migrations.Migration):
    dependencies = [
        ("usage", "0015_names_of_accounts"),
    ]

    operations = [
        CreateClusteredTable(
            name="HeardCount",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "source",
                        "writer",
                        "kind",
                        "detail",
                        "minute",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("source", models.CharField(max_length=64)),
                ("writer", models.CharField(help_text="With which token.", max_length=64)),
                ("kind", models.CharField(max_length=32)),
                (
                    "detail",
                    models.CharField(
                        help_text="What was passed over, or why refused.", max_length=128
                    ),
                ),
                (
                    "minute",
                    models.BigIntegerField(
                        help_text="Unix time in minutes; 0 for all that is older."
                    ),
                ),
                ("count", models.BigIntegerField()),
                ("since", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
            ],
        ),
    ]
