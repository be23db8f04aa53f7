"""What OpenAPI says of each operation: parameters, bodies and answers with their fields."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers

from usage.records import MOST_TOKENS

_whole = serializers.IntegerField
_text = serializers.CharField


def _number(**options: Any) -> serializers.FloatField:
    return serializers.FloatField(allow_null=True, **options)


def _parameter(
    name: str, help: str, *, many: bool = False, kind: Any = OpenApiTypes.STR
) -> OpenApiParameter:
    return OpenApiParameter(name, kind, description=help, many=many)


_FILTERS = [
    _parameter("from", "RFC 3339 time or date (midnight UTC), included."),
    _parameter("to", "RFC 3339 time or date (midnight UTC), included."),
    _parameter("model", "Only this model; repeatable.", many=True),
    _parameter("api_key_hash", "Only this key; repeatable.", many=True),
    _parameter("provider", "Only this provider; repeatable.", many=True),
    _parameter("status", "`429`, a class such as `4xx`, or `error`; repeatable.", many=True),
]


_Fields = dict[str, serializers.Field[Any, Any, Any, Any]]


def _figures() -> _Fields:
    return {
        "tokens": _whole(),
        "requests": _whole(),
        "prompt_tokens": _whole(),
        "completion_tokens": _whole(),
        "cached_tokens": _whole(),
        "cache_write_tokens": _whole(),
        "reasoning_tokens": _whole(),
        "failed_requests": _whole(),
        "success_rate": _number(help_text="0 to 1; null without requests."),
        "avg_latency_ms": _number(help_text="Null when no request reported a latency."),
        "avg_ttft_ms": _number(help_text="Of the time to first token; null when none was told."),
        "cost_usd": _number(),
        "unpriced_requests": _whole(help_text="Requests whose cost is not known."),
    }


def _percentiles() -> _Fields:
    return {
        f"p{share}_{column}_ms": _number(help_text="At most 5 % off; null without values.")
        for column in ("latency", "ttft")
        for share in (50, 95, 99)
    }


def _period() -> _Fields:
    return {
        "from": serializers.DateTimeField(allow_null=True),
        "to": serializers.DateTimeField(allow_null=True),
    }


def _group(name: str, column: str) -> Any:
    """The parts by something that a request can be without; only where `group_by` asks."""
    fields = {**_figures(), **(_percentiles() if column == "provider" else {})}
    return inline_serializer(
        name, {column: _text(allow_null=True), **fields}, many=True, required=False
    )


def _others(prefix: str, name: str) -> Any:
    fields = {"names": _whole(help_text="How many are not listed."), **_figures()}
    return inline_serializer(f"{prefix}Others_{name}", fields, required=False)


def _summary(prefix: str = "") -> _Fields:
    return {
        "totals": inline_serializer(
            f"{prefix}Totals",
            {"total_tokens": _whole(), "total_requests": _whole(), **_figures(), **_percentiles()},
        ),
        "by_model": inline_serializer(
            f"{prefix}ModelUsage", {"model": _text(), **_figures(), **_percentiles()}, many=True
        ),
        "others": inline_serializer(
            f"{prefix}Others",
            {
                each: _others(prefix, each)
                for each in ("by_model", "by_provider", "by_status", "by_api_key")
            },
            required=False,
            help_text="What `limit` leaves out of the lists, where that is something.",
        ),
        "query_period": inline_serializer(f"{prefix}QueryPeriod", _period()),
        "covered_period": inline_serializer(
            f"{prefix}CoveredPeriod",
            _period(),
            required=False,
            help_text="What was counted, where an end needs rows that were purged.",
        ),
    }


def _tokens(**options: Any) -> serializers.IntegerField:
    return _whole(min_value=0, max_value=MOST_TOKENS, required=False, **options)


def _row_fields() -> _Fields:
    return {
        "timestamp": _text(
            required=False, help_text="Completion: RFC 3339, Unix seconds or ms; default now."
        ),
        "model": _text(max_length=255),
        "prompt_tokens": _tokens(),
        "completion_tokens": _tokens(),
        "total_tokens": _tokens(help_text="Default: prompt + completion."),
        "request_id": _text(required=False, max_length=255),
        "status": _text(required=False, max_length=32, help_text='"200" or 200.'),
        "latency_ms": serializers.FloatField(required=False, min_value=0),
        "api_key_hash": _text(required=False, max_length=64, help_text="Hex SHA-256 of the key."),
        "provider": _text(required=False, max_length=64),
        "requested_model": _text(required=False, max_length=255),
        "cached_tokens": _tokens(help_text="Part of prompt_tokens."),
        "cache_write_tokens": _tokens(help_text="Part of prompt_tokens."),
        "reasoning_tokens": _tokens(help_text="Part of completion_tokens."),
        "ttft_ms": serializers.FloatField(required=False, min_value=0),
        "response_id": _text(required=False, max_length=255, help_text="The provider's own."),
        "app": _text(required=False, max_length=255, help_text="The program that asked."),
        "user": _text(required=False, max_length=255, help_text="On whose behalf."),
        "team": _text(required=False, max_length=255),
        "project": _text(required=False, max_length=255),
        "session": _text(required=False, max_length=255, help_text="One conversation's id."),
        "account": _text(required=False, max_length=255, help_text="Which upstream answered."),
        "cost_usd": serializers.FloatField(required=False, min_value=0),
        "source": _text(required=False, max_length=64),
    }


_event = {"event_id": _text(required=False, max_length=255, help_text="Needs a timestamp.")}
_incoming = inline_serializer("IncomingRow", {**_row_fields(), **_event})
_stored = inline_serializer(
    "UsageRow",
    {
        "id": _whole(),
        "created_at": serializers.DateTimeField(),
        **_row_fields(),
        "cost_source": _text(
            allow_null=True,
            help_text="reported (null too, beside a cost), override or genai-prices.",
        ),
        "excluded_as": _text(
            allow_null=True, help_text="Why no figure counts it: warm_up, duplicate, wrapper."
        ),
    },
)
_error = inline_serializer("Error", {"error": _text()})
_fault = inline_serializer(
    "RowFault", {"index": _whole(), "field": _text(allow_null=True), "error": _text()}, many=True
)
_bad_rows = inline_serializer("BadRows", {"error": _text(), "errors": _fault, "bad_rows": _whole()})

METRICS = extend_schema(
    summary="Totals, parts and a series",
    parameters=[
        *_FILTERS,
        _parameter("interval", "`15m`, `hour` (default), `day`, `week` from Monday, `month`."),
        _parameter("tz", "IANA zone in which buckets begin, such as Europe/Prague; default UTC."),
        _parameter("group_by", "`model` (default), `provider`, `status` or `api_key`."),
        _parameter("compare", "`previous`: also of the equally long period right before."),
        _parameter("fill", "true adds an empty bucket wherever there were no requests."),
        _parameter(
            "limit",
            "Most parts of each list, 1 to 10000; default 1000; `others` sums up the rest.",
            kind=OpenApiTypes.INT,
        ),
    ],
    responses={
        200: inline_serializer(
            "UsageReport",
            {
                **_summary(),
                "timeseries": inline_serializer(
                    "Bucket", {"bucket_start": serializers.DateTimeField(), **_figures()}, many=True
                ),
                "by_provider": _group("ProviderUsage", "provider"),
                "by_status": _group("StatusUsage", "status"),
                "by_api_key": _group("KeyUsage", "api_key_hash"),
                "previous": inline_serializer("Previous", _summary("Previous"), required=False),
            },
        ),
        400: _error,
        401: _error,
    },
)
PROMETHEUS = extend_schema(
    summary="Counters and latency histograms of all time, as OpenMetrics text",
    parameters=[_parameter("keys", "`false` leaves out the counters of each API key.")],
    responses={
        (200, "application/openmetrics-text"): OpenApiTypes.STR,
        400: _error,
        401: _error,
    },
)
LIST_USAGE = extend_schema(
    summary="Raw rows, newest first; or a CSV or NDJSON export",
    parameters=[
        *_FILTERS,
        _parameter("limit", "Rows a page, 1 to 1000; default 100.", kind=OpenApiTypes.INT),
        _parameter("cursor", "The next_cursor of the page before."),
        _parameter("user", "Exactly this name; repeatable.", many=True),
        _parameter("with_excluded", "true adds rows that no figure counts."),
        _parameter("format", "`json` pages; `csv` or `ndjson` exports everything."),
    ],
    responses={
        200: inline_serializer(
            "UsagePage",
            {
                "usage": serializers.ListField(child=_stored),
                "next_cursor": _text(allow_null=True),
            },
        ),
        400: _error,
        401: _error,
    },
)
STORE_USAGE = extend_schema(
    summary="Store rows: an object, an array, {metrics: […]} or NDJSON",
    parameters=[
        _parameter("partial", "true stores the good rows and lists the bad."),
        OpenApiParameter(
            "Idempotency-Key", location="header", description="A resend with it is a no-op."
        ),
    ],
    request={"application/json": _incoming, "application/x-ndjson": OpenApiTypes.STR},
    responses={
        201: inline_serializer("Stored", {"accepted": _whole(), "duplicates": _whole()}),
        400: _bad_rows,
        401: _error,
        409: _error,
        413: _error,
        415: _error,
        503: _error,
    },
)
STORE_LITELLM = extend_schema(
    summary="Store what LiteLLM's generic API callback sends",
    request={"application/json": OpenApiTypes.OBJECT},
    responses={
        201: inline_serializer(
            "StoredCalls",
            {
                "accepted": _whole(),
                "duplicates": _whole(),
                "rejected": _whole(required=False),
                "errors": _fault,
            },
        ),
        **dict.fromkeys((400, 401, 411, 413, 415, 503), _error),
    },
)
_OTLP = {"application/x-protobuf": OpenApiTypes.BINARY, "application/json": OpenApiTypes.OBJECT}
_OTLP_ANSWERS = {200: OpenApiTypes.OBJECT, **dict.fromkeys((400, 401, 413, 415, 503), _error)}
STORE_TRACES = extend_schema(
    summary="OTLP/HTTP: store the spans that are calls of a model",
    request=_OTLP,
    responses=_OTLP_ANSWERS,
)
STORE_LOGS = extend_schema(
    summary="OTLP/HTTP: store the calls that coding agents tell in log events",
    request=_OTLP,
    responses=_OTLP_ANSWERS,
)
DROP_TELEMETRY = extend_schema(
    summary="OTLP/HTTP: taken and not stored", request=_OTLP, responses=_OTLP_ANSWERS
)
HEALTH = extend_schema(
    summary="Whether the portal can store usage",
    responses={
        200: inline_serializer(
            "Health",
            {
                "ok": serializers.BooleanField(),
                "version": _text(),
                "database": _text(),
                "statistics_enabled": serializers.BooleanField(),
                "persistence_enabled": serializers.BooleanField(),
                "total_records_persisted": _whole(),
                "names_as_other": _whole(
                    help_text="How many names count as (other), counted up to 10000."
                ),
                "room_for_names": _whole(
                    help_text="How many more can be told apart now, of the kind with the least."
                ),
                "waiting_rows": inline_serializer(
                    "WaitingRows",
                    {
                        "rows": _whole(help_text="In no sums yet, counted up to 10000."),
                        "since": serializers.DateTimeField(allow_null=True),
                    },
                ),
                "jobs": inline_serializer(
                    "Jobs",
                    {
                        "run_by": serializers.CharField(
                            allow_null=True,
                            help_text="serve, work or unknown; null where nobody runs them.",
                        ),
                        "process": serializers.IntegerField(allow_null=True),
                        "since": serializers.DateTimeField(allow_null=True),
                    },
                ),
                "collectors": inline_serializer(
                    "Collector",
                    {
                        "name": _text(),
                        "state": _text(help_text="collecting, waiting or stopped."),
                        "way": _text(help_text="subscribe, http or lpop."),
                        "records": _whole(),
                        "possible_losses": _whole(),
                        "last_record_at": serializers.DateTimeField(allow_null=True),
                    },
                    many=True,
                    required=False,
                ),
                "suppressed_duplicates": inline_serializer(
                    "SuppressedPair",
                    {"counted_source": _text(), "suppressed_source": _text(), "calls": _whole()},
                    many=True,
                    required=False,
                ),
            },
        ),
        503: inline_serializer(
            "Unhealthy",
            {
                "ok": serializers.BooleanField(),
                "error": _text(),
                "database_error": _text(help_text="Class and code, such as QueryCanceled 57014."),
            },
        ),
    },
)
