"""`manage.py backup` and `restore`: whole, private, while the portal runs; back without a loss."""

import datetime as dt
import getpass
import re
import shutil
import sqlite3
import stat
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connection

from tests.migrated import migrated
from tests.serving import Portal, manage, serving, start
from usage.backups import CannotBackUp, back_up, restore, restoring, writing
from usage.collecting.spool import Spool
from usage.records import UsageRecord

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has pg_dump"),
]
NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return migrated(folder)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where backups go."""
    other = tmp_path / "backups"
    other.mkdir()
    return other / "portal.db"


def event(name: str) -> dict[str, str]:
    return {"model": "gpt-5", "timestamp": NOW.isoformat(), "event_id": name, "request_id": name}


def requests_of(portal: Portal) -> int:
    return portal.request("GET", "/_qs/metrics").json()["totals"]["requests"]


def names_in(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as file:
        return [name for (name,) in file.execute("SELECT request_id FROM usage_metrics")]


def done(folder: Path, *arguments: object) -> str:
    """What a command says that must succeed."""
    ended = manage(folder, *map(str, arguments))
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def refused(folder: Path, *arguments: object, **settings: str) -> str:
    ended = manage(folder, *map(str, arguments), **settings)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "Traceback" not in ended.stderr
    return ended.stderr


class Sender(threading.Thread):
    """Posts rows, each with an identity, until it is told to stop."""

    def __init__(self, portal: Portal, name: str) -> None:
        super().__init__(daemon=True)
        self._portal, self._name = portal, name
        self._ends = threading.Event()
        self.acknowledged: list[str] = []
        self.surprises: list[object] = []

    def run(self) -> None:
        while not self._ends.is_set() and not self.surprises:
            names = [f"{self._name}-{len(self.acknowledged)}-{row}" for row in range(5)]
            answer = self._portal.request("POST", "/_qs/usage", [event(name) for name in names])
            if answer.status == 201:
                self.acknowledged += names
            else:
                self.surprises.append(answer)

    def stop(self) -> None:
        self._ends.set()
        self.join(30)


def test_under_load_a_backup_is_whole_and_holds_all_that_was_acknowledged_before(folder, target):
    with serving(folder) as portal:
        filling = [{"model": "x" * 200, "user": "y" * 200} for _ in range(2000)]
        for _ in range(10):
            assert portal.request("POST", "/_qs/usage", filling).status == 201
        senders = [Sender(portal, name) for name in "abcd"]
        for sender in senders:
            sender.start()
        while not all(sender.acknowledged for sender in senders):
            time.sleep(0.01)
        before = {name for sender in senders for name in list(sender.acknowledged)}
        said = done(folder, "backup", target)
        counts = [len(sender.acknowledged) for sender in senders]
        deadline = time.monotonic() + 30
        while any(len(s.acknowledged) <= n for s, n in zip(senders, counts, strict=True)):
            assert time.monotonic() < deadline, "a sender stands still"
            time.sleep(0.01)
        for sender in senders:
            sender.stop()
    assert [sender.surprises for sender in senders] == [[]] * 4
    rows = int(re.search(r"Backed up ([\d,]+) rows", said)[1].replace(",", ""))
    kept = names_in(target)
    assert len(kept) == rows
    found = {name for name in kept if name}
    assert before <= found <= {name for sender in senders for name in sender.acknowledged}
    assert len(found) % 5 == 0  # each post is in it whole, or not at all
    assert sorted(path.name for path in target.parent.iterdir()) == ["portal.db"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_after_restoring_what_senders_send_again_counts_once(folder, target):
    one, other = [event("a"), event("b")], [{"model": "keyed"}] * 3
    late = [event("c")]
    key = {"Idempotency-Key": "k"}
    with serving(folder) as portal:
        portal.request("POST", "/_qs/usage", one)
        portal.request("POST", "/_qs/usage", other, key)
        done(folder, "backup", target)
        portal.request("POST", "/_qs/usage", late)
        assert requests_of(portal) == 6
    assert "Restored 5 rows" in done(folder, "restore", target)
    with serving(folder) as portal:
        assert requests_of(portal) == 5
        answers = [portal.request("POST", "/_qs/usage", rows) for rows in (one, late)]
        again = portal.request("POST", "/_qs/usage", other, key)
        assert [answer.json() for answer in answers] == [
            {"accepted": 0, "duplicates": 2},
            {"accepted": 1, "duplicates": 0},
        ]
        assert again.headers["Idempotency-Replayed"] == "true"
        assert requests_of(portal) == 6
    assert manage(folder, "rebuild_rollups", "--check").returncode == 0


def test_a_backup_is_enough_to_begin_anew_on_another_machine(folder, target, tmp_path):
    with serving(folder) as portal:
        assert portal.request("POST", "/_qs/usage", event("a")).status == 201
        Spool(folder / "collector" / "east.spool").add([UsageRecord(NOW, "spooled", event_id=7)])
        done(folder, "backup", target)
    key = (folder / "secret_key").read_bytes()
    shutil.rmtree(folder)
    other = tmp_path / "new" / "place"
    said = done(other.parent.parent, "restore", target, "--storage-path", other / "metrics.db")
    assert "What was here before" not in said
    assert (other / "secret_key").read_bytes() == key
    assert [record.model for record in Spool(other / "collector" / "east.spool").records()] == [
        "spooled"
    ]
    private = {path.name: stat.S_IMODE(path.stat().st_mode) for path in other.rglob("*.*")}
    assert set(private.values()) == {0o600}, private
    with serving(other) as portal:
        assert requests_of(portal) == 1


def test_what_a_collector_fetched_since_the_backup_stays(folder, target):
    one, other = (UsageRecord(NOW, name, event_id=n) for n, name in enumerate(("one", "two")))
    spool = Spool(folder / "collector" / "east.spool")
    spool.add([one])
    done(folder, "backup", target)
    spool.add([other])
    with (folder / "collector" / "east.spool").open("ab") as file:
        file.write(b'{"half')
    done(folder, "restore", target)
    assert Spool(folder / "collector" / "east.spool").records() == [one, other, one]


def test_what_was_here_before_is_kept_aside(folder, target):
    with serving(folder) as portal:
        done(folder, "backup", target)
        portal.request("POST", "/_qs/usage", event("late"))
    said = done(folder, "restore", target)
    (aside,) = folder.glob("before-restore-*")
    assert f"What was here before is in {aside}" in said
    assert names_in(aside / "metrics.db") == ["late"]
    assert (aside / "secret_key").exists()
    assert stat.S_IMODE(aside.stat().st_mode) == 0o700
    assert names_in(folder / "metrics.db") == []


def trail_in(path: Path) -> list[tuple[str, ...]]:
    asked = "SELECT actor, via, action, detail FROM usage_auditentry ORDER BY id"
    with closing(sqlite3.connect(path)) as file:
        return file.execute(asked).fetchall()


def test_both_are_in_the_audit_trail_of_the_portal_whose_data_it_is(folder, target):
    done(folder, "backup", target)
    me = getpass.getuser()
    backed_up = (me, "manage.py backup", "backed up", f"0 rows to {target}.")
    assert trail_in(folder / "metrics.db") == [backed_up]
    sqlite(folder / "metrics.db", "DELETE FROM usage_auditentry")
    done(folder, "restore", target)
    (aside,) = folder.glob("before-restore-*")
    restored = (me, "manage.py restore", "restored", f"0 rows from {target}.")
    assert trail_in(folder / "metrics.db") == [restored]
    assert (trail_in(aside / "metrics.db"), trail_in(target)) == ([], [])
    assert {path.name for path in folder.iterdir()} == {
        *(".in_use", "metrics.db", "secret_key", aside.name)
    }


def test_what_cannot_be_written_is_backed_up_without_a_line_in_its_trail(folder, target):
    sqlite(
        folder / "metrics.db",
        "CREATE TRIGGER full BEFORE INSERT ON usage_auditentry "
        "BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    ended = manage(folder, "backup", str(target))
    assert (ended.returncode, "Backed up 0 rows" in ended.stdout) == (0, True)
    assert ended.stderr.startswith("The audit trail does not tell of it: ")
    assert target.exists()


def test_a_damaged_database_is_no_hindrance(folder, target):
    done(folder, "backup", target)
    (folder / "metrics.db").write_bytes(b"x" * 100_000)
    (folder / "metrics.db-wal").write_bytes(b"y" * 1000)
    done(folder, "restore", target)
    (aside,) = folder.glob("before-restore-*")
    assert (aside / "metrics.db").read_bytes() == b"x" * 100_000
    with serving(folder) as portal:
        assert portal.request("POST", "/_qs/usage", event("a")).status == 201


def test_while_a_portal_runs_nothing_is_restored(folder, target):
    with serving(folder) as portal:
        portal.request("POST", "/_qs/usage", event("a"))
        done(folder, "backup", target)
        assert "stop it, then restore" in refused(folder, "restore", target)
        assert portal.request("POST", "/_qs/usage", event("b")).status == 201
    done(folder, "restore", target)


def test_a_portal_of_plain_gunicorn_that_nobody_has_asked_yet_is_one_too(folder, target):
    done(folder, "backup", target)
    command = [sys.executable, "-m", "gunicorn", "qsmetrics.wsgi", "--bind", "127.0.0.1:0"]
    portal = start(folder, command)
    try:
        portal.wait_until_announced()
        assert "stop it, then restore" in refused(folder, "restore", target)
    finally:
        portal.stop()
        portal.process.stdout.close()
    done(folder, "restore", target)


def test_while_another_program_has_the_database_open_nothing_is_restored(folder, target):
    done(folder, "backup", target)
    with closing(sqlite3.connect(folder / "metrics.db")) as file:
        file.execute("SELECT 1 FROM sqlite_master").fetchone()
        assert "another program has" in refused(folder, "restore", target)
    assert not list(folder.glob("before-restore-*"))
    done(folder, "restore", target)


def test_a_backup_of_an_older_version_is_migrated(folder, target):
    (folder / "metrics.db").unlink()
    done(folder, "migrate", "usage", "0006")
    done(folder, "migrate", "usage", "0006")
    with closing(sqlite3.connect(folder / "metrics.db")) as file:
        file.execute(
            "INSERT INTO usage_metrics (timestamp, model, prompt_tokens, completion_tokens, "
            "total_tokens, created_at) VALUES ('2024-01-01 00:00:00', 'old', 1, 2, 3, "
            "'2024-01-01 00:00:00')"
        )
        file.commit()
    done(folder, "backup", target)
    assert "It was of an older version" in done(folder, "restore", target)
    with serving(folder) as portal:
        assert requests_of(portal) == 1


def test_a_backup_of_a_newer_version_is_refused(folder, target):
    done(folder, "backup", target)
    with closing(sqlite3.connect(target)) as file:
        file.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('usage', '9999_x', '')"
        )
        file.commit()
    before = (folder / "metrics.db").read_bytes()
    assert "is of a newer version (" in refused(folder, "restore", target)
    assert (folder / "metrics.db").read_bytes() == before


def test_a_plain_copy_can_be_restored_too(folder, target):
    shutil.copy(folder / "metrics.db", target)
    assert "It held no signing key" in done(folder, "restore", target)


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:200_000]), "cannot be read"),
        (lambda path: path.write_bytes(b"no database" * 1000), "cannot be read"),
        (lambda path: path.unlink(), "is missing or no file"),
        (lambda path: (path.unlink(), path.mkdir()), "is missing or no file"),
        (lambda path: sqlite(path, "DELETE FROM usage_metrics"), "other rows than its manifest"),
        (lambda path: sqlite(path, "DROP TABLE usage_metrics"), "no backup of a portal"),
        (
            lambda path: sqlite(path, "UPDATE qsmetrics_backup SET content = 'x'"),
            "manifest is damaged",
        ),
    ],
)
def test_what_is_no_whole_backup_is_refused(folder, target, made, spoil, part):
    shutil.copy(made[0], folder / "metrics.db")
    shutil.copy(made[1], target)
    before = (folder / "metrics.db").read_bytes()
    spoil(target)
    with pytest.raises(CannotBackUp, match=part):
        restore(target, folder / "metrics.db", _nothing, _nothing)
    assert (folder / "metrics.db").read_bytes() == before


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A database of some rows, and its backup."""
    folder = migrated(tmp_path_factory.mktemp("made"))
    with serving(folder) as portal:
        rows = [event(str(number)) for number in range(500)]
        assert portal.request("POST", "/_qs/usage", rows).status == 201
    back_up(folder / "metrics.db", folder / "backup.db")
    return folder / "metrics.db", folder / "backup.db"


