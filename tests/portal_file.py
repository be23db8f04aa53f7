"""A portal's own SQLite file for tests of the move: `python -m tests.portal_file` makes it."""

import datetime as dt
import math
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

FIRST = dt.datetime(2024, 1, 1, 0, 30, tzinfo=dt.UTC)
HORIZON = dt.datetime(2024, 2, 10, 12, 34, 56, tzinfo=dt.UTC)  # within a bucket of 30 days
ROWS = 160
LEFT = 86  # rows after the purge, with the late one


def make(path: Path) -> None:
    """In a process of its own, since the suite's database is another one."""
    root = Path(__file__).parent.parent
    environment = {
        "PATH": os.environ["PATH"],
        "METRICS_STORAGE_PATH": str(path),
        "METRICS_CONFIG": str(root / "tests" / "data" / "config.yaml"),
        "DJANGO_SETTINGS_MODULE": "qsmetrics.settings",
        "SECRET_KEY": "only-for-tests-" + "0123456789abcdef" * 2,
    }
    command = [sys.executable, "-m", "tests.portal_file"]
    subprocess.run(command, cwd=root, env=environment, check=True, timeout=120)


def sums_of(file: sqlite3.Connection) -> dict[tuple[Any, ...], list[Any]]:
    """Every sum by its dimensions, as `sums_here` gives those of the suite's database."""
    return _by_dimensions(file.execute)


def sums_here() -> dict[tuple[Any, ...], list[Any]]:
    from django.db import connection

    with connection.cursor() as cursor:

        def run(sql: str) -> Any:
            cursor.execute(sql)
            return cursor.fetchall()

        return _by_dimensions(run)


def _by_dimensions(run: Any) -> dict[tuple[Any, ...], list[Any]]:
    series = {row[0]: row[1:] for row in run("SELECT * FROM usage_series")}
    found = {}
    for table, key_length in (("usage_rollups", 3), ("usage_histograms", 4)):
        for row in run(f"SELECT * FROM {table}"):
            bucket = str(row[1])[:19]
            key = (table, row[0], bucket, series[row[2]], *row[3:key_length])
            found[key] = list(row[key_length:])
    return found


def change(portal: Path, *statements: str) -> None:
    file = sqlite3.connect(portal)
    for statement in statements:
        file.execute(statement)
    file.commit()
    file.close()


def insert(portal: Path, time: str, model: str = "plain", **values: Any) -> None:
    """A row in plain SQL, which the file's sums do not hold yet."""
    row = {"timestamp": time, "model": model, "total_tokens": 5, **values}
    file = sqlite3.connect(portal)
    marks = ", ".join("?" * len(row))
    file.execute(f"INSERT INTO usage_metrics ({', '.join(row)}) VALUES ({marks})", [*row.values()])
    file.commit()
    file.close()


def rows_in(portal: Path) -> list[dict[str, Any]]:
    from usage.importing.portal.file import moment_from_sqlite
    from usage.importing.portal.row import COLUMNS

    file = sqlite3.connect(portal)
    found = file.execute(f"SELECT {', '.join(COLUMNS)} FROM usage_metrics ORDER BY timestamp")
    read = [dict(zip(COLUMNS, row, strict=True)) for row in found]
    file.close()
    for row in read:
        row |= {name: moment_from_sqlite(row[name]) for name in ("timestamp", "created_at")}
    return read


def sums_in(portal: Path) -> dict:
    file = sqlite3.connect(portal)
    try:
        return sums_of(file)
    finally:
        file.close()


def assert_same_sums(here: dict, there: dict) -> None:
    assert here.keys() == there.keys()
    for key, values in there.items():
        assert all(map(math.isclose, here[key], values)), key


def figures(said: str) -> dict[str, list[str]]:
    """The lines of the proof by their names."""
    lines = [line for line in said.splitlines() if line.endswith("DIFFERS") or line[46:].strip()]
    return {line[:24].strip(): line[24:].split() for line in lines if len(line) < 90}


def total_requests() -> int:
    """Of the sums in the suite's database."""
    from usage.models import UsageRollup

    return sum(UsageRollup.objects.filter(rollup=3).values_list("requests", flat=True))


def _fill() -> None:
    from django.contrib.auth.models import Group, Permission, User
    from django.core.management import call_command
    from django.db import connection

    from tests.factory import store
    from usage import retention
    from usage.models import IdempotentPost, IngestToken, OneTimePassword

    call_command("migrate", verbosity=0)
    rows = [
        {
            "timestamp": FIRST + number * dt.timedelta(hours=13, minutes=7, microseconds=5),
            "model": f"model-{number % 3}",
            "provider": "openai" if number % 2 else None,
            "status": ("200", "429", None)[number % 3],
            "api_key": f"key {number % 4}",
            "prompt_tokens": number,
            "completion_tokens": 2**40 if number % 50 == 7 else 3,
            "latency_ms": number * 1.5 if number % 5 else None,
            "ttft_ms": 2.5 if number % 7 == 0 else None,
            "cost_usd": number / 1000 if number % 4 else None,
            "request_id": f"req-{number}",
            "event_id": f"e{number}" if number % 2 else None,
            "source": "proxy-1",
        }
        for number in range(ROWS)
    ]
    store(*rows)
    for _ in retention.remove_expired_rows(HORIZON):
        pass
    store({"timestamp": HORIZON - dt.timedelta(hours=1), "model": "late", "latency_ms": 7})
    live, _ = IngestToken.objects.issue("not the first id")
    live.delete()
    token, _ = IngestToken.objects.issue("proxy")
    IngestToken.objects.filter(pk=token.pk).update(digest="d" * 64)
    old, _ = IngestToken.objects.issue("old proxy")
    old.revoke()
    alice = User.objects.create_superuser("alice", "alice@example.com", "alice's password")
    readers = Group.objects.create(name="readers")
    readers.permissions.add(Permission.objects.get(codename="view_usagemetric"))
    alice.groups.add(readers)
    bob = User.objects.create_user("bob", password="bob's password", is_staff=True)
    bob.user_permissions.add(Permission.objects.get(codename="delete_usagemetric"))
    OneTimePassword.objects.create(user=bob)
    IdempotentPost.objects.create(
        writer=f"token:{token.pk}", key="k1", body_digest="b" * 64, answer={"accepted": 1}
    )
    connection.close()
    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as file:
        file.execute("PRAGMA journal_mode=DELETE")  # all of it is in the one file


if __name__ == "__main__":
    import django

    django.setup()
    _fill()
