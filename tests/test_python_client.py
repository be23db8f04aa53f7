"""`clients/python`: what is recorded is stored once, and no trouble reaches who records."""

import ast
import datetime as dt
import itertools
import os
import re
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.failing_server import (
    FOLDER,
    TOKEN,
    Client,
    client_of,
    misbehaving,
    outlive_a_kill,
    qsmetrics_client,
    rows_in,
    url_of,
)
from tests.migrated import migrated
from tests.serving import PROJECT, serving
from usage.identity import bare_key, hash_api_key
from usage.incoming_row import IncomingRow

pytestmark = pytest.mark.process

# --- The portal itself ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """A portal that stores what comes with its token alone."""
    folder = migrated(tmp_path_factory.mktemp("portal"))
    with serving(folder) as portal:
        with closing(sqlite3.connect(portal.database)) as connection, connection:
            connection.execute(
                "INSERT INTO usage_ingesttoken (name, hint, digest, created_at)"
                " VALUES ('proxy', 'qs-', ?, '2024-01-15 10:00:00')",
                [hash_api_key(TOKEN)],
            )
        yield portal


def test_a_row_is_stored_as_it_was_recorded_and_its_key_hashed(portal):
    moment = dt.datetime.now(dt.UTC)
    row = {"timestamp": moment, "model": "gpt-5", "prompt_tokens": 5, "completion_tokens": 6}
    row |= {"cached_tokens": 1, "reasoning_tokens": 2, "request_id": "as-recorded", "status": 200}
    row |= {"latency_ms": 7.5, "ttft_ms": 3, "cost_usd": 0.25, "app": "chat", "user": None}
    row |= {"team": "search", "project": "index", "session": "s-1", "account": "openai-2"}
    row |= {"api_key": "sk-live-RAW-KEY", "prompt": "SECRET PROMPT TEXT"}
    with client_of(url_of(portal), token=f" {TOKEN}\n") as client:
        client.record(row)
        assert client.close()
        assert (client.dropped, client.rejected) == (0, 0)
    answer = portal.request("GET", "/_qs/usage").json()["usage"]
    stored = next(found for found in answer if found["request_id"] == "as-recorded")
    for name in set(row) - {"timestamp", "api_key", "prompt", "status"}:
        assert stored[name] == row[name], name
    assert (stored["status"], stored["total_tokens"]) == ("200", 11)
    assert dt.datetime.fromisoformat(stored["timestamp"]) == moment
    assert stored["api_key_hash"] == hash_api_key("sk-live-RAW-KEY")


def test_a_bad_row_does_not_cost_the_others(portal):
    told = []
    bad = [{"model": ""}, {"prompt_tokens": 1}, {"model": "\ud800"}, {"model": "x", "ttft_ms": -1}]
    bad += [{"model": "x", "prompt_tokens": 10**400}, {"model": "x", "timestamp": "yesterday"}]
    good = [{"model": "good", "request_id": f"good-{number}"} for number in range(2)]
    with client_of(url_of(portal), told, token=TOKEN) as client:
        for row in (good[0], *bad, good[1]):
            client.record(row)
        assert client.flush()
        assert client.rejected == len(bad)
    assert told == ["6 of 8 rows refused: status 201: model: must be text of 1 to 255 characters"]
    stored = [name for (name,) in rows_in(portal.database, "request_id")]
    assert [name for name in stored if name and name.startswith("good")] == ["good-0", "good-1"]


def test_a_wrong_token_is_told_with_the_portals_own_sentence(portal):
    told = []
    with client_of(url_of(portal), told, token="qs-another") as client:
        client.record({"model": "m"})
        assert client.flush()
        assert client.rejected == 1
    answer = portal.request("POST", "/_qs/usage", {"model": "m"}, {"Authorization": "Bearer qs-x"})
    assert told == [f"1 of 1 rows refused: status 401: {answer.json()['error']}"]


