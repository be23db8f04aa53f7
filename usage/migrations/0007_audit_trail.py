"""The audit trail, which begins with what Django's own log holds of the admin."""

import django.utils.timezone
from django.db import migrations, models

ACTIONS = {1: "added", 2: "changed", 3: "deleted"}
AT_ONCE = 500


def take_over_djangos_log(apps, schema_editor):
    """Django's entries go with the user who made them; these stay."""
    AuditEntry = apps.get_model("usage", "AuditEntry")
    log = apps.get_model("admin", "LogEntry").objects.select_related("user", "content_type")
    entries = (
        AuditEntry(
            at=old.action_time,
            actor=old.user.username[:150],
            via="admin",
            action=ACTIONS.get(old.action_flag, "changed"),
            kind=f"{old.content_type.app_label}.{old.content_type.model}"[:64]
            if old.content_type
            else "",
            object_id=(old.object_id or "")[:255],
            object_name=old.object_repr[:200],
            detail=said(old.change_message)[:2000],
        )
        for old in log.order_by("action_time", "id").iterator(AT_ONCE)
    )
    AuditEntry.objects.bulk_create(entries, batch_size=AT_ONCE)


def said(message):
    from django.contrib.admin.models import LogEntry

    return str(LogEntry(change_message=message).get_change_message())


class Migration(migrations.Migration):
    dependencies = [
        ("usage", "0006_prices_and_exclusions"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                (
                    "actor",
                    models.CharField(
                        help_text="The user's name here, or on the machine for a command.",
                        max_length=150,
                    ),
                ),
                (
                    "via",
                    models.CharField(
                        help_text="admin, or the command: manage.py purge.", max_length=64
                    ),
                ),
                (
                    "action",
                    models.CharField(
                        help_text="added, changed, deleted, removed, …", max_length=16
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        blank=True, help_text="Of what: usage.ingesttoken.", max_length=64
                    ),
                ),
                ("object_id", models.CharField(blank=True, max_length=255)),
                ("object_name", models.CharField(blank=True, max_length=200)),
                ("detail", models.CharField(blank=True, max_length=2000)),
            ],
            options={
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit trail",
                "ordering": ["-at", "-id"],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["kind", "object_id", "at"], name="audit_of_object")
                ],
            },
        ),
        migrations.RunPython(take_over_djangos_log, migrations.RunPython.noop),
    ]
