"""Six more dimensions of the sums, which `usage.rollups.filling` fills from older rows."""

from django.db import migrations, models

_ALWAYS, _NEVER = -(2**62), 2**62
_DIMENSIONS = ("user", "team", "project", "app", "source", "account")
_LENGTHS = dict.fromkeys(_DIMENSIONS, 255) | {"source": 64}
_OF_THEM = ", ".join(f"'{name}', '{name}_model'" for name in _DIMENSIONS)
_TO_FILL = (
    "INSERT INTO usage_filling (came_with, filled_from, unknown_before)"
    f" SELECT 'who_and_what', {_NEVER}, {_ALWAYS} WHERE EXISTS (SELECT 1 FROM usage_metrics)"
    " OR EXISTS (SELECT 1 FROM usage_rollups)"
)
_REMOVE = [
    "DELETE FROM usage_rollups WHERE rollup BETWEEN 11 AND 34",
    f"DELETE FROM usage_series WHERE grouping IN ({_OF_THEM})",
    f"DELETE FROM usage_names WHERE dimension IN ({_OF_THEM})",
]


class Migration(migrations.Migration):
    dependencies = [("usage", "0017_series_by_digest")]

    operations = [
        migrations.CreateModel(
            name="FillingState",
            fields=[
                (
                    "came_with",
                    models.CharField(max_length=32, primary_key=True, serialize=False),
                ),
                (
                    "filled_from",
                    models.BigIntegerField(
                        help_text="Rows completed before this, in Unix seconds, are in none of "
                        "them yet: 2^62 where no row is, -2^62 where all are."
                    ),
                ),
                (
                    "unknown_before",
                    models.BigIntegerField(
                        help_text="Some rows completed before this, in Unix seconds, were purged "
                        "before they came into these sums: -2^62 where none were."
                    ),
                ),
            ],
            options={"db_table": "usage_filling"},
        ),
        *(
            migrations.AddField(
                model_name="usageseries",
                name=name,
                field=models.CharField(default="", max_length=_LENGTHS[name]),
                preserve_default=False,
            )
            for name in sorted(_DIMENSIONS)
        ),
        migrations.RunSQL(_TO_FILL, _REMOVE),
    ]
