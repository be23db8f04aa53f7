"""`POST /v1/logs` under fire: no input makes a server error, an endless answer or a lost batch."""

import json
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.otlp import as_json, log, logs, logs_as_protobuf
from tests.test_agent_logs import ANSWERED, CLAUDE, COMPLETED, JSON, PROTOBUF, RESPONSE
from tests.test_otlp import json_values, nested, odd_values, varint
from usage.intake.agents.readers import KNOWN_ATTRIBUTES
from usage.models import UsageMetric

pytestmark = pytest.mark.django_db


def post(client: Any, body: bytes, media_type: str = JSON, **extra: Any) -> Any:
    return client.post("/v1/logs", body, content_type=media_type, CONTENT_TYPE=media_type, **extra)


names = st.sampled_from(sorted(KNOWN_ATTRIBUTES))
event_names = st.sampled_from(
    "api_request api_error claude_code.api_request codex.sse_event codex.api_request "
    "gemini_cli.api_response qwen-code.api_error x.api_response".split()
)
attributes = st.lists(st.fixed_dictionaries({"key": names, "value": odd_values}))
odd_records = st.fixed_dictionaries(
    {},
    optional={
        "timeUnixNano": st.integers() | st.text() | st.just("1705320000000000000"),
        "observedTimeUnixNano": st.integers(-1, 2**65) | st.text(),
        "eventName": event_names | json_values,
        "body": st.builds(lambda name: {"stringValue": name}, event_names) | json_values,
        "attributes": attributes | json_values,
    },
)


@given(records=st.lists(odd_records, max_size=3), scope=st.sampled_from([CLAUDE, "x"]))
def test_no_json_makes_a_server_error(client, records, scope):
    body = json.dumps(logs(*records, log(ANSWERED), scope=scope))
    is_json = "NaN" not in body.replace('"NaN"', "") and "Infinity" not in body
    answer = post(client, body.encode())
    assert answer.status_code == 200 if is_json else answer.status_code in (200, 400)
    if is_json and scope == CLAUDE:
        assert UsageMetric.objects.filter(source="claude-code", total_tokens=2357).exists()


@given(data=st.data())
def test_no_protobuf_makes_a_server_error(client, data):
    events = [ANSWERED, COMPLETED, RESPONSE | {"event.name": "gemini_cli.api_response"}]
    body = bytearray(logs_as_protobuf(logs(*map(log, events), scope=CLAUDE)))
    for _ in range(data.draw(st.integers(0, 5))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    answer = post(client, bytes(body[: data.draw(st.integers(0, len(body)))]), PROTOBUF)
    assert answer.status_code in (200, 400)


@pytest.mark.parametrize(
    ("body", "media_type", "says"),
    [
        (b"\xff\xff\xff", PROTOBUF, "not protobuf"),
        (b"\x0a\x04\x12\x02\x12", PROTOBUF, "cut off"),
        (b"[]", JSON, "not an OTLP logs request in JSON"),
        (b'{"resourceLogs": [{"scopeLogs": 5}]}', JSON, "not an OTLP logs request in JSON"),
        (b'{"resourceLogs":' + b"[" * 100_000 + b"]" * 100_000 + b"}", JSON, "not an OTLP"),
        (b" ", JSON, "the body is empty"),
    ],
)
def test_what_is_no_request_is_refused_with_a_sentence(client, body, media_type, says):
    answer = post(client, body, media_type)
    assert answer.status_code == 400
    assert says.encode() in answer.content


def test_deep_values_cost_no_record(client):
    record = log(ANSWERED)
    record["attributes"].append({"key": "deep", "value": nested(90)})
    assert post(client, as_json(logs(record, scope=CLAUDE))).content == b"{}"
    arrays = b""
    for _ in range(400):  # past what protobuf reads
        inner = b"\x0a" + varint(len(arrays)) + arrays
        arrays = b"\x2a" + varint(len(inner)) + inner
    value = b"\x12" + varint(len(arrays)) + arrays
    pair = b"\x0a\x04deep" + value
    attribute = b"\x32" + varint(len(pair)) + pair
    alone = logs_as_protobuf(logs(log(ANSWERED | {"request_id": "2"}), scope=CLAUDE))
    assert post(client, in_log(attribute) + alone, PROTOBUF).content == b""
    assert UsageMetric.objects.filter(total_tokens=2357).count() == 2


def test_a_broken_resource_costs_no_call(client):
    resource = b"\x0a\x13\x0a\x0cservice.name\x12\x03\x0a\x01\xff"
    good = logs_as_protobuf(logs(log(ANSWERED), scope=CLAUDE))
    group = good[1 + len(varint(len(good) - 3)) :]  # behind its tag and its length
    whole = group + b"\x0a" + varint(len(resource)) + resource
    answer = post(client, b"\x0a" + varint(len(whole)) + whole, PROTOBUF)
    assert (answer.status_code, answer.content) == (200, b"")
    assert UsageMetric.objects.get().total_tokens == 2357


@pytest.mark.parametrize(
    "fields", [b"\x32\x7fab", b"\x0b", b"\x32\x05\x0a\x03a\xff\xff", b"\x09\x01"]
)
def test_a_broken_record_costs_no_other(client, fields):
    body = in_log(fields) + logs_as_protobuf(logs(log(ANSWERED), scope=CLAUDE))
    answer = post(client, body, PROTOBUF)
    assert answer.status_code == 200
    assert UsageMetric.objects.get(total_tokens=2357).source == "claude-code"


def in_log(fields: bytes) -> bytes:
    """A request in protobuf whose one record has these fields, and a name that is known."""
    name = b"claude_code.api_request"
    body = b"\x2a" + varint(len(name) + 2) + b"\x0a" + varint(len(name)) + name + fields
    for field in (2, 2, 1):  # ScopeLogs.log_records, ResourceLogs.scope_logs, resource_logs
        body = bytes([field << 3 | 2]) + varint(len(body)) + body
    return body


def test_a_bomb_is_refused_at_the_limit(client, settings):
    settings.METRICS_MAX_BODY_BYTES = 2_000_000
    for media_type in (JSON, PROTOBUF):
        packer = zlib.compressobj(9, wbits=31)
        bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(50)) + packer.flush()
        answer = post(client, bomb, media_type, HTTP_CONTENT_ENCODING="gzip")
        assert answer.status_code == 413
        assert b"METRICS_MAX_BODY_MB" in answer.content


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b'{"resourceLogs":[' + b"{}," * 1_000_001 + b"{}]}", JSON),
        (b"\x0a\x00" * 1_000_001, PROTOBUF),
        (b"\x0a\x04\x12\x02\x12\x00" * 400_000, PROTOBUF),
    ],
)
def test_millions_of_empty_parts_are_refused(client, body, media_type):
    answer = post(client, body, media_type)
    assert answer.status_code == 413
    assert b"too many rows or parts" in answer.content


@pytest.mark.parametrize("media_type", [JSON, PROTOBUF])
def test_a_call_is_found_among_megabytes_that_are_never_decoded(client, media_type):
    said = {"prompt": "api_request SECRET " * 200_000, "response": ["api_error " * 9] * 5000}
    records = [log({"event.name": "user_prompt", **said}), log({**ANSWERED, **said})]
    encode = as_json if media_type == JSON else logs_as_protobuf
    body = encode(logs(*records, scope=CLAUDE))
    assert len(body) > 8_000_000
    tracemalloc.start()
    answer = post(client, body, media_type)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status_code == 200
    assert most < 4.5 * len(body)
    assert UsageMetric.objects.get().total_tokens == 2357
