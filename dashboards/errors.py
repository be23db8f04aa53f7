"""Errors outside the API's views: JSON for programs, a page for people."""

import logging
import sys
from collections.abc import Callable

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from qsmetrics.answers import may_be_page
from usage.admin_addresses import BadAddress
from usage.database.trouble import DATABASE_TROUBLE, RETRY_AFTER_SECONDS, trouble_of
from usage.long_requests import NoPlaceFree

logger = logging.getLogger(__name__)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, DisallowedHost):
        return respond(
            request, 400, "this host name is not served: add it to METRICS_ALLOWED_HOSTS"
        )
    if isinstance(exception, BadAddress):
        return respond(request, 400, str(exception))
    return respond(request, 400, "the request cannot be understood")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    if getattr(getattr(request, "user", None), "is_staff", False):
        return respond(request, 403, "you may not do this: ask a superuser for the right to")
    return respond(request, 403, "you may not do this: sign in as a member of staff")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return respond(request, 404, "nothing is here")


def server_error(request: HttpRequest) -> HttpResponse:
    """Also of trouble with the database outside of views, such as when a session is saved."""
    error = sys.exception()
    if isinstance(error, DATABASE_TROUBLE):
        return _in_trouble(request, error)
    return respond(request, 500, "something failed here; the portal's log says what")


def respond(
    request: HttpRequest, status: int, message: str, headers: dict[str, str] | None = None
) -> HttpResponse:
    """The error as the asker can read it. Pages are for browsers outside the API's paths."""
    if may_be_page(request, status):
        context = {"status": status, "message": message}
        page = render_to_string("dashboards/error.html", context)
        return HttpResponse(page, status=status, headers=headers)
    return JsonResponse({"error": message}, status=status, headers=headers)


class DatabaseTroubleMiddleware:
    """503 and Retry-After from pages when the database is in trouble, or too much is asked."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, NoPlaceFree):
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            return respond(request, 503, str(exception), headers)
        if not isinstance(exception, DATABASE_TROUBLE):
            return None
        return _in_trouble(request, exception)


def _in_trouble(request: HttpRequest, error: Exception) -> HttpResponse:
    trouble = trouble_of(error)
    logger.error("%s: %s", request.path, trouble)
    return respond(request, trouble.status, str(trouble), trouble.headers)
