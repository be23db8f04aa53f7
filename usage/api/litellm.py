"""`POST /_qs/litellm`: what LiteLLM's generic API callback sends, in each of its three formats."""

import datetime as dt
from collections.abc import Iterable

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema_view

from usage.api import errors
from usage.api.parsers import parse_with, require_length
from usage.api.post_rows import named_faults
from usage.api.posts import Delivery, PostView, Way
from usage.api.schema import STORE_LITELLM
from usage.asking.refusal import ApiError
from usage.intake import litellm
from usage.intake.parsed import ParsedRows
from usage.recording import record_checked


def _take(delivery: Delivery) -> HttpResponse:
    """Store what can be stored: LiteLLM sends a batch once, so one bad record must not cost the
    others."""
    if delivery.request.content_type != "application/json":
        raise ApiError(415, "send the body with Content-Type application/json, as LiteLLM does")
    require_length(delivery.request)
    rows = parse_with(_parse, delivery.request, delivery.share)
    if rows.bad_rows and not rows.records:
        raise ApiError(
            400,
            "no record can be stored: `errors` says why",
            errors=named_faults(rows),
            bad_rows=rows.bad_rows,
        )
    result = record_checked(rows.records, sender=delivery.sender)
    answer = {"accepted": result.accepted, "duplicates": result.duplicates}
    rejected = {"rejected": rows.bad_rows, "errors": named_faults(rows)}
    return errors.json_answer(answer | (rejected if rows.bad_rows else {}), 201)


def _parse(pieces: Iterable[bytes], now: dt.datetime) -> ParsedRows:
    return litellm.parse(b"".join(pieces), now)


@extend_schema_view(post=STORE_LITELLM)
class LiteLLMView(PostView):
    way = Way(_take)
