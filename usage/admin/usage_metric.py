"""Usage metrics in the admin: look, search, export and delete; nothing is added or edited."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from usage import export
from usage.account_labels import AccountLabels
from usage.admin import display
from usage.admin.change_list import UsageChangeList
from usage.admin.list_filters import ExclusionFilter, ModelFilter, StatusFilter
from usage.admin.paginator import PER_PAGE
from usage.admin.portal_model_admin import PortalModelAdmin
from usage.identity import bare_key, hash_api_key
from usage.live_keys import begins_as_key
from usage.models import UsageMetric, UsageMetricQuerySet
from usage.pricing import sources
from usage.shown_numbers import ABSENT, counted

_FILTERS = (StatusFilter, ExclusionFilter, ModelFilter)  # models may be many

_PRICES = {
    sources.REPORTED: "the sender's report",
    sources.OVERRIDE: "Prices, in this admin",
    sources.GENAI_PRICES: "genai-prices",
    sources.CORRECTED: "genai-prices, corrected",
    sources.FREE: "OpenRouter: a free model",
    sources.MAKER: "the maker's list: the provider's own price is not known",
    sources.OPENROUTER: "OpenRouter's list: the maker's price is not known",
    sources.GUESSED: "a guess: of a model that is named nearly so",
    sources.NOT_BY_TOKENS: "none: it is not charged by tokens",
}
# Kinds of tokens that have prices of their own, as they are called here.
_KINDS = {
    "cache_write_1h": "Cache write, for an hour",
    "audio_input": "Audio in",
    "audio_output": "Audio out",
    "image_input": "Images in",
    "image_output": "Images out",
}
_EXCLUSIONS: dict[str | None, str] = {
    None: "yes",
    UsageMetric.Exclusion.WARM_UP: "no: a warm-up of the proxy's own",
    UsageMetric.Exclusion.DUPLICATE: "no: another source's report of the call is",
    UsageMetric.Exclusion.WRAPPER: "no: another span of its trace tells the call",
}


@admin.register(UsageMetric)
class UsageMetricAdmin(PortalModelAdmin):
    actions = ["export_selected", "delete_selected"]
    list_display = ["time", "model", "outcome", "prompt", "completion", "total", "latency", "key"]
    list_display_links = ["time"]
    list_filter = _FILTERS
    list_per_page = PER_PAGE
    list_fullwidth = True
    list_disable_select_all = True
    show_full_result_count = False
    sortable_by = ()
    list_views = PortalModelAdmin.list_views | {"export_view"}
    fieldsets = [
        (
            None,
            {"fields": ["exact_time", "model", "requested_model", "provider", "status", "counted"]},
        ),
        (
            "Tokens",
            {
                "fields": [
                    *["prompt", "completion", "total", "cached", "cache_write", "reasoning"],
                    *_KINDS,
                ]
            },
        ),
        (
            "Time and cost",
            {"fields": ["latency", "first_token", "service_tier", "cost", "whose_price"]},
        ),
        (
            "Identity",
            {
                "fields": [
                    *["request_id", "response_id", "session", "api_key_hash", "account"],
                    "account_label",
                    *["app", "user", "team", "project"],
                    *["event_id", "source", "recorded_at"],
                ]
            },
        ),
    ]
    readonly_fields = [
        "exact_time",
        "prompt",
        "completion",
        "total",
        "cached",
        "cache_write",
        "reasoning",
        *_KINDS,
        "latency",
        "first_token",
        "cost",
        "whose_price",
        "counted",
        "account_label",
        "recorded_at",
    ]
    search_fields = ["request_id", "api_key_hash"]  # shows the box; UsageChangeList searches
    search_help_text = "Request id, or API key hash (6+ first characters)"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[UsageChangeList]:
        return UsageChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[UsageMetric], search_term: str
    ) -> tuple[QuerySet[UsageMetric], bool]:
        return queryset, False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        export_view = self.admin_site.admin_view(self.export_view)
        name = "usage_usagemetric_export"
        urls: list[URLPattern] = super().get_urls()
        return [path("export/", export_view, name=name), *urls]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        term = request.GET.get(SEARCH_VAR, "").strip()
        if begins_as_key(term):
            return self._search_for_its_hash(request, term)
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Every row that the list's filters match, also beyond what its pages look at."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        change_list = self.get_changelist_instance(request)
        return _csv(change_list.selection.every_row())

    @admin.action(description="Export selected rows as CSV", permissions=["view"])
    def export_selected(
        self, request: HttpRequest, queryset: UsageMetricQuerySet
    ) -> StreamingHttpResponse:
        return _csv(queryset)

    @admin.action(description="Delete selected rows", permissions=["delete"])
    def delete_selected(
        self, request: HttpRequest, queryset: UsageMetricQuerySet
    ) -> HttpResponse | None:
        if request.POST.get("select_across") == "1":
            messages.error(request, "Delete page by page, or old rows with `manage.py purge`.")
            return None
        chosen = UsageMetric.objects.filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME))
        if request.POST.get("post"):
            self.log_deletions(request, chosen)
            deleted, _ = chosen.delete()
            rows = counted(deleted, "row")
            messages.success(request, f"{rows} deleted.")
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Delete usage metrics",
            "opts": self.opts,
            "ids": list(chosen.values_list("pk", flat=True)),
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/usage/usagemetric/delete_rows.html", context)

    def _search_for_its_hash(self, request: HttpRequest, key: str) -> HttpResponseRedirect:
        """Takes a key out of the address, where histories and logs would keep it."""
        terms = request.GET.copy()
        terms[SEARCH_VAR] = hash_api_key(bare_key(key))
        messages.warning(
            request,
            "That was an API key, so its hash was searched for. It stood in the page's address: "
            "search for the hash next time, which is safe to write down.",
        )
        return HttpResponseRedirect(f"{request.path}?{terms.urlencode()}")

    @admin.display(description="Time")
    def time(self, row: UsageMetric) -> str:
        return display.moment(row.timestamp)

    @admin.display(description="Status")
    def outcome(self, row: UsageMetric) -> str | None:
        if row.excluded_as is None:
            return row.status
        return f"{row.status or ABSENT}, not counted"

    @admin.display(description="Prompt")
    def prompt(self, row: UsageMetric) -> str:
        return display.count(row.prompt_tokens)

    @admin.display(description="Completion")
    def completion(self, row: UsageMetric) -> str:
        return display.count(row.completion_tokens)

    @admin.display(description="Total tokens")
    def total(self, row: UsageMetric) -> str:
        return display.count(row.total_tokens)

    @admin.display(description="Latency")
    def latency(self, row: UsageMetric) -> str:
        return display.milliseconds(row.latency_ms)

    @admin.display(description="API key hash")
    def key(self, row: UsageMetric) -> str:
        return row.api_key_hash[:12] if row.api_key_hash else ABSENT

    @admin.display(description="Completed at")
    def exact_time(self, row: UsageMetric) -> str:
        return display.exact_moment(row.timestamp)

    @admin.display(description="Recorded at")
    def recorded_at(self, row: UsageMetric) -> str:
        return display.exact_moment(row.created_at)

    @admin.display(description="Account's name")
    def account_label(self, row: UsageMetric) -> str:
        return AccountLabels().of(row.source, row.account) or ABSENT

    @admin.display(description="Cached (of prompt)")
    def cached(self, row: UsageMetric) -> str:
        return display.count(row.cached_tokens)

    @admin.display(description="Cache write (of prompt)")
    def cache_write(self, row: UsageMetric) -> str:
        return display.count(row.cache_write_tokens)

    @admin.display(description="Reasoning (of completion)")
    def reasoning(self, row: UsageMetric) -> str:
        return display.count(row.reasoning_tokens)

    @admin.display(description="Time to first token")
    def first_token(self, row: UsageMetric) -> str:
        return display.milliseconds(row.ttft_ms)

    @admin.display(description="Cost")
    def cost(self, row: UsageMetric) -> str:
        return display.dollars(row.cost_usd)

    @admin.display(description="Price from")
    def whose_price(self, row: UsageMetric) -> str:
        if row.cost_usd is None and row.cost_source is None:
            return ABSENT
        return _PRICES.get(row.cost_source or sources.REPORTED, ABSENT)

    @admin.display(description="Counted")
    def counted(self, row: UsageMetric) -> str:
        return _EXCLUSIONS.get(row.excluded_as, f"no: {row.excluded_as}")


def _shown_kind(kind: str, title: str) -> Callable[[UsageMetricAdmin, UsageMetric], str]:
    @admin.display(description=title)
    def shown(_: UsageMetricAdmin, row: UsageMetric) -> str:
        return display.count(getattr(row, f"{kind}_tokens"))

    return shown


for _kind, _title in _KINDS.items():
    setattr(UsageMetricAdmin, _kind, _shown_kind(_kind, _title))


def _csv(rows: UsageMetricQuerySet) -> StreamingHttpResponse:
    return export.download(
        export.newest_first(rows), "csv", f"usage-{timezone.localtime():%Y-%m-%d-%H%M}"
    )
