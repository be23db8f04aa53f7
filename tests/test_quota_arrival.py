"""Quotas come in by every way that records with headers do: queues, files, LiteLLM's posts."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from qsmetrics.cliproxy_setting import Proxy
from tests.cliproxy import KEY, collecting, has_rows
from tests.old_files import counts, run
from tests.test_litellm import payload as litellm_payload
from tests.test_quota_windows import CLAUDE, CODEX, HOUR, NOW, RESET, keep, payload, used
from tests.waiting import wait_until
from usage.collecting.spool import Spool
from usage.intake import cliproxy
from usage.models import UsageMetric
from usage.queries import accounts_at
from usage.upstream_accounts import AccountsTold

pytestmark = pytest.mark.django_db(transaction=True)
SUBSCRIBED = b"*3\r\n$9\r\nsubscribe\r\n$5\r\nusage\r\n:1\r\n"
MISSING = b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n"


def bulk(*parts: bytes) -> bytes:
    texts = (b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
    return b"*%d\r\n" % len(parts) + b"".join(texts)


def answer_of(way: str, asked: bytes, records: list[bytes]) -> bytes:
    """Of a proxy that offers its queue in one way alone, to what it is asked."""
    if asked.startswith(b"GET"):
        if way != "http":
            return MISSING
        body = b"[" + b",".join(records) + b"]"
        records.clear()
        return b"HTTP/1.1 200 X\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    if b"AUTH" in asked:
        return b"+OK\r\n"
    if b"SUBSCRIBE" in asked and way == "subscribe":
        return SUBSCRIBED + b"".join(bulk(b"message", b"usage", each) for each in records)
    if b"LPOP" in asked and way == "lpop":
        found = bulk(*records)
        records.clear()
        return found
    return b"-ERR unknown command\r\n"


@contextmanager
def proxy_offering(way: str, *records: bytes) -> Iterator[Proxy]:
    waiting = list(records)

    def talk(client: socket.socket) -> None:
        with client:
            while asked := client.recv(65_536):
                client.sendall(answer_of(way, asked, waiting))

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield Proxy("east", f"http://127.0.0.1:{server.getsockname()[1]}", KEY)
        server.shutdown(socket.SHUT_RDWR)


def windows() -> dict[str, Any]:
    return {
        f"{account.key.source} {account.key.account} {window.span}": window.used_ratio
        for account in accounts_at(NOW)
        for window in account.windows
    }


@pytest.mark.process
@pytest.mark.parametrize("way", ["subscribe", "http", "lpop"])
def test_from_the_queue_in_each_way(collector_folder, way):
    records = payload(CLAUDE, provider="claude"), payload(CODEX, auth_index="a2", provider="codex")
    with proxy_offering(way, *records) as proxy, collecting(proxy):
        wait_until(has_rows(2))
    assert windows() == {
        "east a1 5h": 0.25, "east a1 7d": 0.9, "east a2 5h": 0.125, "east a2 7d": 0.35
    }  # fmt: skip
    assert [each.provider for each in accounts_at(NOW)] == ["claude", "codex"]
    kept = b"".join(path.read_bytes() for path in collector_folder.iterdir())
    assert b"COOKIE" not in kept


@pytest.mark.process
def test_from_the_spool_of_a_process_that_was_killed(collector_folder):
    spool, told = Spool(collector_folder / "east.spool"), AccountsTold()
    found = cliproxy.record_of(payload(CLAUDE), "east", NOW)
    cliproxy.tell_of_account(payload(CLAUDE), found, told)
    spool.add([found], told)
    spool.close()
    with proxy_offering("http") as proxy, collecting(proxy):
        wait_until(has_rows(1))
    assert windows() == {"east a1 5h": 0.25, "east a1 7d": 0.9}


def a_file(tmp_path, *rows: bytes):
    path = tmp_path / "queue.ndjson"
    path.write_bytes(b"\n".join(rows) + b"\n")
    return path


@pytest.mark.usefixtures("portal_folder")
class TestFiles:
    def test_from_a_file_of_the_queue(self, tmp_path):
        run(a_file(tmp_path, payload(CLAUDE)))
        assert windows() == {"import a1 5h": 0.25, "import a1 7d": 0.9}

    def test_a_file_does_not_overwrite_what_was_collected_later(self, tmp_path):
        keep(payload({**CLAUDE, **used("0.5")}, NOW))
        said = run(a_file(tmp_path, payload(CLAUDE, NOW - HOUR)))
        assert counts(said) == "1 imported, 0 there before, 0 rejected."
        assert windows() == {"east a1 5h": 0.5, "east a1 7d": 0.9}

    def test_a_newer_file_tells_on_of_the_account_that_is_known(self, tmp_path):
        keep(payload({**CLAUDE, **used("0.5")}, NOW - HOUR))
        run(a_file(tmp_path, payload({**CLAUDE, **used("0.75")})))
        assert windows() == {"east a1 5h": 0.75, "east a1 7d": 0.9}

    def test_where_two_proxies_have_such_an_account_it_is_of_neither(self, tmp_path):
        keep(payload(CLAUDE))
        keep(payload(CLAUDE), source="west")
        run(a_file(tmp_path, payload({**CLAUDE, **used("0.75")}, NOW, request_id="other")))
        assert windows()["import a1 5h"] == 0.75


HIDDEN = {
    "api_base": "https://eu.example.azure.com/openai/?key=sk-ant-api03-abcdefghijklmnopqrstuvwx",
    "litellm_model_name": "azure/claude-5",
    "additional_headers": {f"llm_provider-{name.lower()}": v[0] for name, v in CLAUDE.items()},
}


def post(client, **fields: Any) -> Any:
    now = NOW.timestamp()
    times = {"startTime": now - 2, "completionStartTime": now - 1, "endTime": now}
    body = json.dumps(litellm_payload(**times, **fields))
    return client.post("/_qs/litellm", body, content_type="application/json")


def test_from_litellm_with_a_name_for_the_deployment(client):
    answer = post(client, model_id="d1", hidden_params=HIDDEN)
    assert answer.status_code == 201
    (account,) = accounts_at(NOW)
    assert (account.key, account.label, account.kind) == (
        *(("litellm", "d1"), "azure/claude-5 at eu.example.azure.com", "deployment"),
    )
    first = account.windows[0]
    assert (first.span, first.used_ratio, first.resets_at) == ("5h", 0.25, RESET)
    assert UsageMetric.objects.get().account == "d1"


def test_from_litellm_once_for_each_post_of_the_same(client):
    for n in range(3):
        post(client, model_id="d1", litellm_call_id=f"call-{n}", hidden_params=HIDDEN)
    assert len(accounts_at(NOW)) == 1


@pytest.mark.parametrize(
    "hidden", [None, [], "x", {}, {"additional_headers": 5}, {"api_base": ["x"]},
               {"additional_headers": {"llm_provider-x-codex-primary-used-percent": {}}},
               {"api_base": "http://[", "litellm_model_name": 5}],
)  # fmt: skip
def test_odd_hidden_parameters_cost_no_row(client, hidden):
    assert post(client, model_id="d1", hidden_params=hidden).status_code == 201
    assert accounts_at(NOW) == []
