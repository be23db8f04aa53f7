"""Inputs that must be refused, each with its status and a part of what it is told."""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.api_routes import METHODS, ROUTES

JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}
TOKENS = "whole number from 0 to 9007199254740992"


@dataclass(frozen=True)
class BadInput:
    name: str
    status: int
    message: str
    sent: bytes | Callable[[], bytes] = b""  # what takes long to make is made by its own test
    method: str = "POST"
    path: str = "/_qs/usage"
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))

    @property
    def body(self) -> bytes:
        return self.sent() if callable(self.sent) else self.sent


def row(name: str, message: str, **fields: Any) -> BadInput:
    """A row with one wrong field, or with the model taken away."""
    values = {"model": "m", **fields}
    values = {key: value for key, value in values.items() if value is not ...}
    return BadInput(name, 400, message, json.dumps(values).encode())


def raw(
    name: str,
    message: str,
    body: bytes | Callable[[], bytes],
    status: int = 400,
    **headers: str,
) -> BadInput:
    sent = {**JSON, **{key.replace("_", "-"): value for key, value in headers.items()}}
    return BadInput(name, status, message, body, headers=sent)


def lines(
    name: str,
    message: str,
    body: bytes | Callable[[], bytes],
    status: int = 400,
    *,
    gzip: bool = False,
) -> BadInput:
    headers = {**NDJSON, "Content-Encoding": "gzip"} if gzip else NDJSON
    return BadInput(name, status, message, body, headers=headers)


def get(name: str, message: str, query: str, path: str = "/_qs/metrics") -> BadInput:
    return BadInput(name, 400, message, method="GET", path=f"{path}?{query}", headers={})


def with_type(name: str, content_type: str | None) -> BadInput:
    headers = {} if content_type is None else {"Content-Type": content_type}
    return BadInput(name, 415, "Content-Type application/json", b'{"model":"m"}', headers=headers)


def wrong_methods() -> Iterator[BadInput]:
    for route in ROUTES:
        says = f"use {', '.join(route.methods)}"
        for method in sorted({*METHODS} - {*route.methods}):
            yield BadInput(f"{method} {route.path}", 405, says, GOOD, method, route.path)


GOOD = b'{"model":"m"}'
GOOD_LINES = (GOOD + b"\n") * 10_000
BLANKS = 32 * 2**20 + 1
TOO_LONG_KEY = "k" * 300

