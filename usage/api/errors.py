"""Errors as JSON sentences: every exception of the API becomes its status here."""

import logging
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DataError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from usage.access import AccessDenied
from usage.database_trouble import DATABASE_TROUBLE, RETRY_AFTER_SECONDS, explain

logger = logging.getLogger(__name__)


class ApiError(Exception):
    """A refusal: its status, a sentence that says what to do, and more fields of the answer."""

    def __init__(self, status: int, message: str, **details: Any) -> None:
        self.status = status
        self.message = message
        self.details = details
        super().__init__(message)


def handle(exception: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler; None lets Django's own 500 take over."""
    response = _response(exception, context)
    if response is not None:
        response.exception = True
    return response


def _response(exception: Exception, context: dict[str, Any]) -> Response | None:
    if isinstance(exception, DATABASE_TROUBLE):
        logger.error("%s: %s", type(exception).__name__, explain(exception))
        # Values that it refuses would be refused again.
        status = 400 if isinstance(exception, DataError) else 503
        exception = ApiError(status, explain(exception))
    if isinstance(exception, ApiError):
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if exception.status == 503 else None
        body = {"error": exception.message, **exception.details}
        return Response(body, status=exception.status, headers=headers)
    if isinstance(exception, AccessDenied):
        return Response(
            {"error": exception.message}, status=exception.status, headers=exception.headers
        )
    if isinstance(exception, Http404):
        return Response({"error": "not found"}, status=404)
    if isinstance(exception, PermissionDenied):
        return Response({"error": "permission denied"}, status=403)
    if isinstance(exception, exceptions.APIException):
        return _from_framework(exception, context)
    return None


def _from_framework(exception: exceptions.APIException, context: dict[str, Any]) -> Response:
    headers = {}
    message = str(exception.detail)
    if isinstance(exception, exceptions.MethodNotAllowed):
        allowed = ", ".join(context["view"].allowed_methods)
        headers["Allow"] = allowed
        message = f"{context['request'].method} is not possible here: use {allowed}"
    if isinstance(exception, exceptions.NotAcceptable):
        message = "this answers application/json: send `Accept: application/json` or `*/*`"
    if isinstance(exception, exceptions.UnsupportedMediaType):
        message = _media_type_message(context)
    return Response({"error": message}, status=exception.status_code, headers=headers)


def _media_type_message(context: dict[str, Any]) -> str:
    accepted = [parser.media_type for parser in context["view"].parser_classes]
    return f"send the body with Content-Type {' or '.join(accepted)}"
