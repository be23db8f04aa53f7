"""`clients/python` against portals that fail, and what it keeps to itself meanwhile."""

import json
import socket
import time

import pytest

from tests.failing_server import (
    TOKEN,
    Client,
    client_of,
    counts,
    misbehaving,
    record_some,
)
from tests.waiting import wait_until
from usage.identity import hash_api_key

pytestmark = pytest.mark.process


def test_a_row_without_time_and_id_gets_the_time_of_record_and_an_id_of_its_own():
    with misbehaving() as server, client_of(server.url + "/", token=TOKEN) as client:
        before = time.time()
        record_some(client, 2)
        after = time.time()
        assert client.flush()
        (post,) = server.posts
        first, second = post["rows"]
        assert before <= first["timestamp"] <= after
        assert len({first["event_id"], second["event_id"]}) == 2
        assert post["path"] == "/_qs/usage?partial=true"
        assert post["headers"]["Authorization"] == f"Bearer {TOKEN}"


def test_neither_a_key_nor_anything_beside_usage_leaves_the_process():
    with misbehaving() as server, client_of(server.url) as client:
        client.record({"model": "m", "api_key": "Bearer sk-RAW", "prompt": "SECRET PROMPT TEXT"})
        assert client.flush()
        (post,) = server.posts
        assert set(post["rows"][0]) == {"model", "timestamp", "event_id", "api_key_hash"}
        assert post["rows"][0]["api_key_hash"] == hash_api_key("sk-RAW")


def test_full_batches_are_sent_at_once():
    with misbehaving() as server, client_of(server.url, batch_rows=10, interval=60) as client:
        record_some(client, 25)
        wait_until(lambda: counts(client) == (5, 0, 0))
        assert server.sizes() == [10, 10]
        assert server.posts[0]["key"] != server.posts[1]["key"]


def test_fewer_rows_are_sent_after_the_interval():
    with misbehaving() as server, client_of(server.url, interval=0.2) as client:
        start = time.monotonic()
        record_some(client, 5)
        wait_until(lambda: counts(client) == (0, 0, 0))
        assert time.monotonic() - start > 0.15
        assert server.sizes() == [5]


def test_a_batch_is_sent_again_unchanged_with_the_same_key():
    told = []
    answers = [500, 408, (502, {}, "<html>"), (503, {}, "[" * 100_000)]
    with misbehaving(*answers) as server, client_of(server.url, told) as client:
        record_some(client, 3)
        assert client.flush()
        assert counts(client) == (0, 0, 0)
        assert len(server.posts) == 5
        assert len({(post["key"], post["body"]) for post in server.posts}) == 1
    assert told[0] == "3 rows wait, 0 dropped so far: status 500: "


def test_retry_after_is_kept_to():
    busy = (503, {"Retry-After": "1"}, '{"error": "the database is busy"}')
    told = []
    with misbehaving(busy) as server, client_of(server.url, told, batch_rows=2) as client:
        record_some(client, 4)
        assert client.flush()
        assert server.posts[1]["at"] - server.posts[0]["at"] > 1
    assert told == ["2 rows wait, 0 dropped so far: status 503: the database is busy"]


def test_a_portal_that_hangs_up_or_is_slow_is_tried_again():
    def hang_up():
        pass

    def dawdle():
        time.sleep(0.5)

    told = []
    with misbehaving(hang_up, dawdle) as server, client_of(server.url, told, timeout=0.3) as client:
        record_some(client, 1)
        assert client.flush()
        assert server.sizes() == [1, 1, 1]
    assert [text.startswith("1 rows wait") for text in told] == [True, True]


@pytest.mark.parametrize("status", [200, 204, 302, 307, 400, 401, 404, 413, 429])
def test_what_the_portal_refuses_is_counted_and_not_sent_again(status):
    refusal = json.dumps({"error": f"send an ingest token and not {TOKEN}"})
    refusal = "" if status == 204 else refusal
    told = []
    answer = (status, {"Retry-After": "1", "Location": "/elsewhere"}, refusal)
    with misbehaving(answer) as server, client_of(server.url, told, token=TOKEN) as client:
        record_some(client, 2)
        assert client.flush()
        assert counts(client) == (0, 0, 2)
        assert server.sizes() == [2]
    sentence = "send an ingest token and not …" if refusal else ""
    assert told == [f"2 of 2 rows refused: status {status}: {sentence}"]


def test_a_full_queue_drops_rows_and_never_blocks():
    busy = (503, {"Retry-After": "60"}, "{}")
    with (
        misbehaving(busy) as server,
        client_of(server.url, queue_rows=10, batch_rows=5, interval=60) as client,
    ):
        record_some(client, 5)
        wait_until(lambda: server.posts)
        start = time.monotonic()
        record_some(client, 1000)
        assert time.monotonic() - start < 30  # of the sixty after which it tries again
        assert counts(client) == (10, 995, 0)
        assert client.close()  # which tries once more at once
        assert server.sizes() == [5, 5, 5]


def test_close_sends_the_rest_and_takes_no_more():
    with misbehaving() as server:
        with Client(server.url, batch_rows=2, interval=60) as client:
            record_some(client, 5)
        assert server.sizes() == [2, 2, 1]
        record_some(client, 2)
        assert counts(client) == (0, 2, 0)
        assert client.close()
        assert client.flush()


def test_close_tells_how_many_rows_it_could_not_deliver():
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    told = []
    with client_of(f"http://127.0.0.1:{port}", told) as client:
        record_some(client, 5)
        assert not client.flush(timeout=0.05)
        assert not client.close(timeout=0.05)
        assert told[-1] == "5 rows could not be delivered"
        wait_until(lambda: not client._thread.is_alive())
    assert "refused" in told[0]


def test_no_row_and_no_report_raises_or_stops_the_client():
    loop = []
    loop.append(loop)
    junk = [None, 7, {"model": loop}, {"model": float("nan")}, {"model": object()}]
    junk += [{"model": "m", "api_key": 7}]
    told = []

    def complain(text):
        told.append(text)
        raise RuntimeError

    with misbehaving() as server, client_of(server.url, on_error=complain) as client:
        for row in junk:
            client.record(row)
        client.record({"model": "m" * 40_000})
        assert counts(client) == (0, 1, 6)
        record_some(client, 1)
        assert client.flush()
        assert server.sizes() == [1]
    assert len(told) == 6
