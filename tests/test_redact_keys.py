"""`manage.py redact_keys`: what older versions stored in clear is taken out, and sums agree."""

import datetime as dt
import io
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection, models

from tests.api_keys import KEYS
from tests.factory import NOON
from tests.migrated import migrated
from tests.serving import manage
from tests.sums import add_waiting_rows
from usage import retention
from usage.identity import hash_api_key
from usage.live_keys import stand_in
from usage.models import (
    AuditEntry,
    CollectorState,
    IdempotentPost,
    IngestToken,
    PriceOverride,
    SuppressedPair,
    UsageMetric,
)
from usage.records import STORED_TEXTS
from usage.retention.key_texts import TEXTS
from usage.rollups import comparison, horizon, rebuild
from usage.rollups.declarations import SERIES_DIMENSIONS

DAY = dt.timedelta(days=1)
OPENAI, AWS, GROQ = KEYS["openai"], KEYS["aws"], KEYS["groq"]


def insert(*rows: dict[str, Any]) -> None:
    """As an older version stored them, whose guard let keys pass."""
    with connection.cursor() as cursor:
        for row in rows:
            at = connection.ops.adapt_datetimefield_value(row.pop("timestamp", NOON))
            values = {"timestamp": at, "model": "m", "total_tokens": 7, "latency_ms": 10.0, **row}
            names = ", ".join(f'"{name}"' for name in values)
            marks = ", ".join(["%s"] * len(values))
            cursor.execute(
                f"INSERT INTO usage_metrics ({names}) VALUES ({marks})", [*values.values()]
            )
    add_waiting_rows()


def some_rows() -> list[dict[str, Any]]:
    """Over some days and hours, each key alone and in sentences, and rows without any."""
    rows = []
    for n in range(60):
        key = (OPENAI, AWS, GROQ)[n % 3]
        text = (key, f"it is {key}", f"Bearer {key}", "plain")[n % 4]
        fields = dict.fromkeys(
            ("model", "user", "app", "request_id", "response_id", "requested_model"), text
        )
        short = {"provider": f"of {key}"[:64], "status": str(200 + n % 2 * 229)} if n % 5 else {}
        hashed = {"api_key_hash": f"k {key}"[:64]} if n % 7 == 0 else {}
        at = NOON - n % 6 * DAY - n * dt.timedelta(minutes=7)
        rows.append({"timestamp": at, "total_tokens": 2**40 + n, **fields, **short, **hashed})
    return rows


