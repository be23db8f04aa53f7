"""Refusals as JSON sentences, for views of DRF and for posts that go without it."""

from collections.abc import Mapping
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse

from usage.api.shapes.outcomes import Error
from usage.exception_gate import FORESEEN, Refusal, refusal_of


def handle(exception: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """DRF's exception handler; None lets Django's own 500 take over, which logs it.

    Whatever else the view can answer, such as YAML or a page, this is JSON.
    """
    if not isinstance(exception, FORESEEN):
        return None
    request = context["request"]._request
    return as_json(request, refusal_of(exception, request, context["view"]))


def as_json(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    body = Error(refusal.sentence, **refusal.details)
    return json_answer(body, refusal.status, refusal.headers)


def json_answer(
    body: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    return HttpResponse(
        msgspec.json.encode(body), "application/json", status, headers=dict(headers or {})
    )
