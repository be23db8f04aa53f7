"""Prices of one's own in the admin, before the published ones."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from usage.admin import display
from usage.admin.portal_model_admin import PortalModelAdmin
from usage.models import PriceOverride
from usage.shown_numbers import ABSENT


class PriceOverrideForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in stubs only
    def clean_model_pattern(self) -> str:
        pattern = str(self.cleaned_data["model_pattern"])
        if not pattern.isprintable():
            raise forms.ValidationError("A model's name holds no control characters.")
        return pattern


@admin.register(PriceOverride)
class PriceOverrideAdmin(PortalModelAdmin):
    form = PriceOverrideForm
    list_display = [
        *("model_pattern", "provider_shown", "valid", "prompt", "completion", "cached"),
        *("cache_write", "each_request"),
    ]
    list_before_template = "admin/usage/priceoverride/about.html"
    search_fields = ["model_pattern", "provider"]
    sortable_by = ()
    fieldsets = [
        (None, {"fields": ["model_pattern", "provider", "valid_from"]}),
        (
            "Price",
            {
                "fields": [
                    *("prompt_usd_per_mtok", "completion_usd_per_mtok", "cached_usd_per_mtok"),
                    *("cache_write_usd_per_mtok", "request_usd"),
                ]
            },
        ),
    ]

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[PriceOverride]) -> None:
        """One by one, so that each tells that prices have changed."""
        for override in queryset:
            override.delete()

    @admin.display(description="Provider")
    def provider_shown(self, override: PriceOverride) -> str:
        return override.provider or "any"

    @admin.display(description="Valid from")
    def valid(self, override: PriceOverride) -> str:
        is_always = override.valid_from == PriceOverride.ALWAYS
        return "always" if is_always else display.moment(override.valid_from)

    @admin.display(description="Prompt, $ a million")
    def prompt(self, override: PriceOverride) -> str:
        return _shown(override.prompt_usd_per_mtok)

    @admin.display(description="Completion")
    def completion(self, override: PriceOverride) -> str:
        return _shown(override.completion_usd_per_mtok)

    @admin.display(description="Cached")
    def cached(self, override: PriceOverride) -> str:
        return _shown(override.cached_usd_per_mtok)

    @admin.display(description="Cache write")
    def cache_write(self, override: PriceOverride) -> str:
        return _shown(override.cache_write_usd_per_mtok)

    @admin.display(description="Each request")
    def each_request(self, override: PriceOverride) -> str:
        return _shown(override.request_usd or None)


def _shown(price: Decimal | Any) -> str:
    if price is None:
        return ABSENT
    whole, _, fraction = f"{price:,.6f}".rstrip("0").partition(".")
    return f"{whole}.{fraction:0<2}"
