/* Spans exported by OpenTelemetry's Node SDK: as otel_spans.py, and with its input and output. */
"use strict";
const { DiagLogLevel, SpanStatusCode, diag } = require("@opentelemetry/api");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { BatchSpanProcessor, NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");
const exporters = {
  json: require("@opentelemetry/exporter-trace-otlp-http"),
  protobuf: require("@opentelemetry/exporter-trace-otlp-proto"),
};

const hrTime = (ns) => [Number(BigInt(ns) / 1000000000n), Number(BigInt(ns) % 1000000000n)];

function make(tracer, asked) {
  const { name, attributes, start_ns: start, end_ns: end } = asked;
  const span = tracer.startSpan(name, { attributes, startTime: hrTime(start) });
  for (const [event, at, values] of asked.events) span.addEvent(event, values, hrTime(at));
  if (asked.has_failed) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: "SECRET PROMPT TEXT" });
  }
  span.end(hrTime(end));
}

async function main() {
  const log = (...words) => console.error(...words);
  const logger = { error: log, warn: log, info: log, debug: log, verbose: log };
  diag.setLogger(logger, DiagLogLevel.VERBOSE);
  const asked = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
  const { OTLPTraceExporter } = exporters[process.argv[2]];
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes(asked.resource),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  console.log("ready");
  for (const each of asked.spans) make(provider.getTracer("tests.live"), each);
  await provider.forceFlush();
  await provider.shutdown();
}

main();
