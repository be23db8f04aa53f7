"""What all our admin pages share."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin

_LARGEST_ID = 2**63 - 1


class PortalModelAdmin(ModelAdmin):  # type: ignore[misc]
    # Django counts the rows of every choice of a filter: a scan for each.
    show_facets = admin.ShowFacets.NEVER
    list_filter_sheet = True

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Django answers 500 to a selection that no page of ours sends."""
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if not all(_is_id(text) for text in chosen):
            messages.error(request, "The selection cannot be read: select the rows again.")
            return None
        response: HttpResponse | None = super().response_action(request, queryset)
        return response


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= _LARGEST_ID
