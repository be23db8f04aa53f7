"""Refusals outside the API's views: JSON for programs, a page for people."""

import sys
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from qsmetrics.answers import may_be_page
from usage.api import errors
from usage.exception_gate import REFUSED, Refusal, refusal_of


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler of 400, 403 and 404."""
    return respond(request, refusal_of(exception, request))


def server_error(request: HttpRequest) -> HttpResponse:
    """Also of trouble with the database outside of views, such as when a session is saved."""
    return respond(request, refusal_of(sys.exception(), request))


def respond(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """The error as the asker can read it. Pages are for browsers outside the API's paths."""
    if not may_be_page(request, refusal.status):
        return errors.as_json(request, refusal)
    said = refusal.details.get("database_error")
    message = f"{refusal.sentence} [{said}]" if said else refusal.sentence
    context = {"status": refusal.status, "message": message}
    page = render_to_string("dashboards/error.html", context)
    return HttpResponse(page, status=refusal.status, headers=refusal.headers)


class RefusalsMiddleware:
    """What pages raise: 503 and Retry-After when the database is in trouble, and such."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, REFUSED):
            return respond(request, refusal_of(exception, request))
        return None
