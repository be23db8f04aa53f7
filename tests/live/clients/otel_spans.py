"""Spans exported by OpenTelemetry's Python SDK, in `protobuf` or `json` as the argument says.

On stdin {"resource": {…}, "spans": [{"name", "start_ns", "end_ns", "attributes", "events",
"has_failed"}, …]}; the exporter itself is set by its environment variables. Says `ready` before it
sends, and at the end on stdout whether all was taken.
"""

import json
import sys

from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter as JsonExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as BinaryExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode

EXPORTERS = {"protobuf": BinaryExporter, "json": JsonExporter}


def make(tracer, asked):
    span = tracer.start_span(
        asked["name"], attributes=asked["attributes"], start_time=int(asked["start_ns"])
    )
    for name, at_ns, attributes in asked["events"]:
        span.add_event(name, attributes, timestamp=int(at_ns))
    if asked["has_failed"]:
        span.set_status(Status(StatusCode.ERROR, "SECRET PROMPT TEXT"))
    span.end(int(asked["end_ns"]))


asked = json.load(sys.stdin)
provider = TracerProvider(resource=Resource.create(asked["resource"]))
provider.add_span_processor(BatchSpanProcessor(EXPORTERS[sys.argv[1]]()))
print("ready", flush=True)
for each in asked["spans"]:
    make(provider.get_tracer("tests.live"), each)
provider.force_flush(60_000)
provider.shutdown()
