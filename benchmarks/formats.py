"""The same calls in every format that the portal takes: how a post looks, and how it is read.

The envelopes are those of real clients, from `tests/data/captures`.
"""

import copy
import datetime as dt
import gzip
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks import rows
from tests import otlp
from usage.heard import Heard
from usage.intake import cliproxy, litellm, native
from usage.intake.agents import readers
from usage.intake.body import read_pieces
from usage.intake.otlp import calls, json_logs, protobuf_logs
from usage.intake.otlp import json as otlp_json
from usage.intake.otlp import protobuf as otlp_protobuf
from usage.intake.parsed import ParsedRows

Row = dict[str, Any]
CALLS = 512  # LiteLLM's batches, and OpenTelemetry's
_CAPTURES = Path(__file__).parent.parent / "tests" / "data" / "captures"
_LITELLM = _CAPTURES / "litellm" / "001_litellm_json_array.body"
_MOST_BYTES = 2**26
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Format:
    """`path` is None where nothing is posted."""

    name: str
    path: str | None
    media_type: str
    encode: Callable[[list[Row]], bytes]
    decode: Callable[[bytes], object]
    parse: Callable[[bytes, dt.datetime], ParsedRows]

    def request(self, made: list[Row]) -> bytes:
        """The whole request that sends these calls."""
        body = self.encode(made)
        encoding = "Content-Encoding: gzip\r\n" if body.startswith(_GZIP) else ""
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {self.media_type}\r\n"
            f"{encoding}Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def made_up(first: int) -> list[Row]:
    """CALLS calls from that number on: the rows that `make bench` posts."""
    return [json.loads(row) for row in rows.posted(rows.live(first, CALLS))]


def formats() -> list[Format]:
    """All of them."""
    ours, logged, json_type = "/_qs/usage", "/_qs/litellm", "application/json"
    traces, logs, protobuf_type = "/v1/traces", "/v1/logs", otlp_protobuf.MEDIA_TYPE
    return [
        Format("OTLP protobuf", traces, protobuf_type, _binary, _message, _spans_of),
        Format(
            "OTLP protobuf, gzip", traces, protobuf_type,
            lambda made: gzip.compress(_binary(made)),
            lambda body: _message(gzip.decompress(body)),
            lambda body, now: _spans_of(_unzipped(body), now),
        ),
        Format(
            "OTLP JSON", traces, json_type,
            lambda made: json.dumps(_traces(made), separators=(",", ":")).encode(),
            json.loads, _json_spans_of,
        ),
        Format("logs protobuf", logs, protobuf_type, _binary_logs, _log_message, _events_of),
        Format(
            "logs JSON", logs, json_type,
            lambda made: json.dumps(_logs(made), separators=(",", ":")).encode(),
            json.loads, _json_events_of,
        ),
        Format(
            "LiteLLM `json_array`", logged, json_type, lambda made: _array(_logged(made)),
            json.loads, litellm.parse,
        ),
        Format(
            "LiteLLM `ndjson`", logged, json_type, lambda made: _as_lines(_logged(made)),
            _from_lines, litellm.parse,
        ),
        Format("our rows, array", ours, json_type, _array, json.loads, native.parse_json),
        Format(
            "our rows, NDJSON", ours, "application/x-ndjson", _as_lines,
            _from_lines, lambda body, now: native.parse_ndjson([body], now),
        ),
        Format(
            "CLIProxyAPI's queue", None, "", lambda made: _as_lines(map(_queued, made)),
            _from_lines, _queued_of,
        ),
    ]  # fmt: skip


def check(one: Format, other: Format) -> None:
    """Both are read as the same calls."""
    made, now = made_up(0), dt.datetime.now(dt.UTC)
    kept = ("model", "status", "prompt_tokens", "total_tokens", "cached_tokens", "reasoning_tokens")
    ones, others = (
        sorted(str([getattr(record, name) for name in kept]) for record in each.records)
        for each in (format.parse(format.encode(made), now) for format in (one, other))
    )
    assert len(ones) == CALLS
    assert ones == others, one.name


