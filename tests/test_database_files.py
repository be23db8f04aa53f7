"""A commit is answered only where the database's files are still those that the portal opened."""

import os
import re
import shutil
import sqlite3
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.migrated import migrated
from tests.serving import Portal, launch, manage, run_script, serving, stopped_afterwards
from usage.database.files import DatabaseFiles, FilesMoved, WatchedConnection

pytestmark = pytest.mark.process

MOVED = (
    "the database file was moved, removed or replaced while the portal ran: put the right one in "
    "its place and restart the portal; until then nothing is stored"
)
LOG_LOST = (
    "the database's write-ahead log (-wal, -shm) was removed or replaced while the portal ran: "
    "restart the portal; until then nothing is stored"
)
ROW = {"model": "gpt-5", "prompt_tokens": 1}


def rows_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as file:
        return file.execute("SELECT COUNT(*) FROM usage_metrics").fetchone()[0]


def replace(path: Path) -> None:
    """By renaming, as an editor, rsync or `mv` does."""
    other = path.with_name(path.name + ".other")
    shutil.copy(path, other)
    other.replace(path)


def beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


def move_all_and_start_anew(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file, closing(sqlite3.connect(f"{path}.copy")) as copy:
        file.backup(copy)
    for end in ("", "-wal", "-shm"):
        beside(path, end).rename(beside(path, end + ".old"))
    beside(path, ".copy").rename(path)


def replace_folder(path: Path) -> None:
    folder = path.parent
    shutil.copytree(folder, folder.with_name("copy"))
    folder.rename(folder.with_name("old"))
    folder.with_name("copy").rename(folder)


TAKEN_AWAY: dict[str, tuple[Callable[[Path], None], str]] = {
    "moved, another in its place": (move_all_and_start_anew, MOVED),
    "removed": (lambda path: path.unlink(), MOVED),
    "replaced": (replace, MOVED),
    "a folder in its place": (lambda path: (path.unlink(), path.mkdir())[0], MOVED),
    "folder replaced": (replace_folder, MOVED),
    "folder moved": (lambda path: path.parent.rename(path.parent.with_name("o")) and None, MOVED),
    "log removed": (lambda path: beside(path, "-wal").unlink(), LOG_LOST),
    "log replaced": (lambda path: replace(beside(path, "-wal")), LOG_LOST),
    "log's index removed": (lambda path: beside(path, "-shm").unlink(), LOG_LOST),
    "log's index replaced": (lambda path: replace(beside(path, "-shm")), LOG_LOST),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return migrated(folder)


@pytest.mark.parametrize("name", TAKEN_AWAY)
def test_what_is_taken_away_from_a_running_portal_is_noticed_before_an_answer(folder, name):
    take_away, sentence = TAKEN_AWAY[name]
    with serving(folder) as portal:
        for _ in range(20):  # on connections of several threads
            assert portal.request("POST", "/_qs/usage", ROW).status == 201
        take_away(portal.database)
        for method, path, body in (
            ("POST", "/_qs/usage", ROW),
            ("POST", "/_qs/litellm", [{"model": "x", "litellm_call_id": "1"}]),
            ("GET", "/_qs/health", None),
            ("GET", "/_qs/metrics", None),
            ("POST", "/_qs/usage", ROW),
        ):
            answer = portal.request(method, path, body)
            assert (answer.status, answer.json()["error"]) == (503, sentence), (method, path)
            assert int(answer.headers["Retry-After"]) > 0
        assert portal.request("GET", "/").status == 503
    assert portal.output.count(sentence) >= 1


@pytest.mark.parametrize("kind", ["log removed", "log's index removed"])
def test_what_was_acknowledged_before_its_log_was_removed_is_in_the_database(folder, kind):
    with stopped_afterwards(launch(folder)) as portal:
        for _ in range(20):
            assert portal.request("POST", "/_qs/usage", ROW).status == 201
        TAKEN_AWAY[kind][0](portal.database)
        assert portal.request("POST", "/_qs/usage", ROW).status == 503
        portal.kill()
    with serving(folder) as portal:
        assert portal.request("POST", "/_qs/usage", ROW).status == 201
    assert rows_in(portal.database) == 21


@pytest.mark.parametrize("kind", ["log removed", "log's index removed"])
def test_it_is_so_too_where_a_reader_noticed_first(folder, kind):
    path = folder / "metrics.db"
    files = DatabaseFiles(str(path))
    with closing(sqlite3.connect(path, factory=WatchedConnection)) as portal:
        portal.watch(files)
        portal.execute(
            "INSERT INTO usage_metrics (timestamp, model) VALUES ('2024-01-15 10:00:00', 'm')"
        )
        portal.commit()
        TAKEN_AWAY[kind][0](path)
        files.look()
        with pytest.raises(FilesMoved):
            portal.require_no_trouble()
        alone = shutil.copy(path, folder / "as a kill would leave it.db")
    assert rows_in(alone) == 1


def test_it_is_so_too_where_another_reads_an_older_state_at_that_moment(folder):
    path = folder / "metrics.db"
    files = DatabaseFiles(str(path))
    reader = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    with (
        closing(reader),
        closing(sqlite3.connect(path, factory=WatchedConnection)) as portal,
    ):
        portal.watch(files)
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM usage_metrics").fetchone()
        portal.execute(
            "INSERT INTO usage_metrics (timestamp, model) VALUES ('2024-01-15 10:00:00', 'm')"
        )
        portal.commit()
        TAKEN_AWAY["log removed"][0](path)
        threading.Timer(0.2, reader.rollback).start()
        with pytest.raises(FilesMoved):
            portal.require_in_place()
        alone = shutil.copy(path, folder / "as a kill would leave it.db")
    assert rows_in(alone) == 1


def test_a_link_that_leads_elsewhere_is_noticed_and_a_restart_takes_the_new_file(folder):
    one, other = folder / "one.db", folder / "other.db"
    link = folder / "metrics.db"
    shutil.copy(link, other)
    link.rename(one)
    link.symlink_to(one)
    with serving(folder) as portal:
        assert portal.request("POST", "/_qs/usage", ROW).status == 201
        link.unlink()
        link.symlink_to(other)
        refused = portal.request("POST", "/_qs/usage", ROW)
        assert (refused.status, refused.json()["error"]) == (503, MOVED)
    with serving(folder) as portal:
        assert portal.request("POST", "/_qs/usage", ROW).status == 201
    assert (rows_in(one), rows_in(other)) == (1, 1)


def test_the_right_file_back_in_its_place_needs_a_restart_all_the_same(folder):
    with serving(folder) as portal:
        assert portal.request("POST", "/_qs/usage", ROW).status == 201
        aside = folder / "aside.db"
        portal.database.rename(aside)
        assert portal.request("POST", "/_qs/usage", ROW).status == 503
        aside.rename(portal.database)
        assert portal.request("POST", "/_qs/usage", ROW).status == 503
    with serving(folder) as portal:
        assert portal.request("POST", "/_qs/usage", ROW).status == 201
        assert portal.request("GET", "/_qs/metrics").json()["totals"]["requests"] == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
def test_a_folder_that_is_closed_for_a_while_needs_no_restart(folder):
    with serving(folder) as portal:
        folder.chmod(0)
        refused = portal.request("POST", "/_qs/usage", ROW)
        folder.chmod(0o700)
        assert refused.status == 503
        assert "cannot be reached (Permission denied)" in refused.json()["error"]
        assert portal.request("POST", "/_qs/usage", ROW).status == 201


def hard_link(path: Path) -> None:
    os.link(path, path.with_name("link.db"))


def on_a_connection(sql: str) -> Callable[[Path], None]:
    def act(path: Path) -> None:
        with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as file:
            file.execute(sql.format(path))

    return act


HARMLESS: dict[str, Callable[[Path], object]] = {
    "checkpoint": on_a_connection("PRAGMA wal_checkpoint(TRUNCATE)"),
    "VACUUM": on_a_connection("VACUUM"),
    "VACUUM INTO": on_a_connection("VACUUM INTO '{}.copy'"),
    "a hard link": hard_link,
    "touch": lambda path: path.touch(),
    "other rights": lambda path: path.chmod(0o644),
    "a purge": lambda path: manage(path.parent, "purge"),
}


def test_what_leaves_the_files_in_place_is_let_pass(folder):
    with serving(folder) as portal:
        for act in HARMLESS.values():
            assert portal.request("POST", "/_qs/usage", ROW).status == 201
            act(portal.database)
        assert portal.request("POST", "/_qs/usage", ROW).status == 201
        assert portal.request("GET", "/_qs/health").status == 200
    assert rows_in(portal.database) == len(HARMLESS) + 1


WAYS = """
import os, shutil
import django
django.setup()
from django.core.management import call_command
from django.db import connection, transaction, OperationalError
from django.contrib.auth.models import User
from usage.models import PriceOverride, UsageMetric
from usage.recording import UsageBuffer, record_usage
from usage import retention
from django.utils import timezone

record_usage("gpt-5")
for _ in range(3):
    connection.close()  # the last one: the log goes, and is made anew
    record_usage("gpt-5")
row = UsageMetric.objects.first()

def raw(sql):
    def run():
        with connection.cursor() as cursor:
            for each in sql:
                cursor.execute(each)
    return run

def in_atomic():
    with transaction.atomic():
        row.delete()

def buffered():
    with UsageBuffer(close_seconds=0) as buffer:
        buffer.add(model="gpt-5")
    raise OperationalError(OperationalError("kept")) if buffer._rows else AssertionError

UPDATE = "UPDATE usage_metrics SET model = 'other'"
WAYS = {
    "record_usage": lambda: record_usage("gpt-5"),
    "save": row.save,
    "create": lambda: User.objects.create_user("x"),
    "update": lambda: UsageMetric.objects.update(model="other"),
    "delete": in_atomic,
    "purge": lambda: list(retention.remove_expired_rows(timezone.now())),
    "import": lambda: call_command("import_metrics", os.environ["EXPORT"], verbosity=0),
    "autocommit": raw([UPDATE]),
    "BEGIN": raw(["BEGIN", UPDATE, "COMMIT"]),
    "migrate": lambda: call_command("migrate", "usage", "zero", verbosity=0),
    "buffer": buffered,
}
name = os.environ["WAY"]
path = str(connection.settings_dict["NAME"])
connection.ensure_connection()
shutil.copy(path, path + ".other")
os.rename(path + ".other", path)
try:
    WAYS[name]()
except Exception as error:
    print("refused:", error.__cause__ or error)
else:
    print("stored")
try:
    connection.close()
    UsageMetric.objects.count()
except OperationalError as error:
    print("new connection refused:", error)
"""
NAMES = re.findall(r'^    "([A-Za-z_]+)": ', WAYS, re.MULTILINE)


@pytest.mark.parametrize("way", NAMES)
def test_every_way_of_storing_asks_for_the_files(folder, way):
    export = folder / "export.ndjson"
    export.write_text(
        '{"model": "m", "timestamp": "2026-01-01T00:00:00Z", "total_tokens": 5}\n' * 3
    )
    ended = run_script(folder, WAYS, WAY=way, EXPORT=str(export))
    assert ended.returncode == 0, ended.stderr
    refused, opening = ended.stdout.splitlines()
    assert refused.startswith("refused: "), ended.stdout + ended.stderr
    assert MOVED in refused or (way == "buffer" and MOVED in ended.stderr)
    assert opening == f"new connection refused: {MOVED}"
    assert rows_in(folder / "metrics.db") == 4


@pytest.fixture
def signed_in(folder: Path) -> Iterator[tuple[Portal, dict[str, str]]]:
    make = (
        "from django.contrib.auth.models import User; from usage.models import UsageMetric;"
        "User.objects.create_superuser('alice', '', 'Aurora-7-lake')"
    )
    assert manage(folder, "shell", "-c", make).returncode == 0
    with serving(folder) as portal:
        page = portal.request("GET", "/admin/login/")
        token = page.headers["Set-Cookie"].split("=")[1].split(";")[0]
        form = {"username": "alice", "password": "Aurora-7-lake", "csrfmiddlewaretoken": token}
        answer = portal.request(
            *("POST", "/admin/login/", urllib.parse.urlencode(form).encode()),
            form_headers(f"qsmetrics_csrf={token}"),
        )
        assert answer.status == 302
        cookies = "; ".join(
            each.split(";")[0]
            for each in answer.headers.get_all("Set-Cookie")  # type: ignore[attr-defined]
        )
        token = re.findall(r"qsmetrics_csrf=([^;]+)", cookies)[0]
        yield portal, {"cookies": cookies, "token": token}


def form_headers(cookies: str) -> dict[str, str]:
    return {"Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded"}


def test_an_edit_in_the_admin_is_refused_by_a_page(signed_in):
    portal, session = signed_in
    form = {"pattern": "gpt-*", "csrfmiddlewaretoken": session["token"]}
    replace(portal.database)
    answer = portal.request(
        *("POST", "/admin/usage/priceoverride/add/", urllib.parse.urlencode(form).encode()),
        form_headers(session["cookies"]),
    )
    assert answer.status == 503
    assert "restart the portal" in answer.body.decode()
