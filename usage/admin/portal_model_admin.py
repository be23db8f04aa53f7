"""What all our admin pages share."""

from contextlib import nullcontext
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin

from usage.admin.auditing import Audited
from usage.admin.look_ups import OfferedLookUps
from usage.admin_addresses import BadAddress
from usage.shown_numbers import ABSENT

_LARGEST_ID = 2**63 - 1


class PortalModelAdmin(Audited, ModelAdmin):  # type: ignore[misc]
    # Django counts the rows of every choice of a filter: a scan for each.
    show_facets = admin.ShowFacets.NEVER
    empty_value_display = ABSENT
    list_filter_sheet = True
    list_views = frozenset({"changelist_view"})  # those whose address a list understands

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return OfferedLookUps

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        try:
            return super().get_changelist_instance(request)
        except IncorrectLookupParameters:
            raise BadAddress(
                "the address holds a value that this list cannot have: choose a filter's own"
            ) from None

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """What a form posts; of an address `usage.admin_addresses` says the same."""
        return bool(to_field == self.opts.pk.name)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Django answers 500 to a selection that no page of ours sends."""
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if not all(_is_id(text) for text in chosen):
            messages.error(request, "The selection cannot be read: select the rows again.")
            return None
        # What is confirmed is done and stands in the audit trail, or neither. Django's own pages
        # do so; a page that only asks, and an export, need not take a writer's turn.
        with transaction.atomic() if request.POST.get("post") else nullcontext():
            response: HttpResponse | None = super().response_action(request, queryset)
        return response


class ReadOnlyModelAdmin(PortalModelAdmin):
    """What the portal writes itself, and nobody changes by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= _LARGEST_ID
