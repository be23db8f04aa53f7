"""What every exception is answered: status, sentence, headers. API and pages each render it.

The one place that decides this, but for what is refused before Django (`qsmetrics`).
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import (
    BadRequest,
    DisallowedHost,
    PermissionDenied,
    SuspiciousOperation,
)
from django.http import Http404, HttpRequest
from rest_framework.exceptions import APIException, MethodNotAllowed, NotAcceptable

from qsmetrics.front_door import is_for_programs
from usage.access.rules import AccessDenied
from usage.admin_addresses import BadAddress
from usage.asking.refusal import ApiError
from usage.database.trouble import DATABASE_TROUBLE, RETRY_AFTER_SECONDS, trouble_of
from usage.long_requests import NoPlaceFree
from usage.queries import SumsStillLackRows, TooManyWaiting

logger = logging.getLogger(__name__)

# What is raised on purpose, or by a database in trouble.
_LATER = (NoPlaceFree, SumsStillLackRows, TooManyWaiting)
REFUSED = (ApiError, AccessDenied, *_LATER, *DATABASE_TROUBLE)
# These as well; whatever else is raised is a fault of ours, and answered 500.
FORESEEN = (*REFUSED, APIException, Http404, PermissionDenied, SuspiciousOperation, BadRequest)
_NOT_UNDERSTOOD = "the request cannot be understood"
_NOTHING_HERE = "nothing is here"
_FOR_PROGRAMS = f"{_NOTHING_HERE}: /_qs/docs lists what is"
_NOT_YOURS = "you may not do this"
_FAILED = "something failed here; the portal's log says what"
# Where nobody knows more than the status.
SENTENCES = {400: _NOT_UNDERSTOOD, 403: _NOT_YOURS, 404: _FOR_PROGRAMS, 500: _FAILED}
_RETRY = {"Retry-After": str(RETRY_AFTER_SECONDS)}


@dataclass(frozen=True)
class Refusal:
    """`details` are more fields for programs; `database_error` among them is for people too."""

    status: int
    sentence: str
    headers: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


def refusal_of(error: BaseException | None, request: HttpRequest, view: Any = None) -> Refusal:
    """How `error` is answered; a view of DRF knows which methods and media types it has."""
    if isinstance(error, DATABASE_TROUBLE):
        return _in_trouble(error, request)
    if isinstance(error, _LATER):
        return Refusal(503, str(error), _RETRY)
    if isinstance(error, ApiError):
        headers = _RETRY if error.status == 503 else {}
        return Refusal(error.status, error.message, headers, error.details)
    if isinstance(error, AccessDenied):
        return Refusal(error.status, error.message, error.headers)
    if isinstance(error, APIException):
        return _of_framework(error, request, view)
    return _of_django(error, request)


def wrong_method(request: HttpRequest, allowed: Iterable[str]) -> Refusal:
    listed = ", ".join(allowed)
    sentence = f"{request.method} is not possible here: use {listed}"
    return Refusal(405, sentence, {"Allow": listed})


def _in_trouble(error: Exception, request: HttpRequest) -> Refusal:
    trouble = trouble_of(error)
    logger.error("%s: %s", request.path.encode("unicode_escape").decode(), trouble)
    details = {"database_error": trouble.said}
    return Refusal(trouble.status, trouble.sentence, trouble.headers, details)


def _of_framework(error: APIException, request: HttpRequest, view: Any) -> Refusal:
    if isinstance(error, MethodNotAllowed):
        return wrong_method(request, view.allowed_methods)
    if isinstance(error, NotAcceptable):
        kinds = view.renderer_classes
        sentence = f"this answers {kinds[0].media_type}: send `Accept: {kinds[0].media_type}`"
        return Refusal(406, f"{sentence} or `*/*`")
    return Refusal(error.status_code, str(error.detail))


def _of_django(error: BaseException | None, request: HttpRequest) -> Refusal:
    if isinstance(error, Http404):
        is_program = is_for_programs(request.path_info)
        return Refusal(404, _FOR_PROGRAMS if is_program else _NOTHING_HERE)
    if isinstance(error, PermissionDenied):
        is_staff = getattr(getattr(request, "user", None), "is_staff", False)
        whom = "ask a superuser for the right to" if is_staff else "sign in as a member of staff"
        return Refusal(403, f"{_NOT_YOURS}: {whom}")
    if isinstance(error, DisallowedHost):
        return Refusal(400, "this host name is not served: add it to METRICS_ALLOWED_HOSTS")
    if isinstance(error, BadAddress):
        return Refusal(400, str(error))
    if isinstance(error, BadRequest | SuspiciousOperation):
        return Refusal(400, _NOT_UNDERSTOOD)
    return Refusal(500, _FAILED)
