"""The audit trail in the admin: read by those who may, changed by nobody."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from usage import audit_trail
from usage.admin import display
from usage.admin.list_filters import ChosenValue
from usage.admin.portal_model_admin import ReadOnlyModelAdmin
from usage.models import AuditEntry


class ActionFilter(ChosenValue):
    title = "action"
    parameter_name = "action"
    longest = 16

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(action, action.capitalize()) for action in audit_trail.ACTIONS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        action = self.value()
        return None if action is None else queryset.filter(action=action)


class AuditedKindFilter(ChosenValue):
    title = "what"
    parameter_name = "kind"
    longest = 64

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        models = model_admin.admin_site._registry
        return [(each._meta.label_lower, str(each._meta.verbose_name)) for each in models]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        kind = self.value()
        return None if kind is None else queryset.filter(kind=kind)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyModelAdmin):
    list_display = ["time", "actor", "via", "action", "what", "object_name", "details"]
    list_display_links = ["time"]
    list_filter = [ActionFilter, AuditedKindFilter]
    list_before_template = "admin/usage/auditentry/about.html"
    search_fields = ["actor", "object_name", "detail"]
    search_help_text = "A user's name, what was changed, or how"
    fields = ["time", "actor", "via", "action", "what", "object_id", "object_name", "detail"]
    sortable_by = ()
    show_full_result_count = False

    @admin.display(description="Time")
    def time(self, entry: AuditEntry) -> str:
        return display.moment(entry.at)

    @admin.display(description="What")
    def what(self, entry: AuditEntry) -> str | None:
        if not entry.kind:
            return None
        try:
            return str(apps.get_model(entry.kind)._meta.verbose_name)
        except (LookupError, ValueError):  # of a version that had it
            return entry.kind

    @admin.display(description="How")
    def details(self, entry: AuditEntry) -> str:
        return entry.detail if len(entry.detail) <= 80 else f"{entry.detail[:79]}…"
