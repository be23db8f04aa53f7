"""How many duplicate reports of calls were not counted, in the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from usage.admin import display
from usage.admin.base import PortalModelAdmin
from usage.models import SuppressedPair


@admin.register(SuppressedPair)
class SuppressedPairAdmin(PortalModelAdmin):
    list_display = ["counted", "suppressed", "calls_shown", "last"]
    list_display_links = None
    list_before_template = "admin/usage/suppressedpair/about.html"
    sortable_by = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Counted from")
    def counted(self, pair: SuppressedPair) -> str:
        return pair.counted_source or "(no source)"

    @admin.display(description="Not counted from")
    def suppressed(self, pair: SuppressedPair) -> str:
        return pair.suppressed_source or "(no source)"

    @admin.display(description="Calls")
    def calls_shown(self, pair: SuppressedPair) -> str:
        return display.number(pair.calls)

    @admin.display(description="Latest call")
    def last(self, pair: SuppressedPair) -> str:
        return display.moment(pair.last_at)
