"""Collecting where there is HTTP alone, and what else may come over the wire."""

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from qsmetrics.cliproxy_setting import Proxy
from tests.cliproxy import KEY, collecting, has_rows, record, state
from tests.test_now import heard
from tests.waiting import wait_until
from usage.collecting import Collectors
from usage.collecting.resp import RespConnection, RespError
from usage.models import CollectorState

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True)]


class HttpOnly:
    """A proxy behind something that speaks HTTP alone; what it answers can be chosen."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self._answers = list(answers)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self.asked: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with client:
                asked = client.recv(65_536)
                if not asked.startswith(b"GET "):
                    client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                    continue
                self.asked.append(asked)
                status, body = self._answers.pop(0) if self._answers else (200, b"[]")
                head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n"
                client.sendall(head.encode() + body)


@pytest.fixture
def http_only() -> Iterator[Any]:
    made: list[HttpOnly] = []

    def make(*answers: tuple[int, bytes]) -> HttpOnly:
        made.append(HttpOnly(*answers))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_the_queue_is_fetched_over_http_where_there_is_no_resp(collector_folder, http_only):
    batch = [record(request_id=f"{number:08x}") for number in range(3)]
    server = http_only((200, b"[" + b",".join(batch) + b"]"))
    with collecting(Proxy("east", server.url, KEY)):
        wait_until(has_rows(3))
        wait_until(lambda: CollectorState.objects.filter(way="http").exists())
    assert b"GET /v0/management/usage-queue?count=" in server.asked[0]
    assert f"Authorization: Bearer {KEY}".encode() in server.asked[0]


def test_a_refusal_over_http_is_final(collector_folder, http_only):
    server = http_only((403, b'{"error": "remote management disabled"}'))
    collectors = Collectors([Proxy("east", server.url, KEY)])
    collectors.start()
    wait_until(lambda: not collectors.are_running())
    assert "remote management disabled" in state().error
    assert len(server.asked) == 1


def test_a_proxy_without_a_queue_is_asked_again_later(collector_folder, http_only):
    server = http_only((404, b""), (500, b""), (200, b"nonsense"), (200, b"[%s]" % record()))
    with collecting(Proxy("east", server.url, KEY)):
        wait_until(has_rows(1))
    assert len(server.asked) >= 4


def test_a_broken_record_is_put_aside_without_its_secrets(collector_folder, http_only):
    broken = record(tokens={"input_tokens": -5}, model="gpt-x")
    server = http_only((200, b"[%s,5,%s]" % (broken, record())))
    with collecting(Proxy("east", server.url, KEY)):
        wait_until(has_rows(1))
    assert state().broken == 2
    assert heard()["east"]["rejected"].keys() <= heard("tokens")["(collector)"]["rejected"].keys()
    assert sum(heard()["east"]["rejected"].values()) == 2
    assert heard()["east"]["rows"] == 1
    text = (collector_folder / "east.broken.ndjson").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert "prompt_tokens: must be a whole number" in lines[0]["reason"]
    assert lines[0]["record"]["model"] == "gpt-x"
    secrets = ("client-key-1", "user@example.com", "192.0.2.10", "COOKIE", "test-client")
    assert not any(secret in text for secret in secrets)
    assert (collector_folder / "east.broken.ndjson").stat().st_mode & 0o077 == 0


def serve_script(server: socket.socket, connections: list[list[bytes]]) -> None:
    """Answer each command of each connection with the next reply; then hang up.

    Names of accounts are asked for beside them, on a connection of their own.
    """
    waiting = [list(replies) for replies in connections]
    while waiting:
        client, _ = server.accept()
        with client:
            asked = client.recv(65_536)
            if b"auth-files" in asked:
                client.sendall(b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n")
                continue
            first, *others = waiting.pop(0)
            client.sendall(first)
            for reply in others:
                client.recv(65_536)
                client.sendall(reply)


def test_an_error_in_the_middle_of_collecting_is_waited_out(collector_folder):
    payload = record()
    with socket.create_server(("127.0.0.1", 0)) as server:
        refused = [b"+OK\r\n", b"-ERR unknown command 'subscribe'\r\n"]
        missing = [b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n"]
        broken = [b"+OK\r\n", b"*0\r\n", b"-ERR try again\r\n"]
        good = [b"+OK\r\n", b"*1\r\n$%d\r\n%s\r\n" % (len(payload), payload)]
        script = [refused, missing, broken, refused, missing, good]
        threading.Thread(target=serve_script, args=(server, script), daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with collecting(Proxy("east", url, KEY)):
            wait_until(has_rows(1))
    assert state().way == "lpop"


def test_resp_replies_may_come_in_any_pieces():
    replies = b"+OK\r\n:5\r\n$-1\r\n*2\r\n$3\r\na\r\n\r\n$0\r\n\r\n-ERR no\r\n"
    server = socket.create_server(("127.0.0.1", 0))
    client = RespConnection(server.getsockname(), encrypted=False, timeout=0.05)
    other, _ = server.accept()
    got: list[Any] = []
    for byte in replies:
        other.sendall(bytes([byte]))
        try:
            got.append(client.read())
        except TimeoutError:
            pass
        except RespError as error:
            got.append(str(error))
    assert got == [b"OK", 5, None, [b"a\r\n", b""], "ERR no"]
    other.sendall(b"HTTP/1.1 400\r\n")
    with pytest.raises(ConnectionError):
        client.read()
    for each in (client, other, server):
        each.close()