def _nothing(*_: object) -> None:
    """Of what a restore does to the copy that it puts in place."""


def sqlite(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute(statement)
        file.commit()


def test_a_part_of_another_name_goes_nowhere(folder, target):
    done(folder, "backup", target)
    sqlite(target, "INSERT INTO qsmetrics_backup VALUES ('../evil', 'x')")
    sqlite(target, "INSERT INTO qsmetrics_backup VALUES ('collector/../../evil.spool', 'x')")
    done(folder, "restore", target)
    assert not list(folder.parent.rglob("evil*"))


def test_only_own_older_backups_are_removed(folder, target, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    done(other, "migrate")  # and not a copy, since a portal is told by when its tables were made
    stranger = target.with_name("portal-20200101T000000Z.db")
    done(other, "backup", stranger)  # of another portal
    mine = target.with_name("portal-20200101T000001Z.db")
    done(folder, "backup", mine)
    text = target.with_name("portal-20200101T000002Z.db")
    text.write_text("notes")
    unlike = target.with_name("portal-last.db")
    done(folder, "backup", unlike)
    said = done(folder, "backup", target, "--keep", "1")
    assert f"Removed {mine}." in said
    left = {path.name for path in target.parent.iterdir()} - {stranger.name, text.name, unlike.name}
    assert len(left) == 1
    assert re.fullmatch(r"portal-\d{8}T\d{6}Z\.db", left.pop())


@pytest.mark.parametrize(
    ("place", "part"),
    [
        ("metrics.db", "is the portal's own database"),
        ("nowhere/x.db", "is missing: make it"),
        ("secret_key", "is there already and no backup"),
        (".", "is the portal's own database or no file"),
    ],
)
def test_where_a_backup_cannot_go_is_said(folder, made, place, part):
    shutil.copy(made[0], folder / "metrics.db")
    (folder / "secret_key").write_text("key")
    with pytest.raises(CannotBackUp, match=part):
        back_up(folder / "metrics.db", folder / place)
    assert {path.name for path in folder.iterdir()} == {"metrics.db", "secret_key"}
    assert (folder / "secret_key").read_text() == "key"


def test_no_fewer_than_one_is_kept(folder, target):
    assert "keep at least one" in refused(folder, "backup", target, "--keep", "0")


def test_a_copy_that_does_not_fit_is_not_begun(folder, target, made, monkeypatch):
    shutil.copy(made[0], folder / "metrics.db")
    shutil.copy(made[1], target)
    for module in (writing, restoring):
        monkeypatch.setattr(module, "_LEFT_FREE", 2**60)
    with pytest.raises(CannotBackUp, match="free some space"):
        back_up(folder / "metrics.db", target)
    with pytest.raises(CannotBackUp, match="free some space"):
        restore(target, folder / "metrics.db", _nothing, _nothing)
    assert sorted(path.name for path in target.parent.iterdir()) == ["portal.db"]


def test_a_key_from_the_settings_is_not_in_it(folder, target):
    given = {"SECRET_KEY": "0123456789" * 5}
    said = manage(folder, "backup", str(target), **given).stdout
    assert "is not in it: keep it too" in said
    assert b"0123456789" * 5 not in target.read_bytes()


def test_a_killed_backup_leaves_nothing_under_its_name(folder, target):
    draft = target.with_name(f".{target.name}.part")
    draft.write_bytes(b"of a backup that was killed")
    draft.chmod(0o644)
    done(folder, "backup", target)
    assert [path.name for path in target.parent.iterdir()] == ["portal.db"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.parametrize(("command", "program"), [("backup", "pg_dump"), ("restore", "pg_restore")])
def test_on_postgresql_its_own_program_is_named(folder, command, program):
    url = "postgres://alice:hush@db.example:5433/usage"
    said = refused(folder, command, "x", DATABASE_URL=url)
    assert f"{program} --host=db.example --port=5433 --username=alice" in said
    assert "hush" not in said
