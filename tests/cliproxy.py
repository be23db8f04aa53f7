"""The stand-in for CLIProxyAPI, in a process of its own, and records as the proxy makes them."""

import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qsmetrics.cliproxy_setting import Proxy
from tests.waiting import wait_until
from usage.collecting import Collectors
from usage.models import CollectorState, UsageMetric

KEY = "management-secret"
_PROGRAM = Path(__file__).with_name("fake_cliproxy.py")
_PATIENCE = 20.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class FakeProxy:
    """A proxy whose queue can be filled, and which can be killed and started again."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, preload: int = 0, seed: int = 7) -> None:
        options = ["--port", self.port, "--key", KEY, "--preload", preload, "--seed", seed]
        command = [sys.executable, str(_PROGRAM), *map(str, options), "--unique-request-ids"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(self._answers)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def enqueue(self, count: int) -> None:
        self._ask("POST", f"/_fake/enqueue?n={count}")

    def enqueue_odd(self) -> None:
        """One record twice, and a retry with the same request id."""
        self._ask("POST", "/_fake/enqueue_raw")

    def stats(self) -> dict[str, Any]:
        return self._ask("GET", "/_fake/stats")

    def _answers(self) -> bool:
        try:
            return "queued" in self.stats()
        except OSError:
            return False

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE)
        try:
            connection.request(method, path)
            found: dict[str, Any] = json.loads(connection.getresponse().read())
            return found
        finally:
            connection.close()


@contextmanager
def fake_proxy(preload: int = 0) -> Iterator[FakeProxy]:
    proxy = FakeProxy()
    try:
        proxy.start(preload)
        yield proxy
    finally:
        proxy.kill()


def record(**fields: Any) -> bytes:
    """A record of the newest shape."""
    return json.dumps(
        {
            "timestamp": "2026-04-25T02:00:00.123456789+02:00",
            "latency_ms": 1500,
            "ttft_ms": 250,
            "source": "user@example.com",
            "auth_index": "0",
            "client_ip": "192.0.2.10",
            "user_agent": "test-client/1.0",
            "tokens": {
                "input_tokens": 10,
                "output_tokens": 20,
                "reasoning_tokens": 5,
                "cached_tokens": 4,
                "cache_read_tokens": 4,
                "cache_creation_tokens": 3,
                "total_tokens": 30,
            },
            "failed": False,
            "generate": True,
            "fail": {"status_code": 200, "body": ""},
            "response_headers": {"Set-Cookie": ["SECRET COOKIE"]},
            "provider": "openai",
            "model": "gpt-5.4",
            "alias": "client-gpt",
            "endpoint": "POST /v1/chat/completions",
            "api_key": "client-key-1",
            "request_id": "0011aabb",
            **fields,
        }
    ).encode()


@contextmanager
def collecting(*proxies: Proxy) -> Iterator[Collectors]:
    """Collectors at work, which have ended afterwards."""
    collectors = Collectors(proxies)
    collectors.start()
    try:
        yield collectors
    finally:
        collectors.stop(20)
        assert not collectors.are_running()


def has_rows(count: int) -> Any:
    return lambda: UsageMetric.objects.count() >= count


def state(name: str = "east") -> CollectorState:
    return CollectorState.objects.get(name=name)
