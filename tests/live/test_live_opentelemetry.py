"""OpenTelemetry's own exporters, at a real portal: each call becomes its row, whole."""

import datetime as dt

import pytest

from tests.captures import CANARY
from tests.live import spans
from tests.live.comparing import differences
from tests.live.programs import run

GZIP = {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}
PROTOBUF, JSON = {"content-type": "application/x-protobuf"}, {"content-type": "application/json"}
ZIPPED, CHUNKED = {"content-encoding": "gzip"}, {"transfer-encoding": "chunked"}
EXPORTERS = [
    # program, encoding, its settings, and headers that it sends
    ("otel_spans.py", "protobuf", {}, PROTOBUF),
    ("otel_spans.py", "protobuf", GZIP, PROTOBUF | ZIPPED),
    ("otel_spans.py", "json", {}, JSON),
    ("otel_spans.py", "json", GZIP, JSON | ZIPPED),
    ("otel_spans.cjs", "json", {}, JSON | CHUNKED),
    ("otel_spans.cjs", "json", GZIP, JSON | ZIPPED | CHUNKED),
    ("otel_spans.cjs", "protobuf", {}, PROTOBUF | CHUNKED),
    ("otel_spans.cjs", "protobuf", GZIP, PROTOBUF | ZIPPED | CHUNKED),
]


@pytest.mark.parametrize(
    ("program", "encoding", "settings", "headers"),
    EXPORTERS,
    ids=lambda value: " ".join(value.values()) if isinstance(value, dict) else value,
)
def test_every_call_becomes_its_row(
    relay, reporting, new_rows, program, encoding, settings, headers
):
    run(program, encoding, asked=spans.asked(), **reporting, **settings)
    assert differences(new_rows(), spans.rows()) == []
    heads = relay.heads()
    assert len(heads) == 3
    for head in heads:
        assert head | headers == head
        assert ("content-length" in head) is not ("transfer-encoding" in head)
    assert settings or CANARY.encode() in relay.sent


def test_instrumented_calls_of_openai_become_their_rows(relay, reporting, new_rows):
    times = run("openai_calls.py", **reporting)
    assert CANARY.encode() in relay.sent
    usage = {
        "prompt_tokens": 1200,
        "completion_tokens": 345,
        "total_tokens": 1545,
        "cached_tokens": 1024,
        "reasoning_tokens": 64,
    }
    nothing = dict.fromkeys(usage, 0)
    large = {"model": "acme-large-2026-11-01", "requested_model": "acme-large", "status": "200"}
    embed = {"model": "acme-embed", "requested_model": "acme-embed", "status": "200"}
    busy = {"model": "acme-busy", "requested_model": "acme-busy", "status": "429"}
    expected = [
        {**large, **usage, "response_id": "chatcmpl-openai"},
        {**large, **usage, "response_id": "chatcmpl-openai-stream"},
        {**embed, **nothing, "prompt_tokens": 7, "total_tokens": 7, "response_id": None},
        {**busy, **nothing, "response_id": None},
    ]
    for row, (start_ns, end_ns) in zip(expected, times, strict=True):
        row["provider"] = "openai"
        row["latency_ms"] = round((end_ns - start_ns) / 1_000_000, 1)
        row["timestamp"] = dt.datetime.fromtimestamp(round(end_ns / 1e9, 6), dt.UTC)
    assert differences(new_rows(), expected) == []
    streamed = {row["response_id"] for row in new_rows() if row["ttft_ms"] is not None}
    assert streamed == {"chatcmpl-openai-stream"}