def _array(values: Iterable[Row]) -> bytes:
    return json.dumps(list(values)).encode()


def _as_lines(values: Iterable[Row]) -> bytes:
    return b"\n".join(json.dumps(value).encode() for value in values)


def _from_lines(body: bytes) -> list[Any]:
    return [json.loads(line) for line in body.splitlines()]


def _traces(made: list[Row]) -> Row:
    return otlp.request(*map(_span, made), resource={"service.name": "bench"})


def _binary(made: list[Row]) -> bytes:
    return otlp.as_protobuf(_traces(made))


def _message(body: bytes) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest.FromString(body)


def _unzipped(body: bytes) -> bytes:
    return b"".join(read_pieces(io.BytesIO(body), "gzip", _MOST_BYTES))


def _spans_of(body: bytes, now: dt.datetime) -> ParsedRows:
    return calls.records_of(otlp_protobuf.spans(body), now)


def _json_spans_of(body: bytes, now: dt.datetime) -> ParsedRows:
    return calls.records_of(otlp_json.spans(body), now)


def _logs(made: list[Row]) -> Row:
    """As Qwen Code tells its calls."""
    told = [otlp.log(_event(row), timeUnixNano=str(_times(row)[1])) for row in made]
    return otlp.logs(*told, scope="qwen-code", resource={"service.name": "qwen-code"})


def _binary_logs(made: list[Row]) -> bytes:
    return otlp.logs_as_protobuf(_logs(made))


def _log_message(body: bytes) -> ExportLogsServiceRequest:
    return ExportLogsServiceRequest.FromString(body)


def _events_of(body: bytes, now: dt.datetime) -> ParsedRows:
    heard = Heard()
    return readers.records_of(protobuf_logs.events(body, heard), now, heard)


def _json_events_of(body: bytes, now: dt.datetime) -> ParsedRows:
    heard = Heard()
    return readers.records_of(json_logs.events(body, heard), now, heard)


def _event(row: Row) -> Row:
    return {
        "event.name": "qwen-code.api_response",
        "model": row["model"],
        "status_code": int(row["status"]),
        "duration_ms": row["latency_ms"],
        "ttft_ms": row["ttft_ms"] or 0,
        "input_token_count": row["prompt_tokens"],
        "output_token_count": row["completion_tokens"],
        "cached_content_token_count": row["cached_tokens"],
        "thoughts_token_count": row["reasoning_tokens"],
        "tool_token_count": 0,
        "total_token_count": row["total_tokens"],
        "response_id": row["event_id"],
        "prompt_id": "0123456789ab########0",
        "auth_type": "openai",
        "session.id": "5f0e9f3e-2b1c-4d6f-9a7d-0c1d2e3f4a5b",
        "user.email": "ann@example.com",
    }


def _queued_of(body: bytes, now: dt.datetime) -> ParsedRows:
    """As the collector does with what it fetched."""
    record_of = partial(cliproxy.record_of, source="proxy", now=now)
    return native.collect(body.splitlines(), record_of, ParsedRows())


def _times(row: Row) -> tuple[int, int]:
    """When a call began and ended, in Unix nanoseconds."""
    end = round(dt.datetime.fromisoformat(row["timestamp"]).timestamp() * 1_000_000) * 1000
    return end - round(row["latency_ms"] * 1_000_000), end


