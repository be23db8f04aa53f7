"""Of OTLP's traces and logs, what is not as it should be costs no more than itself."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.otlp import START, as_json, as_protobuf, log, logs, request, span
from tests.test_agent_logs import ANSWERED, CLAUDE
from tests.test_otlp import CALL, JSON, PROTOBUF, post, varint
from usage.models import UsageMetric

pytestmark = pytest.mark.django_db

IDS = ("aa" * 8, "bb" * 8, "cc" * 8)
Change = Callable[[dict[str, Any]], object]


def three() -> dict[str, Any]:
    """A call, the one that will be odd, and one more."""
    calls = [span(CALL | {"gen_ai.usage.input_tokens": n + 1}, spanId=IDS[n]) for n in range(3)]
    return request(*calls, resource={"service.name": "shop"})


def middle(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["resourceSpans"][0]["scopeSpans"][0]["spans"][1]
    return found


def told(client: Any, document: dict[str, Any], body: bytes | None = None) -> str:
    """How many spans were rejected; the post was taken."""
    answer = post(client, as_json(document) if body is None else body, JSON)
    assert answer.status_code == 200, answer.content
    return str(answer.json().get("partialSuccess", {}).get("rejectedSpans", "0"))


def prompts() -> list[int]:
    return sorted(UsageMetric.objects.values_list("prompt_tokens", flat=True))


def put(**fields: Any) -> Change:
    return lambda document: middle(document).update(fields)


def drop(name: str) -> Change:
    return lambda document: middle(document).pop(name)


def add(key: str, value: Any) -> Change:
    return lambda document: middle(document)["attributes"].append({"key": key, "value": value})


def of_group(**fields: Any) -> Change:
    return lambda document: document["resourceSpans"][0].update(fields)


def of_scope(**fields: Any) -> Change:
    return lambda document: document["resourceSpans"][0]["scopeSpans"][0].update(fields)


ODD: dict[str, Change] = {
    "a name that is a number": put(name=5),
    "no name": put(name=None),
    "a kind as text": put(kind="SPAN_KIND_CLIENT"),
    "a kind that is an object": put(kind={"a": [1]}),
    "no trace": drop("traceId"),
    "a trace that is null": put(traceId=None),
    "ids that are numbers": put(traceId=5, spanId=77, parentSpanId=9),
    "ids that are lists": put(parentSpanId=[1]),
    "a status that is text": put(status="ERROR"),
    "a status's code in an object": put(status={"code": {"a": 1}}),
    "events that are none": put(events={"a": 1}),
    "events that are null": put(events=None),
    "an event of a number": put(events=[5, {"name": 7, "attributes": 9}]),
    "links that are text": put(links="none"),
    "an attribute that is a number": lambda d: middle(d)["attributes"].append(5),
    "an attribute without a value": lambda d: middle(d)["attributes"].append({"key": "user.id"}),
    "a value that is null": add("user.id", None),
    "a key that is a number": lambda d: middle(d)["attributes"].append({"key": 5, "value": {}}),
    "a text that is a number": add("user.id", {"stringValue": 5}),
    "a whole number that is a fraction": add("user.id", {"intValue": 5.5}),
    "a boolean that is text": add("success", {"boolValue": "yes"}),
    "a map": add("user.id", {"kvlistValue": {"values": [{"key": "a", "value": {}}]}}),
    "a broken map": add("acme.usage", {"kvlistValue": 5}),
    "an array": add("user.id", {"arrayValue": {"values": [{"stringValue": "a"}]}}),
    "a broken array": add("user.id", {"arrayValue": 5}),
    "a start that is a fraction": put(startTimeUnixNano=float(START)),
    "a start that is a sentence": put(startTimeUnixNano="at noon"),
    "an end that is a fraction": put(endTimeUnixNano=float(START)),
    "an end that is a fraction as text": put(endTimeUnixNano=f"{START / 1e18}e18"),
    "an end in RFC 3339": put(endTimeUnixNano="2024-01-15T12:00:02Z"),
    "no end": drop("endTimeUnixNano"),
    "times in milliseconds": put(startTimeUnixNano=START // 10**6, endTimeUnixNano=START // 10**6),
    "a resource that is text": of_group(resource="shop"),
    "a resource's attributes that are a number": of_group(resource={"attributes": 5}),
    "a resource that is null": of_group(resource=None),
    "a schema that is a number": of_group(schemaUrl=5),
    "a scope that is text": of_scope(scope="shop"),
    "a scope's name that is a number": of_scope(scope={"name": 5, "attributes": "x"}),
    "a group that is none": lambda d: d["resourceSpans"].append({"scopeSpans": [{"spans": []}]}),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_value_costs_no_span(client, name: str):
    document = three()
    ODD[name](document)
    assert (told(client, document), prompts()) == ("0", [1, 2, 3])


NO_SPANS: dict[str, Change] = {
    "a number": lambda d: d["resourceSpans"][0]["scopeSpans"][0]["spans"].append(5),
    "a null": lambda d: d["resourceSpans"][0]["scopeSpans"][0]["spans"].append(None),
    "a scope's list that is none": lambda d: d["resourceSpans"][0]["scopeSpans"].append(
        {"spans": "no"}
    ),
    "a scope that is a number": lambda d: d["resourceSpans"][0]["scopeSpans"].append(7),
    "a group that is text": lambda d: d["resourceSpans"].append("no"),
    "a group's list that is none": lambda d: d["resourceSpans"].append({"scopeSpans": 5}),
}


@pytest.mark.parametrize("name", NO_SPANS)
def test_what_is_no_span_is_named_and_costs_none(client, name: str):
    document = three()
    NO_SPANS[name](document)
    assert (told(client, document), prompts()) == ("1", [1, 2, 3])


def test_attributes_that_are_an_object_are_read(client):
    document = three()
    by_name = {"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 2, "user.id": "ann"}
    middle(document)["attributes"] = by_name
    assert (told(client, document), prompts()) == ("0", [1, 2, 3])
    assert UsageMetric.objects.get(prompt_tokens=2).user == "ann"


def test_odd_times_are_the_times_they_mean(client):
    for end in (START / 1.0, f"{START}", "2024-01-15T12:00:00Z", START // 10**3, START // 10**9):
        document = request(span(CALL, startTimeUnixNano=None, endTimeUnixNano=end))
        assert told(client, document) == "0"
    assert UsageMetric.objects.count() == 1  # the same each time


def test_spans_without_ids_are_told_apart_and_known_again(client):
    calls = [span(CALL | {"gen_ai.usage.input_tokens": n + 1}) for n in range(3)]
    for each in calls:
        del each["traceId"], each["spanId"]
    for _ in range(2):
        told(client, request(*calls))
    assert prompts() == [1, 2, 3]


@pytest.mark.parametrize(
    "odd",
    [
        b'"\\ud800"', b'"\\ude00\\ud83d"', b'"a\x01\n\tb"', b'"\xff\xfe"', b'"\xc3"', b'"\\x41"',
        b'"\\u00zz"', b"1e999", b"-1e999", b"NaN", b"-Infinity", b"9" * 5000, b"1e-999", b"01",
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["user.id", "gen_ai.prompt"])
def test_what_is_nearly_json_costs_no_request(client, key: str, odd: bytes):
    document = three()
    add(key, {"stringValue": "PUT IT HERE"})(document)
    body = as_json(document).replace(b'"PUT IT HERE"', odd)
    assert (told(client, document, body), prompts()) == ("0", [1, 2, 3])


def test_half_characters_become_the_sign_for_unknown_ones(client):
    document = three()
    add("user.id", {"stringValue": "PUT IT HERE"})(document)
    told(client, document, as_json(document).replace(b"PUT IT HERE", b"\\ud83d\\ude00 \\ud800\xff"))
    assert UsageMetric.objects.get(prompt_tokens=2).user == "😀 \ufffd\ufffd"


def test_a_byte_order_mark_is_passed_over(client):
    assert told(client, {}, b"\xef\xbb\xbf" + as_json(three())) == "0"
    assert prompts() == [1, 2, 3]


@pytest.mark.parametrize("end", [1, 2, 50, 200])
def test_a_body_that_was_cut_off_is_refused_with_a_sentence(client, end: int):
    body = as_json(three())[:-end]
    for odd in (body, body.replace(b"shop", b"\xff\\ud800")):
        answer = post(client, odd, JSON)
        assert answer.status_code == 400
        assert answer.json()["message"] == (
            "the body is not an OTLP trace request in JSON, or was cut off"
        )
    assert prompts() == []


# In protobuf: a field of the span in the middle, with its tag.
BROKEN: dict[str, bytes] = {
    "a name that is no UTF-8": b"\x2a\x03a\xff\xfe",
    "a prompt cut within a character": b"\x4a\x0f\x0a\x06prompt\x12\x05\x0a\x03ab\xc3",
    "an attribute of another type": b"\x4a\x03\xff\xff\xff",
    "a start of another type": b"\x38\x05",
    "an end once more, of another type": b"\x42\x02ab",
    "a field that nobody knows": b"\xba\x3e\x03abc",
    "attributes that are a number": b"\x48\x05",
    "an event that is no UTF-8": b"\x5a\x04\x12\x02a\xff",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_field_in_protobuf_costs_no_span(client, name: str):
    body = with_field(BROKEN[name])
    answer = post(client, body, PROTOBUF)
    assert (answer.status_code, answer.content) == (200, b"")
    assert prompts() == [1, 2, 3]


@pytest.mark.parametrize("field", [b"\x0a\x7fab", b"\x0b", b"\xff" * 11, b"\x2a"])
def test_a_span_without_a_frame_costs_only_itself(client, field: bytes):
    answer = post(client, with_field(field), PROTOBUF)
    assert answer.status_code == 200
    assert b"is not a span of OTLP in protobuf" in answer.content
    assert prompts() == [1, 3]


@pytest.mark.parametrize(
    "resource", [b"\x0a\x02\xff\xff", b"\x0a\x0a\x0a\x04team\x12\x02\x0a\xff", b"\x10\x05"]
)
def test_a_broken_resource_costs_no_span(client, resource: bytes):
    request_of_three = ExportTraceServiceRequest.FromString(as_protobuf(three()))
    (group,) = request_of_three.resource_spans
    body = wrapped(1, wrapped(1, group.resource.SerializeToString() + resource) + spans_of(b""))
    assert post(client, body, PROTOBUF).content == b""
    assert prompts() == [1, 2, 3]
    assert set(UsageMetric.objects.values_list("app", flat=True)) == {"shop"}


def test_a_group_without_a_frame_costs_no_other(client):
    body = as_protobuf(three()) + wrapped(1, b"\x12\x7fab")
    answer = post(client, body, PROTOBUF)
    assert (answer.status_code, b"is not a span" in answer.content) == (200, True)
    assert prompts() == [1, 2, 3]


def with_field(field: bytes) -> bytes:
    """The three calls in protobuf, with one more field at the end of the second."""
    return wrapped(1, spans_of(field))


def spans_of(field: bytes) -> bytes:
    request_of_three = ExportTraceServiceRequest.FromString(as_protobuf(three()))
    first, second, third = (
        each.SerializeToString() for each in request_of_three.resource_spans[0].scope_spans[0].spans
    )
    return wrapped(2, b"".join(wrapped(2, each) for each in (first, second + field, third)))


def wrapped(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + varint(len(content)) + content


@pytest.mark.parametrize(
    "change",
    [
        {"resource": "shop"},
        {"resource": {"attributes": [{"key": 5, "value": 7}]}},
        {"scopeLogs": 5},
        {"schemaUrl": 5, "resource": None},
    ],
)
def test_an_odd_group_of_logs_costs_no_other(client, change):
    document = logs(log(ANSWERED), scope=CLAUDE)
    odd = logs(log(ANSWERED | {"request_id": "2"}), scope=CLAUDE)["resourceLogs"][0] | change
    document["resourceLogs"].append(odd)
    answer = client.post("/v1/logs", json.dumps(document), content_type=JSON)
    rejected = answer.json().get("partialSuccess", {}).get("rejectedLogRecords", "0")
    assert answer.status_code == 200
    assert UsageMetric.objects.count() + int(rejected) == 2


def test_a_scope_of_logs_may_have_an_odd_name(client):
    document = logs(log({**ANSWERED, "event.name": "claude_code.api_request"}))
    document["resourceLogs"][0]["scopeLogs"][0]["scope"] = {"name": 5}
    assert client.post("/v1/logs", json.dumps(document), content_type=JSON).json() == {}
    assert UsageMetric.objects.get().total_tokens == 2357
