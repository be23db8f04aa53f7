"""The dashboard's view: who may see it, what is asked, which template answers."""

from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from dashboards import pages
from dashboards.errors import respond
from dashboards.ranges import selection_from
from usage.access.rules import AccessDenied, require_reader
from usage.asking.refusal import ApiError
from usage.exception_gate import refusal_of, wrong_method
from usage.queries import TooManyRowsOfOthers


@csrf_exempt  # it changes nothing, and a POST deserves its 405
@never_cache
def dashboard(request: HttpRequest) -> HttpResponse:
    """The whole page, or only its figures for the page's own refresh."""
    if request.method not in {"GET", "HEAD"}:
        return respond(request, wrong_method(request, ["GET", "HEAD"]))
    try:
        require_reader(request)
    except AccessDenied as denied:
        return _deny(request, denied)
    now = timezone.now()
    try:
        selection = selection_from(request.GET, now)
    except ApiError as error:
        context = pages.refused_context(request.GET, error.message)
        return _page(request, "dashboards/dashboard.html", context, status=error.status)
    try:
        figures = pages.figures_context(request, selection, now)
    except TooManyRowsOfOthers as error:
        context = pages.refused_context(request.GET, str(error))
        return _page(request, "dashboards/dashboard.html", context, status=400)
    if _is_refresh(request):
        return _page(request, "dashboards/_figures.html", figures)
    context = pages.form_context(selection) | figures
    return _page(request, "dashboards/dashboard.html", context)


def _page(
    request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    response = render(request, template, context | pages.portal_context(), status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _deny(request: HttpRequest, denied: AccessDenied) -> HttpResponse:
    """People sign in; a refresh is told the truth, lest it show a login form for figures."""
    can_sign_in = not settings.METRICS_BASIC_AUTH_USER and denied.status == 401
    if can_sign_in and not _is_refresh(request):
        return redirect_to_login(request.get_full_path(), reverse(settings.LOGIN_URL))
    return respond(request, refusal_of(denied, request))


def _is_refresh(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"