def _span(row: Row) -> Row:
    """As an instrumented client of OpenAI makes it, without what was said."""
    start, end = _times(row)
    call = row["event_id"].encode()
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": row["provider"],
        "gen_ai.request.model": row["requested_model"],
        "gen_ai.request.temperature": 0.2,
        "gen_ai.response.model": row["model"],
        "gen_ai.response.id": row["request_id"],
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": row["prompt_tokens"],
        "gen_ai.usage.output_tokens": row["completion_tokens"],
        "gen_ai.usage.cache_read.input_tokens": row["cached_tokens"],
        "gen_ai.usage.cache_write.input_tokens": row["cache_write_tokens"],
        "gen_ai.usage.reasoning.output_tokens": row["reasoning_tokens"],
        "gen_ai.response.time_to_first_chunk": (row["ttft_ms"] or 0) / 1000,
        "gen_ai.usage.cost": row["cost_usd"] or 0.0,
        "http.response.status_code": int(row["status"]),
        "metadata.user_api_key_hash": row["api_key_hash"],
        "server.address": "api.example.com",
        "server.port": 443,
    }
    return otlp.span(
        attributes,
        name=f"chat {row['model']}",
        kind=3,
        traceId=blake2b(call, digest_size=16).hexdigest(),
        spanId=blake2b(call, digest_size=8).hexdigest(),
        startTimeUnixNano=str(start),
        endTimeUnixNano=str(end),
    )


def _logged(made: list[Row]) -> list[Row]:
    """A captured payload of a plain call, with the figures of others."""
    envelope = json.loads(_LITELLM.read_bytes())[1]
    return [_logged_call(copy.deepcopy(envelope), row) for row in made]


def _logged_call(payload: Row, row: Row) -> Row:
    start, end = _times(row)
    usage = payload["metadata"]["usage_object"]
    totals = {name: row[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    usage |= totals
    usage["prompt_tokens_details"] |= {
        "cached_tokens": row["cached_tokens"],
        "cache_creation_tokens": row["cache_write_tokens"],
    }
    usage["completion_tokens_details"]["reasoning_tokens"] = row["reasoning_tokens"]
    payload["metadata"]["user_api_key_hash"] = row["api_key_hash"]
    payload["error_information"]["error_code"] = "" if row["status"] == "200" else row["status"]
    return {
        **payload,
        **totals,
        "id": row["request_id"],
        "litellm_call_id": row["event_id"],
        "status": "success" if row["status"] == "200" else "failure",
        "custom_llm_provider": row["provider"],
        "model": row["model"],
        "startTime": start / 1e9,
        "endTime": end / 1e9,
        "response_cost": row["cost_usd"],
    }


def _queued(row: Row) -> Row:
    """As CLIProxyAPI puts it on its queue."""
    start, _ = _times(row)
    prompt, completion, reasoning = (
        row[f"{kind}_tokens"] for kind in ("prompt", "completion", "reasoning")
    )
    has_failed = row["status"] != "200"
    return {
        "timestamp": f"{dt.datetime.fromtimestamp(start / 1e9, dt.UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "latency_ms": row["latency_ms"],
        "ttft_ms": row["ttft_ms"] or 0,
        "source": "user@example.com",
        "auth_index": "1",
        "client_ip": "192.0.2.10",
        "user_agent": "client/1.0",
        "tokens": {
            "input_tokens": prompt,
            "output_tokens": completion,
            "reasoning_tokens": reasoning,
            "cached_tokens": row["cached_tokens"],
            "total_tokens": row["total_tokens"],
        },
        "failed": has_failed,
        "generate": True,
        "fail": {"status_code": int(row["status"]), "body": ""},
        "accounting_version": 2,
        "token_breakdown": {
            "schema_version": 2,
            "quality": "complete",
            "total_tokens": row["total_tokens"],
            "input": {
                "total_tokens": prompt,
                "cache_read_tokens": row["cached_tokens"],
                "cache_write_tokens": row["cache_write_tokens"],
            },
            "output": {"total_tokens": completion, "reasoning_tokens": reasoning},
        },
        "provider": row["provider"],
        "model": row["model"],
        "alias": row["requested_model"],
        "endpoint": "POST /v1/chat/completions",
        "auth_type": "oauth",
        "api_key": row["api_key_hash"],
        "request_id": row["event_id"],
        "service_tier": "default",
    }
