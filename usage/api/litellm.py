"""`POST /_qs/litellm`: what LiteLLM's generic API callback sends, in each of its three formats."""

import datetime as dt
from collections.abc import Iterable

from django.http import HttpResponse
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from usage.access.rules import require_writer, sender_of
from usage.api import errors
from usage.api.ingest import named_faults
from usage.api.parsers import parse_with, require_enabled, require_length, room
from usage.api.schema import STORE_LITELLM
from usage.asking.refusal import ApiError
from usage.intake import litellm
from usage.intake.parsed import ParsedRows
from usage.recording import record_checked


class LiteLLMView(APIView):
    permission_classes = [AllowAny]  # writers are named below, as in `ingest`

    @STORE_LITELLM
    def post(self, request: Request) -> HttpResponse:
        """Store what can be stored: LiteLLM sends a batch once, so one bad record must not
        cost the others."""
        posted = request._request
        sender = sender_of(posted, require_writer(posted))
        require_enabled()
        if posted.content_type != "application/json":
            raise ApiError(415, "send the body with Content-Type application/json, as LiteLLM does")
        require_length(posted)
        with room.share() as share:
            rows = parse_with(_parse, posted, share)
            if rows.bad_rows and not rows.records:
                raise ApiError(
                    400,
                    "no record can be stored: `errors` says why",
                    errors=named_faults(rows),
                    bad_rows=rows.bad_rows,
                )
            result = record_checked(rows.records, sender=sender)
        answer = {"accepted": result.accepted, "duplicates": result.duplicates}
        rejected = {"rejected": rows.bad_rows, "errors": named_faults(rows)}
        return errors.json_answer(answer | (rejected if rows.bad_rows else {}), 201)


def _parse(pieces: Iterable[bytes], now: dt.datetime) -> ParsedRows:
    return litellm.parse(b"".join(pieces), now)
