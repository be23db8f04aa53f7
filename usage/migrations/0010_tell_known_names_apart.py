"""Names that the sums tell apart already go on being told apart, however many they are."""

from django.db import migrations

_ALWAYS, _NEVER = -(2**62), 2**62
_FILL = (
    "INSERT INTO usage_names (dimension, name, counts_from, first_day, last_day, is_folded) "
    "SELECT DISTINCT '{0}', {0}, CASE WHEN {0} = '(other)' THEN {1} ELSE {2} END, 0, 0, false "
    "FROM usage_series WHERE {0} <> ''"
)


class Migration(migrations.Migration):
    dependencies = [("usage", "0009_names_told_apart")]

    operations = [
        migrations.RunSQL(
            [
                _FILL.format(dimension, _NEVER, _ALWAYS)
                for dimension in ("model", "provider", "status", "api_key_hash")
            ],
            "DELETE FROM usage_names",
        )
    ]
