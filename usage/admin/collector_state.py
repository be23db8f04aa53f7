"""The collectors of CLIProxyAPI proxies in the admin: how each stands."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from usage.admin import display
from usage.admin.portal_model_admin import PortalModelAdmin
from usage.models import CollectorState


@admin.register(CollectorState)
class CollectorStateAdmin(PortalModelAdmin):
    list_display = ["name", "state", "way", "stored", "last_record", "error"]
    fields = [
        *("name", "address", "state", "way", "error", "stored", "stored_before", "refused"),
        *("waiting_on_disk", "possible_losses", "last_loss", "last_record", "last_heard_of"),
    ]
    sortable_by = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Address")
    def address(self, collector: CollectorState) -> str:
        return collector.url

    @admin.display(description="Records")
    def stored(self, collector: CollectorState) -> str:
        return display.count(collector.records)

    @admin.display(description="Stored before")
    def stored_before(self, collector: CollectorState) -> str:
        return display.count(collector.duplicates)

    @admin.display(description="Refused")
    def refused(self, collector: CollectorState) -> str:
        return display.count(collector.broken)

    @admin.display(description="Waiting on disk")
    def waiting_on_disk(self, collector: CollectorState) -> str:
        return display.count(collector.spooled)

    @admin.display(description="Last record")
    def last_record(self, collector: CollectorState) -> str:
        return display.moment(collector.last_record_at)

    @admin.display(description="Last heard of")
    def last_heard_of(self, collector: CollectorState) -> str:
        return display.moment(collector.updated_at)
