"""The `usage` application: models, recording, intake, queries, API and admin."""

from django.apps import AppConfig


class UsageConfig(AppConfig):
    name = "usage"
    verbose_name = "Usage"

    def ready(self) -> None:
        from usage import checks  # noqa: F401, PLC0415  # registers the system checks
