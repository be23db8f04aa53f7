"""The collectors of CLIProxyAPI proxies in the admin: how each stands."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from usage.admin.base import PortalModelAdmin
from usage.models import CollectorState


@admin.register(CollectorState)
class CollectorStateAdmin(PortalModelAdmin):
    list_display = ["name", "state", "way", "records", "spooled", "broken", "last_record_at"]
    fields = [
        *("name", "url", "state", "way", "error", "records", "duplicates", "broken", "spooled"),
        *("possible_losses", "last_loss", "last_record_at", "updated_at"),
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
