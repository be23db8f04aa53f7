"""Posted rows: a request's body by its content type, decoded while it is read."""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from django.conf import settings
from django.http import HttpRequest, UnreadablePostError

from usage.asking.refusal import ApiError
from usage.intake import native
from usage.intake.body import BadEncoding, BodyTooLarge, UnknownEncoding, read_pieces
from usage.intake.parsed import MOST_ROWS, MalformedBody, ParsedRows, TooManyRowsInBody
from usage.intake.room import PostShare, Room

Parsed = TypeVar("Parsed")
Parser = Callable[[Iterable[bytes], dt.datetime], ParsedRows]
room = Room()  # for all posts together


class BodyDigest:
    """The hex SHA-256 of a body, known when it has been read."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def along(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._hash.update(piece)
            yield piece

    def __str__(self) -> str:
        return self._hash.hexdigest()


def _parse_json(pieces: Iterable[bytes], now: dt.datetime) -> ParsedRows:
    return native.parse_json(b"".join(pieces), now)


_PARSERS: dict[str, Parser] = {
    "application/json": _parse_json,
    "application/x-ndjson": native.parse_ndjson,
    "application/ndjson": native.parse_ndjson,
    "application/jsonl": native.parse_ndjson,
}


def require_enabled() -> None:
    if not settings.USAGE_STATISTICS_ENABLED:
        raise ApiError(
            503, "metrics are disabled: set METRICS_ENABLED and USAGE_STATISTICS_ENABLED to true"
        )


def require_length(request: HttpRequest) -> None:
    """Servers that mark the end of input pass on the client's own length, or none."""
    if request.META.get("wsgi.input_terminated") and not request.META.get("CONTENT_LENGTH"):
        raise ApiError(411, "send Content-Length, or Transfer-Encoding: chunked")
    if request.META.get("CONTENT_LENGTH") in (None, "", "0"):
        raise ApiError(400, 'the body is empty: send a row such as {"model": "gpt-5"}')


def parse_body(
    request: HttpRequest, share: PostShare, digest: BodyDigest | None = None
) -> ParsedRows:
    """The rows of a post, in one of our own shapes; `digest` is fed with the body."""
    parser = _PARSERS.get(request.content_type or "")
    if parser is None:
        raise ApiError(415, f"send the body with Content-Type {' or '.join(_PARSERS)}")
    return parse_with(parser, request, share, digest)


def parse_with(
    parser: Callable[[Iterable[bytes], dt.datetime], Parsed],
    request: HttpRequest,
    share: PostShare,
    digest: BodyDigest | None = None,
) -> Parsed:
    """What `parser` makes of the decompressed body and the time; ApiError says what is wrong."""
    limit = settings.METRICS_MAX_BODY_BYTES
    try:
        pieces = read_pieces(request, request.META.get("HTTP_CONTENT_ENCODING", ""), limit)
        if digest is not None:
            pieces = digest.along(pieces)
        return parser(share.taken_by(pieces), dt.datetime.now(dt.UTC))
    except BodyTooLarge:
        raise ApiError(
            413, f"the body is over {limit} bytes (METRICS_MAX_BODY_MB): send smaller batches"
        ) from None
    except TooManyRowsInBody:
        raise ApiError(
            413,
            f"the body holds too many rows or parts ({MOST_ROWS:,} rows are the most): "
            "send less at once",
        ) from None
    except UnknownEncoding as error:
        raise ApiError(415, str(error)) from None
    except (BadEncoding, MalformedBody) as error:
        raise ApiError(400, str(error)) from None
    except UnreadablePostError:
        raise ApiError(400, "the body broke off before its end: send it again") from None
