"""A stand-in for the providers of models, which says of each call what it used: nothing twice."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.captures import CANARY

READ, WRITTEN, THOUGHT = 2_000, 300, 20


@dataclass(frozen=True)
class Call:
    """One that was answered: how many tokens were used beside what all calls have alike."""

    number: int
    kind: str
    model: str

    @property
    def fresh(self) -> int:
        return 100 + self.number

    @property
    def said(self) -> int:
        return 40 + self.number

    @property
    def id(self) -> str:
        return f"answer-{self.number}"

    def row(self) -> dict[str, Any]:
        """As it must arrive."""
        written = WRITTEN if self.kind == "messages" else 0
        thought = 0 if self.kind == "messages" else THOUGHT
        return {
            "model": self.model,
            "prompt_tokens": self.fresh + READ + written,
            "completion_tokens": self.said + thought,
            "cached_tokens": READ,
            "cache_write_tokens": written,
            "reasoning_tokens": thought,
        }


class Provider(ThreadingHTTPServer):
    """`refusing`, a status, is answered to every call from then on."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.calls: list[Call] = []
        self.others: list[str] = []  # what else was asked for
        self.refused = 0
        self.refusing: int | None = None
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def called(self, kind: str, model: str) -> Call:
        with self._lock:
            self.calls.append(Call(len(self.calls), kind, model))
            return self.calls[-1]


