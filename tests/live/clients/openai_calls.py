"""Calls of OpenAI's SDK under OpenTelemetry's instrumentation, answered by a server of its own.

Prints on stdout when each call began and ended, in nanoseconds, as the instrumentation has it.
"""

import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

USAGE = {
    "prompt_tokens": 1200,
    "completion_tokens": 345,
    "total_tokens": 1545,
    "prompt_tokens_details": {"cached_tokens": 1024},
    "completion_tokens_details": {"reasoning_tokens": 64},
}
PROMPT = [{"role": "user", "content": "SECRET PROMPT TEXT"}]
WORDS = {"role": "assistant", "content": "SECRET PROMPT TEXT in an answer"}
HEAD = {"created": 1, "model": "acme-large-2026-11-01"}


class FakeOpenAI(BaseHTTPRequestHandler):
    """Answers by the model asked for: `acme-busy` has no room."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if asked["model"] == "acme-busy":
            self.answer(429, {"error": {"message": "SECRET PROMPT TEXT", "code": "busy"}})
        elif self.path.endswith("/embeddings"):
            usage = {"prompt_tokens": 7, "total_tokens": 7}
            vector = {"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}
            self.answer(
                200, {"object": "list", "model": "acme-embed", "data": [vector], "usage": usage}
            )
        elif asked.get("stream"):
            self.stream()
        else:
            choice = {"index": 0, "finish_reason": "stop", "message": WORDS}
            whole = {"id": "chatcmpl-openai", "object": "chat.completion", **HEAD}
            self.answer(200, {**whole, "choices": [choice], "usage": USAGE})

    def stream(self):
        head = {"id": "chatcmpl-openai-stream", "object": "chat.completion.chunk", **HEAD}
        chunks = [
            {**head, "choices": [{"index": 0, "delta": WORDS, "finish_reason": None}]},
            {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {**head, "choices": [], "usage": USAGE},
        ]
        lines = [*map(json.dumps, chunks), "[DONE]"]
        body = "".join(f"data: {line}\n\n" for line in lines).encode()
        self.send(200, "text/event-stream", body)

    def answer(self, status, body):
        self.send(status, "application/json", json.dumps(body).encode())

    def send(self, status, media_type, body):
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def call(client):
    client.chat.completions.create(model="acme-large", messages=PROMPT)
    stream = client.chat.completions.create(
        model="acme-large", messages=PROMPT, stream=True, stream_options={"include_usage": True}
    )
    assert len(list(stream)) == 3
    client.embeddings.create(model="acme-embed", input="SECRET PROMPT TEXT")
    with suppress(openai.RateLimitError):
        client.chat.completions.create(model="acme-busy", messages=PROMPT)


witness = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
provider.add_span_processor(SimpleSpanProcessor(witness))
trace.set_tracer_provider(provider)
OpenAIInstrumentor().instrument()
server = ThreadingHTTPServer(("127.0.0.1", 0), FakeOpenAI)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}/v1"
print("ready", flush=True)
call(openai.OpenAI(base_url=address, api_key="sk-none", max_retries=0))
provider.shutdown()
print(json.dumps([[span.start_time, span.end_time] for span in witness.get_finished_spans()]))
