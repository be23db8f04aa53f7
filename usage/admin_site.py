"""The admin's front door: throttled login, one-time passwords, sidebar and index."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.admin.exceptions import (
    DisallowedModelAdminLookup,
    DisallowedModelAdminToField,
)
from django.contrib.auth.models import AbstractUser
from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import path, reverse
from unfold.sites import UnfoldAdminSite

from usage import queries
from usage.access.attempts import remember_browser
from usage.access.login_forms import ChoosePassword, LoginForm, answer_refusal
from usage.admin_addresses import BadAddress, query_of, refusing_bad_addresses
from usage.models import IngestToken, OneTimePassword

# What somebody with a one-time password may open.
_OPEN_PAGES = {"password_change", "logout", "jsi18n"}


class PortalAdminSite(UnfoldAdminSite):  # type: ignore[misc]
    """unfold's admin site with the portal's rules for signing in."""

    login_form = LoginForm
    index_title = "Overview"
    enable_nav_sidebar = True

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self._pages: list[tuple[str, Callable[[HttpRequest], HttpResponse], str]] = []

    def add_page(
        self, address: str, view: Callable[[HttpRequest], HttpResponse], name: str
    ) -> None:
        """One that Django's admin cannot make of a model."""
        self._pages.append((address, view, name))

    def get_urls(self) -> list[Any]:
        mine = [path(each, self.admin_view(view), name=name) for each, view, name in self._pages]
        return [*mine, *super().get_urls()]

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response: HttpResponse = super().login(request, extra_context)
        if request.method != "POST":
            return response
        if isinstance(request.user, AbstractUser) and response.status_code == 302:
            remember_browser(response, request.user)
        context = getattr(response, "context_data", None) or {}
        return answer_refusal(response, context.get("form"))

    def admin_view(
        self,
        view: Callable[..., HttpResponse],
        cacheable: bool = False,  # noqa: FBT002
    ) -> Callable[..., HttpResponse]:
        guarded = super().admin_view(refusing_bad_addresses(view), cacheable)

        @wraps(guarded)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if _must_choose_password(request):
                return HttpResponseRedirect(reverse("admin:password_change"))
            try:
                response: HttpResponse = guarded(request, *args, **kwargs)
            except (OverflowError, DataError):  # in the address, for no column can hold it
                raise BadAddress("a value in the address is out of range: open another") from None
            except (DisallowedModelAdminLookup, DisallowedModelAdminToField):
                raise BadAddress(
                    "the address names a column that this page does not offer: open it without"
                ) from None
            return response

        return inner

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        context = {
            **self.each_context(request),
            "has_one_time_password": _has_one_time_password(request),
            **(extra_context or {}),
        }
        request.current_app = self.name
        view = ChoosePassword.as_view(
            success_url=reverse("admin:password_change_done"), extra_context=context
        )
        return view(request)

    def search(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Unfold's search of the sidebar, which fails on any page number that is none."""
        terms = query_of(request).copy()
        terms.pop("page", None)
        request.GET = terms  # type: ignore[assignment]
        response: HttpResponse = super().search(request, extra_context)
        return response

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """Only for the fields that a page of ours completes: Django takes any of any table."""
        query = query_of(request)
        asked = tuple(query.get(name, "") for name in ("app_label", "model_name", "field_name"))
        if asked not in self._completed_fields():
            raise BadAddress("no page completes that field: open the list of what it names")
        response: HttpResponse = super().autocomplete_view(request)
        return response

    def _completed_fields(self) -> set[tuple[str, str, str]]:
        return {
            (model._meta.app_label, model._meta.model_name or "", field)
            for model, pages in self._registry.items()
            for field in pages.autocomplete_fields
        }

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        span = queries.oldest_and_newest()
        context = {
            "records_persisted": f"{queries.records_persisted():,}",
            "oldest": span[0] if span else None,
            "newest": span[1] if span else None,
            "live_tokens": IngestToken.objects.filter(revoked_at=None).count(),
            "has_tokens": IngestToken.objects.exists(),
            **(extra_context or {}),
        }
        response: HttpResponse = super().index(request, context)
        return response


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's navigation: what the user may view here, then the portal's other pages."""
    models = (
        ("Usage metrics", "analytics", "usage.view_usagemetric", "usage_usagemetric"),
        ("Prices", "payments", "usage.view_priceoverride", "usage_priceoverride"),
        ("Duplicates", "filter_none", "usage.view_suppressedpair", "usage_suppressedpair"),
        ("Names", "label", "usage.view_usagename", "usage_usagename"),
        ("Sources", "sensors", "usage.view_heardcount", "usage_heardcount"),
        ("Upstream accounts", "badge", "usage.view_upstreamaccount", "usage_upstreamaccount"),
        ("Collectors", "downloading", "usage.view_collectorstate", "usage_collectorstate"),
        ("Ingest tokens", "key", "usage.view_ingesttoken", "usage_ingesttoken"),
        ("Audit trail", "history", "usage.view_auditentry", "usage_auditentry"),
        ("Users", "person", "auth.view_user", "auth_user"),
        ("Groups", "group", "auth.view_group", "auth_group"),
    )
    mine = [
        {"title": title, "icon": icon, "link": reverse(f"admin:{name}_changelist")}
        for title, icon, permission, name in models
        if request.user.has_perm(permission)
    ]
    pages = [
        {"title": "Dashboard", "icon": "monitoring", "link": reverse("dashboard")},
        {"title": "API documentation", "icon": "api", "link": reverse("docs")},
    ]
    start = {"title": "Overview", "icon": "home", "link": reverse("admin:index")}
    return [
        {"title": "Admin", "items": [start, *mine]},
        {"title": "Portal", "separator": True, "items": pages},
    ]


def _must_choose_password(request: HttpRequest) -> bool:
    match = request.resolver_match
    return (match is None or match.url_name not in _OPEN_PAGES) and _has_one_time_password(request)


def _has_one_time_password(request: HttpRequest) -> bool:
    user = request.user
    return user.is_authenticated and OneTimePassword.objects.filter(user_id=user.pk).exists()
