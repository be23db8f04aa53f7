"""The `dashboards` application: HTML pages over `usage.queries`."""

from django.apps import AppConfig


class DashboardsConfig(AppConfig):
    name = "dashboards"
