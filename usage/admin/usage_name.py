"""Names in the admin: which are told apart, which count as (other), and releasing these."""

import datetime as dt
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from usage import audit_trail
from usage.admin import display
from usage.admin.portal_model_admin import PortalModelAdmin
from usage.models import UsageName
from usage.rollups import renaming
from usage.rollups.aggregation import OTHER
from usage.rollups.declarations import SUMMED
from usage.rollups.name_entries import ALWAYS
from usage.rollups.renaming import NoRoom

MOST_ROWS = 50_000  # about two seconds; more is for the command line


class DimensionFilter(SimpleListFilter):
    title = "kind"
    parameter_name = "dimension"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name.replace("_", " ")) for name in SUMMED]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(dimension=self.value()) if self.value() else queryset


class StateFilter(SimpleListFilter):
    title = "counts as"
    parameter_name = "counts"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("itself", "itself"), ("other", OTHER)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "itself":
            return queryset.filter(counts_from=ALWAYS)
        return queryset.filter(counts_from__gt=ALWAYS) if self.value() else queryset


@admin.register(UsageName)
class UsageNameAdmin(PortalModelAdmin):
    actions = ["release_selected"]
    list_display = ["name", "dimension", "state", "came"]
    list_display_links = None
    list_filter = [DimensionFilter, StateFilter]
    list_before_template = "admin/usage/usagename/about.html"
    search_fields = ["name"]
    ordering = ["dimension", "name"]
    sortable_by = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description="Tell selected names apart again", permissions=["change"])
    def release_selected(self, request: HttpRequest, queryset: QuerySet[UsageName]) -> None:
        chosen = list(queryset.filter(counts_from__gt=ALWAYS).exclude(name=OTHER))
        if not chosen:
            messages.info(request, "Nothing to do: these names are told apart already.")
            return
        by_kind: dict[str, list[str]] = {}
        for each in chosen:
            by_kind.setdefault(each.dimension, []).append(each.name)
        rows = sum(
            renaming.count_rows_named(kind, some, MOST_ROWS) for kind, some in by_kind.items()
        )
        if rows > MOST_ROWS:
            messages.error(
                request,
                f"These names have more than {MOST_ROWS:,} rows, which takes longer than a page "
                "may: run manage.py fold_names --release NAME.",
            )
            return
        try:
            with transaction.atomic():  # all kinds and the line of the trail, or none
                moved = sum(sum(renaming.release(kind, some)) for kind, some in by_kind.items())
                audit_trail.note_in_admin(request.user, audit_trail.RELEASED, chosen)
        except NoRoom as error:
            messages.error(request, f"Nothing was released: {error}.")
            return
        messages.success(
            request,
            f"Released {len(chosen):,} names, whose {moved:,} rows left {OTHER}. What was purged "
            "of them stays in it.",
        )

    @admin.display(description="Counts as")
    def state(self, entry: UsageName) -> str:
        if entry.counts_from == ALWAYS:
            return "itself"
        if entry.is_folded:
            return f"{OTHER}, folded"
        return OTHER

    @admin.display(description="Came on")
    def came(self, entry: UsageName) -> str:
        """Those of an import, or from before there was a bound, have no day."""
        if not entry.first_day:
            return "before"
        return display.moment(dt.datetime.fromtimestamp(entry.first_day, dt.UTC))