def test_rows_outlive_a_killed_portal_once_each(tmp_path):
    told = []

    def begin(url):
        client = Client(url, batch_rows=50, interval=0.02, retry_pause=0.01, on_error=told.append)

        def work(worker):
            for number in range(100):
                client.record({"model": "gpt-5", "request_id": f"{worker}-{number}"})
                time.sleep(0.015)

        threads = [threading.Thread(target=work, args=[worker]) for worker in range(20)]
        for thread in threads:
            thread.start()

        def finish():
            for thread in threads:
                thread.join()
            assert client.close(timeout=30)
            assert (client.dropped, client.rejected) == (0, 0)

        return finish

    stored = outlive_a_kill(tmp_path, begin)
    assert stored == {f"{worker}-{number}": 1 for worker in range(20) for number in range(100)}
    assert any("rows wait" in text for text in told)  # or else the kill came too late


# --- Processes --------------------------------------------------------------------------------


def run_script(script, url):
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script), url],
        env={**os.environ, "PYTHONPATH": str(FOLDER)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_a_program_that_ends_without_close_sends_its_rows():
    script = """
        import sys, qsmetrics_client
        client = qsmetrics_client.Client(sys.argv[1], interval=60)
        client.record({"model": "m"})
    """
    with misbehaving() as server:
        run_script(script, server.url)
        assert server.sizes() == [1]


def test_each_process_after_a_fork_sends_its_own_rows():
    script = """
        import os, sys, qsmetrics_client
        client = qsmetrics_client.Client(sys.argv[1], interval=60)
        for worker in range(2):  # a server forks before it records; `lock` is held in the second
            client.record({"model": "parent"}) if worker else None
            with client._changed:
                pid = os.fork()
            if pid == 0:
                client.record({"model": "child"})
                assert client.close()
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
    """
    with misbehaving() as server:
        run_script(script, server.url)
        assert [post["rows"][0]["model"] for post in server.posts] == ["child", "child", "parent"]
        assert server.sizes() == [1, 1, 1]


# --- The file itself --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:8081", "ftp://host", "http://user:SECRET@host", "http://host/?a=SECRET"],
)
def test_a_url_that_cannot_work_is_refused_without_showing_it(url):
    with pytest.raises(ValueError, match="want a URL") as caught:
        Client(url)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("token", ["a SECRET", "SECRET\nX: y", "SECRÉT"])
def test_a_token_that_cannot_be_sent_is_refused_without_showing_it(token):
    with pytest.raises(ValueError, match="the token must be ASCII") as caught:
        Client("http://host", token)
    assert "SECR" not in str(caught.value)


def test_the_token_is_not_in_the_clients_repr():
    with client_of("http://host", token=TOKEN) as client:
        assert TOKEN not in repr(client)


@pytest.mark.parametrize("key", ["sk-1", " sk-1\n", "Bearer sk-1", "bearer  sk-1"])
def test_a_key_is_hashed_as_the_portal_hashes_it(key):
    assert qsmetrics_client.hash_api_key(key) == hash_api_key(bare_key(key))


def test_no_key_has_no_hash():
    assert qsmetrics_client.hash_api_key(" ") == ""


def test_the_lines_of_the_docs_work():
    page = (PROJECT / "docs" / "own-clients.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = {"os": os, "time": time, "started": time.monotonic(), "model": "m", "status_code": 200}
    names |= {"prompt_tokens": 1, "completion_tokens": 2, "request_id": "r"}
    with misbehaving() as server:
        exec(
            lines.replace("http://127.0.0.1:8081", server.url),
            {**names, "authorization_header": "Bearer sk-1"},
        )
        (post,) = server.posts
    assert post["rows"][0]["api_key_hash"] == hash_api_key("sk-1")


def test_the_client_knows_every_field_of_a_row():
    assert {*qsmetrics_client.FIELDS, "api_key"} == set(IncomingRow.__struct_fields__)


def test_the_client_is_python_3_9_and_imports_the_standard_library_alone():
    source = Path(qsmetrics_client.__file__).read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 9))
    names = itertools.chain.from_iterable(
        [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    )
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names