def run(*options: str) -> str:
    out = io.StringIO()
    call_command("redact_keys", *options, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def everything() -> str:
    """All that the tables of all applications hold."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            found += cursor.fetchall()
    return repr(found)


def keys_in(text: str) -> list[str]:
    return [key for key in KEYS.values() if key[-14:] in text]


def assert_sums_agree() -> None:
    first = horizon.first_day()
    days = rebuild.days_with_usage(first)
    differences = [each for day in days for each in comparison.compare_day(day)]
    assert [*differences, *comparison.compare_wide_buckets(first)] == []


def figures(client: Any) -> Any:
    answer = client.get("/_qs/metrics", {"fill": "true"}).json()
    return answer["totals"], answer["timeseries"]


@pytest.mark.django_db
def test_rows_and_sums_lose_their_keys_and_no_figure_changes(client):
    insert(*some_rows())
    before = figures(client)
    assert set(keys_in(everything())) == {OPENAI, AWS, GROQ}
    said = run()
    assert "Looked at 60 rows" in said
    assert "took keys out of" in said
    assert keys_in(everything()) == []
    assert figures(client) == before
    assert_sums_agree()
    models_now = set(UsageMetric.objects.values_list("model", flat=True))
    stands = {stand_in(key) for key in (OPENAI, AWS, GROQ)}
    prefixes = ("", "it is ", "Bearer ")
    assert models_now <= {"plain", *(f"{p}{s}" for p in prefixes for s in stands)}
    assert set(UsageMetric.objects.exclude(api_key_hash=None).values_list("api_key_hash")) <= {
        (hash_api_key(key),) for key in (OPENAI, AWS, GROQ)
    }


@pytest.mark.django_db
def test_a_dry_run_counts_and_changes_nothing():
    insert({"model": OPENAI, "user": f"is {AWS}"}, {"model": "gpt-5", "app": f"of {AWS}"}, {})
    before = everything()
    said = run("--dry-run")
    assert everything() == before
    assert "Looked at 3 rows" in said
    assert "would take keys out of 2 rows (app 1, model 1, user 1)" in said


@pytest.mark.django_db
def test_the_second_run_finds_nothing():
    insert(*some_rows())
    run()
    before = everything()
    assert run().endswith("no key in clear is stored.\n")
    assert everything() == before


@pytest.mark.django_db
def test_sums_of_purged_rows_are_moved_and_added_to_those_that_are_there(client):
    rows = some_rows()
    insert(*rows)
    cutoff = NOON - 3 * DAY
    for _ in retention.remove_expired_rows(cutoff):
        pass
    assert 0 < UsageMetric.objects.count() < len(rows)
    before = figures(client)
    parts = client.get("/_qs/metrics", {"group_by": "model"}).json()["by_model"]
    assert set(keys_in(everything())) == {OPENAI, AWS, GROQ}
    said = run()
    assert "without rows" in said
    assert keys_in(everything()) == []
    assert figures(client) == before
    assert_sums_agree()
    requests = {part["model"]: part["requests"] for part in parts}
    after = client.get("/_qs/metrics", {"group_by": "model"}).json()["by_model"]
    moved: dict[str, int] = {}
    for model, count in requests.items():
        for key in (OPENAI, AWS, GROQ):
            model = model.replace(key, stand_in(key))  # noqa: PLW2901
        moved[model] = moved.get(model, 0) + count
    assert {part["model"]: part["requests"] for part in after} == moved


@pytest.mark.django_db
def test_what_would_be_one_afterwards_is_added_up(client):
    """A row of the new version and one of the old, of the same key, in the same hour."""
    insert({"model": stand_in(OPENAI)}, {"model": OPENAI})
    for _ in retention.remove_expired_rows(NOON + DAY):
        pass
    run()
    parts = client.get("/_qs/metrics").json()["by_model"]
    assert [(part["model"], part["requests"]) for part in parts] == [(stand_in(OPENAI), 2)]


@pytest.mark.django_db
def test_rows_that_no_figure_counts_lose_their_keys_too():
    insert({"model": OPENAI, "excluded_as": "warm_up"})
    run()
    assert keys_in(everything()) == []
    assert_sums_agree()


@pytest.mark.django_db
def test_the_small_tables_lose_their_keys():
    kept = f"of {OPENAI}"
    IdempotentPost.objects.create(writer="open", key=kept, body_digest="d")
    for source in (OPENAI, stand_in(OPENAI)):
        SuppressedPair.objects.create(
            counted_source="litellm", suppressed_source=source, calls=2, last_at=NOON
        )
    price = {"prompt_usd_per_mtok": 1, "completion_usd_per_mtok": 1, "request_usd": 0}
    PriceOverride.objects.bulk_create(
        [PriceOverride(model_pattern=each, **price) for each in (OPENAI, stand_in(OPENAI), AWS)]
    )
    CollectorState.objects.create(name="east", url="http://a", error=kept, last_loss=kept)
    IngestToken.objects.bulk_create([IngestToken(name=kept, hint="qsm_", digest="d")])
    AuditEntry.objects.create(actor="a", via="admin", action="added", object_name=kept, detail=kept)
    user = User.objects.create_user("u")
    content = ContentType.objects.get_for_model(IngestToken)
    LogEntry.objects.create(
        user=user, content_type=content, object_id="1", object_repr=kept, action_flag=ADDITION,
        change_message=kept,
    )  # fmt: skip
    said = run()
    assert keys_in(everything()) == []
    assert SuppressedPair.objects.get().calls == 4
    patterns = PriceOverride.objects.values_list("model_pattern", flat=True)
    assert sorted(patterns) == sorted([stand_in(OPENAI), stand_in(AWS)])
    assert IdempotentPost.objects.get().key == f"sha256:{hash_api_key(kept)}"
    assert "1 ingest token" in said


@pytest.mark.django_db
def test_the_audit_trail_says_that_it_was_done():
    insert({"model": OPENAI})
    run()
    assert AuditEntry.objects.get().via == "manage.py redact_keys"
    run()
    assert AuditEntry.objects.count() == 1


@pytest.mark.django_db
def test_files_that_hold_keys_are_named(portal_folder: Path):
    (portal_folder / "collector").mkdir()
    bad = portal_folder / "old.db.rejected.ndjson"
    worse = portal_folder / "collector" / "east.broken.ndjson"
    for path in (bad, worse):
        path.write_text(f'{{"row": "{OPENAI}"}}\n')
    (portal_folder / "good.rejected.ndjson").write_text("{}\n")
    told = [line for line in run().splitlines() if "delete it" in line]
    assert told == [f"{path} holds keys, too: delete it." for path in (worse, bad)]


def test_nothing_is_left_in_the_file(tmp_path: Path):
    path = migrated(tmp_path) / "metrics.db"
    with closing(sqlite3.connect(path)) as file, file:
        file.executemany(
            "INSERT INTO usage_metrics (timestamp, model, request_id) VALUES (?, ?, ?)",
            [("2024-01-15 10:00:00", f"m {OPENAI}", f"{AWS}-{n}") for n in range(500)],
        )
    assert OPENAI.encode() in path.read_bytes()
    done = manage(tmp_path, "redact_keys")
    assert done.returncode == 0, done.stderr
    assert "took keys out of 500 rows (model 500, request_id 500)" in done.stdout
    files = b"".join(each.read_bytes() for each in tmp_path.iterdir() if each.is_file())
    assert OPENAI.encode() not in files
    assert AWS.encode() not in files


# Digests, words of the portal's own, what Django needs, and what an administrator may type.
NO_KEYS_IN = {
    *("usage.IdempotentPost.writer", "usage.IdempotentPost.body_digest", "usage.IngestToken.hint"),
    *("usage.IngestToken.digest", "usage.ImportedFile.fingerprint", "usage.ProvenAddress.digest"),
    *("usage.CollectorState.name", "usage.CollectorState.url", "usage.CollectorState.state"),
    *("usage.CollectorState.way", "usage.AuditEntry.actor", "usage.AuditEntry.via"),
    *("usage.AuditEntry.action", "usage.AuditEntry.kind", "usage.UsageSeries.grouping"),
    *("usage.UsageSeries.digest", "usage.FillingState.came_with"),
    *(
        "usage.UsageName.dimension",
        "usage.UsageMetric.cost_source",
        "usage.UsageMetric.excluded_as",
    ),
}
# Tables that are younger than the guard, through which all goes that they hold.
NO_KEYS_IN |= {
    f"usage.{name}"
    for names in (
        "UpstreamAccount.source UpstreamAccount.account UpstreamAccount.provider",
        "UpstreamAccount.kind UpstreamAccount.label",
        "QuotaWindow.source QuotaWindow.account QuotaWindow.span QuotaWindow.status",
        "QuotaWindow.provider QuotaHour.source QuotaHour.account QuotaHour.span QuotaHour.status",
        "HeardCount.source HeardCount.writer HeardCount.kind HeardCount.detail",
    )
    for name in names.split()
}
SERIES = {f"usage.UsageSeries.{name}" for name in SERIES_DIMENSIONS}
SERIES |= {"usage.UsageName.name"}


def test_every_text_that_comes_from_outside_is_looked_at():
    """A new column belongs into `key_texts.TEXTS`, or here with a reason."""
    all_texts = {
        f"usage.{model.__name__}.{field.name}"
        for model in apps.get_app_config("usage").get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, (models.CharField, models.TextField))
    }
    looked_at = {
        f"usage.{model.__name__}.{name}" for model, names in TEXTS.items() for name in names
    }
    rows = {f"usage.UsageMetric.{name}" for name in STORED_TEXTS}
    assert all_texts - looked_at - rows - SERIES == NO_KEYS_IN


@pytest.mark.django_db
def test_names_that_are_not_told_apart_stay_so(settings, client):
    settings.METRICS_MAX_NAMES = 2
    insert({"model": "a"}, {"model": "b"}, {"model": OPENAI}, {"model": f"is {AWS}"})
    before = client.get("/_qs/metrics").json()["by_model"]
    run()
    assert keys_in(everything()) == []
    assert client.get("/_qs/metrics").json()["by_model"] == before
    assert_sums_agree()


@pytest.mark.django_db
def test_a_key_that_is_gone_makes_room_for_a_name(settings, client):
    settings.METRICS_MAX_NAMES = 2
    insert({"model": OPENAI}, {"model": stand_in(OPENAI)})
    for _ in retention.remove_expired_rows(NOON + DAY):
        pass
    run()
    insert({"model": "gpt-5", "timestamp": dt.datetime.now(dt.UTC)})
    parts = client.get("/_qs/metrics").json()["by_model"]
    assert sorted(part["model"] for part in parts) == ["gpt-5", stand_in(OPENAI)]
