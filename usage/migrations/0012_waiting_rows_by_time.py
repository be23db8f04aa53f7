from django.db import migrations, models


class Migration(migrations.Migration):
    """Rows that the sums do not hold yet are found by time, no longer by id."""

    dependencies = [("usage", "0011_who_and_where")]

    operations = [
        migrations.RemoveIndex(model_name="usagemetric", name="idx_unsummed"),
        migrations.AddIndex(
            model_name="usagemetric",
            index=models.Index(
                condition=models.Q(("is_summed", None)), fields=["timestamp"], name="idx_unsummed"
            ),
        ),
        migrations.AlterField(
            model_name="usagemetric",
            name="is_summed",
            field=models.BooleanField(
                editable=False,
                help_text="true: the sums hold the row. NULL: not yet, as after plain SQL; questions read it from here meanwhile. false: no figure counts it, so no sum ever holds it.",
                null=True,
            ),
        ),
    ]