class _Answers(BaseHTTPRequestHandler):
    server: Provider
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        path = self.path.partition("?")[0]
        kind = next((each for each in _KINDS if path.endswith(each)), None)
        if kind is None:
            self._answer_other(path)
        elif self.server.refusing is not None:
            self.server.refused += 1
            self._answer(self.server.refusing, json.dumps(_REFUSAL).encode())
        else:
            answered, makes = _KINDS[kind]
            model = body.get("model") or path.rpartition("/")[2].partition(":")[0]
            call = self.server.called(answered, model)
            self._stream(call, makes(call)) if _is_streamed(kind, body) else self._answer(
                200, json.dumps(_WHOLE[answered](call)).encode()
            )

    def do_GET(self) -> None:
        self._answer_other(self.path.partition("?")[0])

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *arguments: Any) -> None:
        pass

    def _answer_other(self, path: str) -> None:
        self.server.others.append(f"{self.command} {path}")
        if path.endswith("/models"):
            self._answer(200, json.dumps({"data": [], "object": "list", "models": []}).encode())
        elif path.endswith((":countTokens", "/count_tokens")):
            self._answer(200, b'{"totalTokens": 5, "input_tokens": 5}')
        else:
            self._answer(404, b'{"error": {"message": "nothing is here"}}')

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _stream(self, call: Call, events: Iterator[dict[str, Any]]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("request-id", f"req_{call.id}")
        self.send_header("Connection", "close")
        self.end_headers()
        for event in events:
            name = f"event: {event['type']}\n" if "type" in event else ""
            self.wfile.write(f"{name}data: {json.dumps(event)}\n\n".encode())
        if call.kind == "chat":
            self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True


def _messages(call: Call) -> Iterator[dict[str, Any]]:
    """Anthropic's; input is without what was read from a cache and written to one."""
    usage = {
        "input_tokens": call.fresh,
        "cache_read_input_tokens": READ,
        "cache_creation_input_tokens": WRITTEN,
        "output_tokens": 1,
    }
    message = {"id": f"msg_{call.id}", "type": "message", "role": "assistant", "content": [],
               "model": call.model, "stop_reason": None, "usage": usage}  # fmt: skip
    yield {"type": "message_start", "message": message}
    block = {"type": "text", "text": ""}
    yield {"type": "content_block_start", "index": 0, "content_block": block}
    delta = {"type": "text_delta", "text": CANARY}
    yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": call.said}}
    yield {"type": "message_stop"}


def _responses(call: Call) -> Iterator[dict[str, Any]]:
    """OpenAI's; parts are within their wholes."""
    response = {"id": f"resp_{call.id}", "object": "response", "model": call.model}
    text = {"type": "output_text", "text": CANARY, "annotations": []}
    item = {"type": "message", "role": "assistant", "id": "m1", "content": [text]}
    yield {"type": "response.created", "response": response}
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    usage = {
        "input_tokens": call.fresh + READ,
        "input_tokens_details": {"cached_tokens": READ},
        "output_tokens": call.said + THOUGHT,
        "output_tokens_details": {"reasoning_tokens": THOUGHT},
        "total_tokens": call.fresh + READ + call.said + THOUGHT,
    }
    done = {**response, "status": "completed", "output": [item], "usage": usage}
    yield {"type": "response.completed", "response": done}


def _contents(call: Call) -> Iterator[dict[str, Any]]:
    """Gemini's; thoughts are beside what was said."""
    yield {
        "candidates": [
            {
                "content": {"role": "model", "parts": [{"text": CANARY}]},
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": call.fresh + READ,
            "cachedContentTokenCount": READ,
            "candidatesTokenCount": call.said,
            "thoughtsTokenCount": THOUGHT,
            "totalTokenCount": call.fresh + READ + call.said + THOUGHT,
        },
        "modelVersion": call.model,
        "responseId": call.id,
    }


def _chunks(call: Call) -> Iterator[dict[str, Any]]:
    """OpenAI's older way."""
    chunk = {"id": f"chatcmpl-{call.id}", "object": "chat.completion.chunk", "created": 1,
             "model": call.model}  # fmt: skip
    said = {"role": "assistant", "content": CANARY}
    yield {**chunk, "choices": [{"index": 0, "delta": said, "finish_reason": None}]}
    yield {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    yield {**chunk, "choices": [], "usage": _chat_usage(call)}


def _completion(call: Call) -> dict[str, Any]:
    said = {"role": "assistant", "content": CANARY}
    return {
        "id": f"chatcmpl-{call.id}",
        "object": "chat.completion",
        "created": 1,
        "model": call.model,
        "choices": [{"index": 0, "message": said, "finish_reason": "stop"}],
        "usage": _chat_usage(call),
    }


def _chat_usage(call: Call) -> dict[str, Any]:
    return {
        "prompt_tokens": call.fresh + READ,
        "prompt_tokens_details": {"cached_tokens": READ},
        "completion_tokens": call.said + THOUGHT,
        "completion_tokens_details": {"reasoning_tokens": THOUGHT},
        "total_tokens": call.fresh + READ + call.said + THOUGHT,
    }


def _message(call: Call) -> dict[str, Any]:
    """Of a call that is not streamed."""
    start, *_ = _messages(call)
    message: dict[str, Any] = start["message"]
    usage = {**message["usage"], "output_tokens": call.said}
    content = [{"type": "text", "text": CANARY}]
    return {**message, "content": content, "stop_reason": "end_turn", "usage": usage}


def _is_streamed(kind: str, body: dict[str, Any]) -> bool:
    return kind == ":streamGenerateContent" or body.get("stream") is True


# By how an address ends: which way of asking it is.
_KINDS: dict[str, Any] = {
    "/messages": ("messages", _messages),
    "/responses": ("responses", _responses),
    ":streamGenerateContent": ("contents", _contents),
    ":generateContent": ("contents", _contents),
    "/chat/completions": ("chat", _chunks),
}
_WHOLE: dict[str, Any] = {
    "messages": _message,
    "responses": lambda call: list(_responses(call))[-1]["response"],
    "contents": lambda call: next(_contents(call)),
    "chat": _completion,
}
_REFUSAL = {
    "type": "error",
    "error": {
        "type": "invalid_request_error",
        "message": "no",
        "code": 400,
        "status": "INVALID_ARGUMENT",
    },
}


@contextmanager
def provider() -> Iterator[Provider]:
    with Provider() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
