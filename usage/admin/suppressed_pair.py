"""How many duplicate reports of calls were not counted, in the admin."""

from django.contrib import admin

from usage.admin import display
from usage.admin.portal_model_admin import ReadOnlyModelAdmin
from usage.models import SuppressedPair


@admin.register(SuppressedPair)
class SuppressedPairAdmin(ReadOnlyModelAdmin):
    list_display = ["counted", "suppressed", "calls_shown", "last"]
    list_display_links = None
    list_before_template = "admin/usage/suppressedpair/about.html"
    sortable_by = ()

    @admin.display(description="Counted from")
    def counted(self, pair: SuppressedPair) -> str:
        return pair.counted_source or "(no source)"

    @admin.display(description="Not counted from")
    def suppressed(self, pair: SuppressedPair) -> str:
        return pair.suppressed_source or "(no source)"

    @admin.display(description="Calls")
    def calls_shown(self, pair: SuppressedPair) -> str:
        return display.count(pair.calls)

    @admin.display(description="Latest call")
    def last(self, pair: SuppressedPair) -> str:
        return display.moment(pair.last_at)
