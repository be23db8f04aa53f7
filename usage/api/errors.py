"""Errors as JSON sentences: every exception of the API becomes its status here."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import msgspec
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions

from usage.access.rules import AccessDenied
from usage.asking.refusal import ApiError
from usage.database.trouble import DATABASE_TROUBLE, RETRY_AFTER_SECONDS, trouble_of
from usage.long_requests import NoPlaceFree

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Refusal:
    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


def handle(exception: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """DRF's exception handler; None lets Django's own 500 take over.

    Whatever else the view can answer, such as YAML or a page, this is JSON.
    """
    refusal = _refusal(exception) or _from_framework(exception, context)
    if refusal is None:
        return None
    return json_answer(refusal.body, refusal.status, refusal.headers)


def answered(
    view: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """The same for a view that goes without DRF."""

    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        try:
            return view(request)
        except (ApiError, AccessDenied, NoPlaceFree, *DATABASE_TROUBLE) as error:
            refusal = _refusal(error)
            assert refusal is not None
            return json_answer(refusal.body, refusal.status, refusal.headers)

    return answer


def json_answer(
    body: dict[str, Any], status: int, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    return HttpResponse(
        msgspec.json.encode(body), "application/json", status, headers=dict(headers or {})
    )


def _refusal(exception: Exception) -> _Refusal | None:
    if isinstance(exception, DATABASE_TROUBLE):
        trouble = trouble_of(exception)
        logger.error("%s", trouble)
        body = {"error": trouble.sentence, "database_error": trouble.said}
        return _Refusal(trouble.status, body, trouble.headers)
    if isinstance(exception, NoPlaceFree):
        exception = ApiError(503, str(exception))
    if isinstance(exception, ApiError):
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if exception.status == 503 else {}
        return _Refusal(
            exception.status, {"error": exception.message, **exception.details}, headers
        )
    if isinstance(exception, AccessDenied):
        return _Refusal(exception.status, {"error": exception.message}, exception.headers)
    if isinstance(exception, Http404):
        return _Refusal(404, {"error": "not found"})
    if isinstance(exception, PermissionDenied):
        return _Refusal(403, {"error": "permission denied"})
    return None


def _from_framework(exception: Exception, context: dict[str, Any]) -> _Refusal | None:
    if not isinstance(exception, exceptions.APIException):
        return None
    headers = {}
    message = str(exception.detail)
    if isinstance(exception, exceptions.MethodNotAllowed):
        allowed = ", ".join(context["view"].allowed_methods)
        headers["Allow"] = allowed
        message = f"{context['request'].method} is not possible here: use {allowed}"
    if isinstance(exception, exceptions.NotAcceptable):
        kind = context["view"].renderer_classes[0].media_type
        message = f"this answers {kind}: send `Accept: {kind}` or `*/*`"
    return _Refusal(exception.status_code, {"error": message}, headers)
