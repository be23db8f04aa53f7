"""DRF parsers for posted rows: a bounded body, and the rows that `usage.intake` finds in it."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import UnreadablePostError
from rest_framework.parsers import BaseParser

from usage.api.errors import ApiError
from usage.intake import native
from usage.intake.body import BadEncoding, BodyTooLarge, UnknownEncoding, read_body
from usage.intake.native import MalformedBody, ParsedRows, TooManyRows


@dataclass(frozen=True)
class PostedRows:
    """What a parser hands to the view: the body as it was meant, and its rows."""

    body: bytes
    rows: ParsedRows


class JsonRowsParser(BaseParser):
    """JSON in any of the native shapes."""

    media_type = "application/json"

    def parse(  # type: ignore[override]  # DRF passes on whatever a parser returns
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> PostedRows:
        assert parser_context is not None
        body = _read(stream, parser_context["request"].headers.get("Content-Encoding", ""))
        try:
            return PostedRows(body, self.find_rows(body, dt.datetime.now(dt.UTC)))
        except MalformedBody as error:
            raise ApiError(400, str(error)) from None
        except TooManyRows:
            raise ApiError(
                413, f"the body holds over {native.MOST_ROWS} rows: send smaller batches"
            ) from None

    def find_rows(self, body: bytes, now: dt.datetime) -> ParsedRows:
        return native.parse_json(body, now)


class NdjsonRowsParser(JsonRowsParser):
    media_type = "application/x-ndjson"

    def find_rows(self, body: bytes, now: dt.datetime) -> ParsedRows:
        return native.parse_ndjson(body, now)


class PlainNdjsonRowsParser(NdjsonRowsParser):
    media_type = "application/ndjson"


class JsonLinesRowsParser(NdjsonRowsParser):
    media_type = "application/jsonl"


PARSERS = [JsonRowsParser, NdjsonRowsParser, PlainNdjsonRowsParser, JsonLinesRowsParser]


def _read(stream: Any, encoding: str) -> bytes:
    limit = settings.METRICS_MAX_BODY_BYTES
    try:
        return read_body(stream, encoding, limit)
    except BodyTooLarge:
        raise ApiError(
            413, f"the body is over {limit} bytes (METRICS_MAX_BODY_MB): send smaller batches"
        ) from None
    except UnknownEncoding as error:
        raise ApiError(415, str(error)) from None
    except BadEncoding as error:
        raise ApiError(400, str(error)) from None
    except UnreadablePostError:
        raise ApiError(400, "the body broke off before its end: send it again") from None
