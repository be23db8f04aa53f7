"""OTLP/HTTP as exporters speak it: encodings, partial success, errors, access."""

import base64
import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_bakery import baker
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.otlp import START, as_json, as_protobuf, pairs, request, span
from tests.thorough import examples
from usage.identity import hash_api_key
from usage.models import IngestToken, UsageMetric

pytestmark = pytest.mark.django_db

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
LANGFUSE = "/api/public/otel/v1/traces"
CALL = {"gen_ai.request.model": "gpt-5", "gen_ai.usage.input_tokens": 3}
TOO_MANY = {"gen_ai.request.model": "gpt-5", "gen_ai.usage.input_tokens": 2**60}


def post(client: Any, body: bytes, media_type: str = PROTOBUF, path: str = "/v1/traces", **extra):
    # The test client leaves an empty body's type out, which exporters do not.
    return client.post(path, body, content_type=media_type, CONTENT_TYPE=media_type, **extra)


@pytest.mark.parametrize(
    ("body", "media_type", "answer"),
    [(b"", PROTOBUF, b""), (b"{}", JSON, b"{}"), (b" {}\n", JSON, b"{}")],
)
@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs", "/v1/metrics"])
def test_an_empty_request_is_a_good_one(
    client, path: str, body: bytes, media_type: str, answer: bytes
):
    for sent, extra in ((body, {}), (gzip.compress(body), {"HTTP_CONTENT_ENCODING": "gzip"})):
        found = post(client, sent, media_type, path, **extra)
        told = (found.status_code, found.content, found["Content-Type"])
        assert told == (200, answer, media_type)


@pytest.mark.parametrize("body", [b"", b" \r\n\t"])
@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs", "/v1/metrics", LANGFUSE])
def test_nothing_is_no_request_in_json(client, path: str, body: bytes):
    for sent, extra in ((body, {}), (gzip.compress(body), {"HTTP_CONTENT_ENCODING": "gzip"})):
        found = post(client, sent, JSON, path, **extra)
        assert found.status_code == 400
        assert "the body is empty: send" in found.json()["message"]


def test_what_can_be_stored_is_and_the_rest_is_told(client):
    body = request(span(CALL), span(TOO_MANY, spanId="ab" * 8))
    as_text = post(client, as_json(body), JSON).json()["partialSuccess"]
    assert as_text["rejectedSpans"] == "1"
    assert "prompt_tokens: must be a whole number" in as_text["errorMessage"]
    partial = ExportTraceServiceResponse.FromString(post(client, as_protobuf(body)).content)
    assert partial.partial_success.rejected_spans == 1
    assert partial.partial_success.error_message == as_text["errorMessage"]
    assert UsageMetric.objects.count() == 1  # the second post brought the same


def test_both_encodings_name_a_span_alike(client):
    body = request(span(CALL, traceId="AB" * 16))
    post(client, as_json(body), JSON)
    post(client, as_protobuf(body))
    assert UsageMetric.objects.count() == 1


def test_gzip_is_understood(client):
    body = gzip.compress(as_protobuf(request(span(CALL))))
    assert post(client, body, HTTP_CONTENT_ENCODING="gzip").status_code == 200
    assert UsageMetric.objects.count() == 1


@pytest.mark.parametrize(("media_type", "answer"), [(PROTOBUF, b""), (JSON, b"{}")])
def test_metrics_are_taken_and_dropped(client, media_type, answer):
    found = post(client, b"whatever", media_type, "/v1/metrics")
    assert (found.status_code, found.content, found["Content-Type"]) == (200, answer, media_type)


@pytest.mark.parametrize(
    ("body", "extra", "status", "says"),
    [
        (b"\xff\xff\xff", {}, 400, "not protobuf"),
        (b"\x0a\x04\x12\x02\x12", {}, 400, "cut off"),
        (b"\x0a\x05\x12\x03\x12\x01\xff", {}, 400, "not an OTLP trace request in protobuf"),
        (b"no gzip", {"HTTP_CONTENT_ENCODING": "gzip"}, 400, "not valid gzip"),
        (b"", {"HTTP_CONTENT_ENCODING": "br"}, 415, "gzip"),
    ],
)
def test_errors_come_in_the_encoding_of_the_request(client, body, extra, status, says):
    answer = post(client, body, **extra)
    assert (answer.status_code, answer["Content-Type"]) == (status, PROTOBUF)
    length = answer.content[1]
    assert answer.content[0] == 0x12  # field 2 of google.rpc.Status, text
    assert says in answer.content[2 if length < 128 else 3 :].decode()


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"nonsense",
        b'{"resourceSpans": 5}',
        b'{"resourceSpans": [{"scopeSpans": 5}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [5, null, "span"]}]}]}',
        b'"\xff"',
    ],
)
def test_what_is_no_request_is_refused(client, body):
    answer = post(client, body, JSON)
    assert answer.status_code == 400
    assert answer.json()["error"] == answer.json()["message"]


def test_other_types_and_methods_are_refused_in_json(client):
    assert post(client, b"{}", "text/plain").status_code == 415
    assert client.get("/v1/traces").status_code == 405
    assert "error" in client.get("/v1/traces").json()


def test_nothing_is_taken_while_metrics_are_disabled(client, settings):
    settings.USAGE_STATISTICS_ENABLED = False
    answer = post(client, as_json(request(span(CALL))), JSON)
    assert (answer.status_code, "Retry-After" in answer) == (503, True)


@pytest.fixture
def token() -> str:
    baker.make(IngestToken, digest=hash_api_key("qs-secret"), revoked_at=None)
    return "qs-secret"


def basic(user: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"HTTP_AUTHORIZATION": f"Basic {pair}"}