BAD_INPUTS = [
    # The fields of a row
    row("no model", "is required", model=...),
    row("null model", "is required", model=None),
    row("empty model", "1 to 255", model=""),
    row("blank model", "must not be blank", model="  "),
    row("number as model", "1 to 255", model=5),
    row("boolean as model", "not a boolean", model=True),
    row("array as model", "not an array", model=["m"]),
    row("object as model", "not an object", model={"name": "m"}),
    row("model of 256 characters", "1 to 255", model="m" * 256),
    row("newline in model", "control characters", model="a\nb"),
    row("NUL in model", "control characters", model="a\0b"),
    row("line separator in model", "control characters", model="a\u2028b"),
    row("negative tokens", TOKENS, prompt_tokens=-1),
    row("fractional tokens", TOKENS, prompt_tokens=1.5),
    row("whole float tokens", TOKENS, prompt_tokens=1.0),
    row("tokens as text", "not text", completion_tokens="12"),
    row("boolean tokens", "not a boolean", total_tokens=True),
    row("tokens past 2^53", TOKENS, total_tokens=2**53 + 1),
    row("tokens past 64 bits", TOKENS, cached_tokens=2**64),
    row("tokens of 400 digits", TOKENS, reasoning_tokens=10**400),
    row("array as tokens", "not an array", cache_write_tokens=[1]),
    row("negative latency", "milliseconds", latency_ms=-0.5),
    row("latency as text", "not text", latency_ms="12"),
    row("huge latency", "milliseconds", latency_ms=1e300),
    row("negative time to first token", "milliseconds", ttft_ms=-1),
    row("negative cost", "US dollars", cost_usd=-0.01),
    row("cost as text", "US dollars", cost_usd="$1"),
    row("boolean status", "HTTP status", status=True),
    row("negative status", "HTTP status", status=-1),
    row("status of 4 digits", "HTTP status", status=1000),
    row("status of 33 characters", "HTTP status", status="x" * 33),
    row("status that is longer in lower case", "up to 32", status="İ" * 32),
    row("control character in status", "control characters", status="a\x07"),
    row("number as request id", "up to 255", request_id=5),
    row("request id of 256 characters", "up to 255", request_id="r" * 256),
    row("key hash of 65 characters", "up to 64", api_key_hash="a" * 65),
    row("object as key hash", "up to 64", api_key_hash={}),
    row("number as key", "must be text", api_key=5),
    row("provider of 65 characters", "up to 64", provider="p" * 65),
    row("event id without timestamp", "needs a timestamp", event_id="e"),
    row("number as event id", "up to 255", event_id=5, timestamp=1705312800),
    row("timestamp in words", "RFC 3339", timestamp="yesterday"),
    row("timestamp without zone", "needs a zone", timestamp="2024-01-15T10:00:00"),
    row("bare date as timestamp", "RFC 3339", timestamp="2024-01-15"),
    row("timestamp with month 13", "RFC 3339", timestamp="2024-13-01T00:00:00Z"),
    row("boolean timestamp", "RFC 3339", timestamp=True),
    row("timestamp before 2000", "before the year 2000", timestamp="1999-12-31T23:59:59Z"),
    row("Go's zero time", "before the year 2000", timestamp="0001-01-01T00:00:00Z"),
    row("year 1 east of Greenwich", "RFC 3339", timestamp="0001-01-01T00:00:00+05:00"),
    row("timestamp in the future", "24 hours in the future", timestamp="2999-01-01T00:00:00Z"),
    row("timestamp in microseconds", "nothing finer", timestamp=1705312800000000),
    row("negative timestamp", "before the year 2000", timestamp=-5),
    row("timestamp past every calendar", "nothing finer", timestamp=1e300),
    raw("NaN", "not valid JSON", b'{"model":"m","latency_ms":NaN}'),
    raw("number past every float", "out of range", b'{"model":"m","latency_ms":1e999}'),
    # The body
    raw("empty body", "the body is empty", b""),
    raw("white space", "the body is empty", b" \n\t "),
    raw("a word", "not valid JSON", b"hello"),
    raw("truncated JSON", "not valid JSON", b'[{"model":"m"},{"mod'),
    raw("text alone", "send a row as an object", b'"m"'),
    raw("null", "send a row as an object", b"null"),
    raw("array of numbers", "must be an object", b"[1,2]"),
    raw("array in array", "must be an object", b"[[]]"),
    raw("metrics that are no array", "is required", b'{"metrics":5}'),
    raw("latin-1", "not UTF-8", b'{"model":"caf\xe9"}'),
    raw("UTF-16", "not", '{"model":"m"}'.encode("utf-16")),
    raw("half a surrogate pair", "not valid JSON", b'{"model":"\\ud800"}'),
    raw("nested 100,000 deep", "nested too deeply", b"[" * 100_000),
    raw("objects nested 50,000 deep", "nested too deeply", b'{"a":' * 50_000),
    raw("depth inside a row", "nested too deeply", b'[{"model":"m","x":' + b"[" * 50_000),
    raw("a good and a bad row", '"index": 1', b'[{"model":"m"},{"model":""}]'),
    BadInput("bad NDJSON line", 400, '"index": 1', b'{"model":"m"}\n{"mod\n', headers=NDJSON),
    BadInput("NDJSON that is no object", 400, "must be an object", b"5\n", headers=NDJSON),
    # Compression
    raw("gzip that is none", "not valid gzip", b"hello", Content_Encoding="gzip"),
    raw(
        "broken gzip",
        "not valid gzip",
        gzip.compress(GOOD)[:12] + b"x" * 9,
        Content_Encoding="gzip",
    ),
    raw("half a gzip body", "ends too early", gzip.compress(GOOD)[:-6], Content_Encoding="gzip"),
    raw(
        "rubbish behind gzip",
        "not valid gzip",
        gzip.compress(GOOD) + b"zz",
        Content_Encoding="gzip",
    ),
    raw(
        "zip bomb",
        "METRICS_MAX_BODY_MB",
        lambda: gzip.compress(b" " * 40_000_000),
        413,
        Content_Encoding="gzip",
    ),
    raw(
        "gzip of 2,000 members",
        "METRICS_MAX_BODY_MB",
        gzip.compress(b"") * 2000,
        413,
        Content_Encoding="gzip",
    ),
    raw("100,001 lines", "100,000 rows are the most", b"{}\n" * 100_001, 413),
    raw(
        "array of 100,001 rows", "100,000 rows are the most", b"[" + b"{}," * 100_000 + b"{}]", 413
    ),
    raw(
        "array of 100,001 numbers", "100,000 rows are the most", b"[" + b"5," * 100_000 + b"5]", 413
    ),
    raw("brotli", "must be gzip", GOOD, 415, Content_Encoding="br"),
    raw("body over the limit", "METRICS_MAX_BODY_MB", lambda: b" " * BLANKS, 413),
    lines(
        "half of gzipped lines",
        "ends too early",
        lambda: gzip.compress(GOOD_LINES)[:-6],
        gzip=True,
    ),
    lines(
        "gzipped lines, then rubbish",
        "not valid gzip",
        lambda: gzip.compress(GOOD_LINES) + b"zz",
        gzip=True,
    ),
    lines(
        "zip bomb of lines",
        "METRICS_MAX_BODY_MB",
        lambda: gzip.compress(b"\n" * BLANKS),
        413,
        gzip=True,
    ),
    lines("lines over the limit", "METRICS_MAX_BODY_MB", lambda: GOOD_LINES + b"\n" * BLANKS, 413),
    lines("100,001 good lines", "100,000 rows are the most", GOOD + b"\n" + GOOD_LINES * 10, 413),
    lines("a bad line behind many good ones", '"index": 10000', GOOD_LINES + b'{"model":5}'),
    lines("lines of latin-1", "not UTF-8", GOOD_LINES + b'{"model":"caf\xe9"}\n'),
    lines("nothing but blank lines", "the body is empty", b" \r\n\n\t\n"),
    # Content types and methods
    with_type("no content type", None),
    with_type("a form", "application/x-www-form-urlencoded"),
    with_type("multipart", "multipart/form-data; boundary=x"),
    with_type("plain text", "text/plain"),
    with_type("XML", "application/xml"),
    with_type("nonsense", "nonsense"),
    with_type("any type at all", "*/*"),
    *wrong_methods(),
    BadInput("unknown path", 404, "/_qs/docs", method="GET", path="/_qs/nothing", headers={}),
    BadInput("unknown OTLP path", 404, "/_qs/docs", GOOD, path="/v1/profiles"),
    BadInput("OTLP that is none", 400, "OTLP trace request", b"[1]", path="/v1/traces"),
    BadInput("LiteLLM without a record", 400, "errors", GOOD, path="/_qs/litellm"),
    BadInput(
        "Accept: image/png",
        406,
        "application/json",
        method="GET",
        path="/_qs/metrics",
        headers={"Accept": "image/png"},
    ),
    raw("Idempotency-Key of 300 characters", "1 to 255", GOOD, Idempotency_Key=TOO_LONG_KEY),
    BadInput("partial=maybe", 400, "true or false", GOOD, path="/_qs/usage?partial=maybe"),
    BadInput("unknown parameter of a post", 400, "use partial", GOOD, path="/_qs/usage?parital=1"),
    # Questions
    get("from in words", "`from` must be", "from=yesterday"),
    get("from without zone", "`from` needs a zone", "from=2024-01-15T10:00:00"),
    get("to with day 32", "`to` must be", "to=2024-01-32"),
    get("from twice", "`from` is given 2 times", "from=2024-01-01&from=2024-01-02"),
    get("from after to", "later than", "from=2024-02-01&to=2024-01-01"),
    get("from in year 1", "`from` must be", "from=0001-01-01T00:00:00%2B05:00"),
    get("NUL in the model asked for", "control characters", "model=a%00b"),
    get("101 models", "more than 100", "&".join(f"model=m{n}" for n in range(101))),
    get("unknown parameter of a question", "`form` is not a parameter", "form=2024-01-01"),
    get("fill=perhaps", "true or false", "fill=perhaps"),
    get("fill of a century", "narrow `from`", "fill=true&from=1924-01-01&to=2024-01-01"),
    get("unknown interval", "must be 1m or 5m", "interval=minute"),
    get("interval twice", "given 2 times", "interval=hour&interval=day"),
    get("unknown zone", "such as Europe/Prague", "tz=Europe/Atlantis"),
    get("offset as zone", "such as Europe/Prague", "tz=%2B02:00"),
    get("path as zone", "such as Europe/Prague", "tz=../../../etc/passwd"),
    get("NUL in the zone", "control characters", "tz=UTC%00"),
    get("unknown group", "model or api_key", "group_by=key"),
    get("unknown comparison", "must be previous", "compare=next&from=2024-01-01"),
    get("comparison of all time", "needs `from`", "compare=previous"),
    get("comparison of the future", "later than now", "compare=previous&from=2999-01-01"),
    get("limit of 0", "1 to 1000", "limit=0", "/_qs/usage"),
    get("limit in words", "1 to 1000", "limit=many", "/_qs/usage"),
    get("limit past 1000", "1 to 1000", "limit=100000000000000", "/_qs/usage"),
    get("limit behind zeros", "1 to 1000", "limit=000100000000", "/_qs/usage"),
    get("limit of 5,000 digits", "1 to 1000", "limit=0001" + "0" * 5000, "/_qs/usage"),
    get("made-up cursor", "next_cursor", "cursor=abc", "/_qs/usage"),
    get("cursor with umlauts", "next_cursor", "cursor=%C3%BC", "/_qs/usage"),
    get("unknown format", "json, csv, ndjson", "format=xlsx", "/_qs/usage"),
]
