"""Upstream accounts in the admin: what they are called, and forgetting it."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from usage import audit_trail
from usage.account_labels import forget_accounts
from usage.admin import display
from usage.admin.portal_model_admin import PortalModelAdmin
from usage.models import UpstreamAccount
from usage.shown_numbers import ABSENT, counted


@admin.register(UpstreamAccount)
class UpstreamAccountAdmin(PortalModelAdmin):
    actions = ["forget_selected", "learn_again"]
    list_display = ["account", "name", "source", "provider", "kind", "told"]
    list_display_links = None
    list_before_template = "admin/usage/upstreamaccount/about.html"
    search_fields = ["account", "label"]
    ordering = ["source", "account"]
    sortable_by = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description="Erase selected names, for good", permissions=["change"])
    def forget_selected(self, request: HttpRequest, queryset: QuerySet[UpstreamAccount]) -> None:
        chosen = list(queryset.filter(is_forgotten=False))
        with transaction.atomic():
            forget_accounts(UpstreamAccount.objects.filter(pk__in=[each.pk for each in chosen]))
            audit_trail.note_in_admin(request.user, audit_trail.ERASED, chosen)
        messages.success(request, f"The names of {counted(len(chosen), 'account')} were erased.")

    @admin.action(description="Let selected names be learnt again", permissions=["change"])
    def learn_again(self, request: HttpRequest, queryset: QuerySet[UpstreamAccount]) -> None:
        chosen = list(queryset.filter(is_forgotten=True))
        with transaction.atomic():
            some = UpstreamAccount.objects.filter(pk__in=[each.pk for each in chosen])
            some.update(is_forgotten=False)
            audit_trail.note_in_admin(request.user, audit_trail.CHANGED, chosen)
        messages.success(
            request, f"{counted(len(chosen), 'account')} will have a name when it is told again."
        )

    @admin.display(description="Name")
    def name(self, account: UpstreamAccount) -> str:
        return "(erased)" if account.is_forgotten else account.label or ABSENT

    @admin.display(description="Told")
    def told(self, account: UpstreamAccount) -> str:
        return display.moment(account.named_at)