@pytest.mark.parametrize(
    ("path", "extra", "status"),
    [
        ("/v1/traces", {}, 401),
        ("/v1/metrics", {}, 401),
        (LANGFUSE, {}, 401),
        ("/v1/traces", {"HTTP_AUTHORIZATION": "Bearer qs-secret"}, 200),
        ("/v1/logs", {"HTTP_AUTHORIZATION": "Bearer qs-secret"}, 200),
        (LANGFUSE, {"HTTP_AUTHORIZATION": "Bearer qs-secret"}, 200),
        (LANGFUSE, basic("pk-any", "qs-secret"), 200),
        (LANGFUSE, basic("pk-any", "wrong"), 401),
        ("/v1/traces", basic("pk-any", "qs-secret"), 401),
    ],
)
def test_tokens_open_it(client, token, path, extra, status):
    answer = post(client, b"", path=path, **extra)
    assert answer.status_code == status


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"stringValue": "x"}
    for _ in range(depth):
        value = {"kvlistValue": {"values": [{"key": "k", "value": value}]}}
    return value


def test_deep_values_are_passed_over_or_refused(client):
    shallow = request(span(CALL))
    attributes = shallow["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"]
    attributes.append({"key": "deep", "value": nested(10)})
    assert post(client, as_json(shallow), JSON).status_code == 200
    assert post(client, as_protobuf(shallow)).status_code == 200
    depth = 100_000
    body = b'{"resourceSpans":' + b"[" * depth + b"]" * depth + b"}"
    assert post(client, body, JSON).status_code == 400
    arrays = b""
    for _ in range(400):  # past what protobuf reads
        arrays = (
            b"\x2a"
            + varint(len(arrays) + 1 + len(varint(len(arrays))))
            + (b"\x0a" + varint(len(arrays)) + arrays)
        )
    assert post(client, in_span(arrays)).status_code == 200  # without that attribute


def varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])


def in_span(value: bytes) -> bytes:
    """A request in protobuf whose one span has an attribute of that value."""
    body = b"\x12" + varint(len(value)) + value  # KeyValue.value
    for field in (9, 2, 2, 1):  # Span.attributes, ScopeSpans.spans, scope_spans, resource_spans
        body = bytes([field << 3 | 2]) + varint(len(body)) + body
    return body


def test_a_bomb_is_refused_at_the_limit(client, settings):
    settings.METRICS_MAX_BODY_BYTES = 2_000_000
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(50)) + packer.flush()
    assert post(client, bomb, HTTP_CONTENT_ENCODING="gzip").status_code == 413


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b'{"resourceSpans":[' + b"{}," * 1_000_001 + b"{}]}", JSON),
        (b"\x0a\x00" * 1_000_001, PROTOBUF),
        (b"\x0a\x04\x12\x02\x12\x00" * 400_000, PROTOBUF),
    ],
)
def test_millions_of_empty_parts_are_refused(client, body, media_type):
    assert post(client, body, media_type).status_code == 413


@pytest.mark.parametrize("encode", [as_json, as_protobuf])
def test_a_call_is_found_among_megabytes_of_what_was_said(client, encode):
    said = {f"llm.input_messages.{n}.message.content": "SECRET " * 20_000 for n in range(20)}
    events = [
        ("gen_ai.content.prompt", START, said),
        ("exception", START, {"exception.type": "Timeout"}),
    ]
    body = encode(request(span({**said, **CALL, "zebra": ["x"] * 1000}, events=events)))
    assert len(body) > 2_000_000
    answer = post(client, body, PROTOBUF if encode is as_protobuf else JSON)
    assert answer.status_code == 200
    row = UsageMetric.objects.get()
    assert (row.model, row.prompt_tokens, row.status) == ("gpt-5", 3, "408")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
odd_values = st.one_of(
    st.builds(lambda each: {"intValue": each}, st.integers() | st.text() | st.floats()),
    st.builds(lambda each: {"stringValue": each}, st.text()),
    st.builds(lambda each: {"doubleValue": each}, st.floats() | st.sampled_from(["NaN", "x"])),
    st.builds(lambda each: {"boolValue": each}, st.booleans()),
    json_values,
)
names = st.sampled_from(
    "gen_ai.request.model gen_ai.usage.input_tokens gen_ai.usage.cost llm.invocation_parameters"
    " gen_ai.response.time_to_first_chunk http.status_code error.type litellm.call_id user.id"
    " langfuse.observation.usage_details langfuse.observation.completion_start_time".split()
)
odd_spans = st.fixed_dictionaries(
    {"attributes": st.lists(st.fixed_dictionaries({"key": names, "value": odd_values}))},
    optional={
        "name": st.text() | json_values,
        "traceId": st.text(),
        "spanId": st.text(),
        "startTimeUnixNano": st.integers() | st.text() | st.just(str(START)),
        "endTimeUnixNano": st.integers(-1, 2**65) | st.text() | st.just(START),
        "status": st.fixed_dictionaries({"code": st.integers() | st.text()}),
        "events": st.just([{"name": "exception", "attributes": pairs({"exception.type": "x"})}]),
    },
)


@settings(max_examples=examples(150))
@given(spans=st.lists(odd_spans, max_size=3))
def test_no_json_makes_a_server_error(client, spans):
    answer = post(client, json.dumps(request(*spans)).encode(), JSON)
    assert answer.status_code in (200, 400)


@settings(max_examples=examples(150))
@given(data=st.data())
def test_no_protobuf_makes_a_server_error(client, data):
    body = bytearray(as_protobuf(request(span({**CALL, "user.id": "ann"}))))
    for _ in range(data.draw(st.integers(0, 5))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    answer = post(client, bytes(body[: data.draw(st.integers(0, len(body)))]))
    assert answer.status_code in (200, 400)
