"""`fold_names`: rare names into (other), and out of it again; sums and rows agree at every step."""

import datetime as dt
import io
import random
import re
import threading
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from tests.factory import NOON, at, store
from tests.sums import assert_sums_equal_rows
from tests.thorough import some
from usage import retention
from usage.models import AuditEntry, UsageMetric, UsageName, UsageRollup, UsageSeries
from usage.recording import record_batch
from usage.rollups import names, renaming, series
from usage.rollups.name_entries import ALWAYS, NEVER

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)
HORIZON = at("2024-02-10 12:00")


def fold(*options: str) -> str:
    out = io.StringIO()
    call_command("fold_names", *options, stdout=out)
    return out.getvalue()


def purge(*options: str) -> None:
    call_command("purge", "--older-than", "30d", "--no-vacuum", *options, stdout=io.StringIO())


def models(**query: Any) -> dict[str, int]:
    answer = Client().get("/_qs/metrics", query).json()
    return {part["model"]: part["requests"] for part in answer["by_model"]}


def months_of_rows(days: int = 100) -> None:
    """`often` on each day, `rare` and `rarer` on a few, in several months."""
    rows = [{"model": "often", "timestamp": NOON + n * DAY, "latency_ms": n} for n in range(days)]
    rows += [{"model": "rare", "timestamp": NOON + n * 9 * DAY, "api_key": "k", "ttft_ms": 3}
             for n in range(10)]  # fmt: skip
    rows += [{"model": "rarer", "timestamp": NOON + n * 31 * DAY, "total_tokens": 2**40}
             for n in range(3)]  # fmt: skip
    store(*rows)


def totals() -> dict[str, Any]:
    return Client().get("/_qs/metrics").json()["totals"]


def test_rare_names_count_as_other_and_their_rows_and_totals_stay():
    months_of_rows()
    before = totals()
    assert "Folded 2 names of model with 13 requests." in fold(
        "--rarer-than", "11", "--dimension", "model"
    )
    assert models() == {"(other)": 13, "often": 100}
    assert totals() == before
    assert models(model="rarer") == {"rarer": 3}
    assert UsageMetric.objects.filter(model="rare").count() == 10
    assert not UsageSeries.objects.filter(model__in=["rare", "rarer"]).exists()
    assert_sums_equal_rows()
    store({"model": "rare"}, {"model": "new"})
    assert models() == {"(other)": 14, "new": 1, "often": 100}
    assert_sums_equal_rows()
    assert AuditEntry.objects.get(action="folded").detail.startswith("2 names of model")


def test_folding_makes_room(settings):
    settings.METRICS_MAX_NAMES = 4
    months_of_rows()
    store({"model": "late"})
    assert UsageName.objects.get(name="late").counts_from == ALWAYS
    store({"model": "later"})
    said = fold("--rarer-than", "4", "--dimension", "model")
    assert "2 names of model with 4 requests. There is room for 2." in said
    store({"model": "newest"}, {"model": "later"})
    assert models() == {"(other)": 6, "often": 100, "rare": 10, "newest": 1}
    assert_sums_equal_rows()


def test_a_dry_run_changes_nothing():
    months_of_rows()
    before = [*UsageRollup.objects.order_by("pk").values()]
    assert "Would fold 2 names of model" in fold("--rarer-than", "11", "--dry-run")
    assert [*UsageRollup.objects.order_by("pk").values()] == before
    assert not UsageName.objects.exclude(counts_from=ALWAYS).exists()


def test_every_kind_of_name_can_be_folded():
    store(*[{"model": "m", "provider": "p", "status": "200", "api_key": "k"}] * 3,
          {"model": "x", "provider": "y", "status": "500", "api_key": "z"})  # fmt: skip
    fold("--rarer-than", "2")
    for group, column in (("provider", "provider"), ("status", "status")):
        answer = Client().get("/_qs/metrics", {"group_by": group}).json()
        assert [(part[column], part["requests"]) for part in answer[f"by_{group}"]] == [
            ("(other)", 1), (answer[f"by_{group}"][1][column], 3),
        ]  # fmt: skip
    assert totals()["failed_requests"] == 1
    assert Client().get("/_qs/metrics", {"status": "error"}).json()["totals"]["requests"] == 1
    assert_sums_equal_rows()
    fold("--release", "500", "--release", "x")
    assert_sums_equal_rows()
    assert models() == {"m": 3, "x": 1}


def test_sums_and_rows_agree_after_every_step():
    months_of_rows()
    before = totals()
    steps = 0
    for _ in renaming.fold("model", ["rare", "rarer"]):
        steps += 1
        check_every_part(before)
        store({"model": "rare", "timestamp": NOON}, {"model": "rare", "timestamp": NOON + 50 * DAY})
        UsageMetric.objects.order_by("-id")[:1].get().delete()
        UsageMetric.objects.order_by("-id")[:1].get().delete()
    assert steps >= 3
    steps = 0
    for _ in renaming.release("model", ["rare", "rarer"]):
        steps += 1
        check_every_part(before)
    assert steps >= 10
    assert models() == {"often": 100, "rare": 10, "rarer": 3}


def check_every_part(before: dict[str, Any]) -> None:
    assert_sums_equal_rows()
    assert totals() == before
    assert sum(models(model="rare").values()) == 10
    for start in some(range(0, 100, 17), least=2):  # each with ragged ends
        period = {"from": (NOON + start * DAY - DAY / 7).isoformat(),
                  "to": (NOON + (start + 20) * DAY + DAY / 9).isoformat()}  # fmt: skip
        rows = UsageMetric.objects.filter(timestamp__range=(period["from"], period["to"]))
        assert sum(models(**period).values()) == rows.count()
        assert sum(models(model="rare", **period).values()) == rows.filter(model="rare").count()


def test_what_broke_off_is_continued():
    months_of_rows()
    next(renaming.fold("model", ["rare"]))
    assert ALWAYS < UsageName.objects.get(name="rare").counts_from < NEVER
    assert_sums_equal_rows()
    fold("--rarer-than", "11", "--dimension", "model")
    assert models() == {"(other)": 13, "often": 100}
    next(renaming.release("model", ["rare"]))
    fold("--release", "rare")
    assert models() == {"rare": 10, "(other)": 3, "often": 100}
    assert_sums_equal_rows()


def without_percentiles(figures: dict[str, Any]) -> dict[str, Any]:
    """Which rows tell exactly as long as all are here."""
    return {name: value for name, value in figures.items() if not re.match(r"p\d", name)}


def test_what_was_purged_folds_with_the_rest_and_is_not_released():
    months_of_rows()
    before = without_percentiles(totals())
    for _ in retention.remove_expired_rows(HORIZON):
        pass
    gone = 10 - UsageMetric.objects.filter(model="rare").count()
    assert gone > 2
    fold("--rarer-than", "11", "--dimension", "model")
    assert models() == {"(other)": 13, "often": 100}
    assert models(model="rare") == {"rare": 10 - gone}
    fold("--release", "rare")
    assert models() == {"rare": 10 - gone, "(other)": 3 + gone, "often": 100}
    assert without_percentiles(totals()) == before
    call_command("rebuild_rollups", "--check")
    fold("--rarer-than", "11", "--dimension", "model")
    assert models() == {"(other)": 13, "often": 100}


def test_names_without_sums_are_forgotten():
    months_of_rows()
    UsageMetric.objects.filter(model="rare").delete()
    fold("--rarer-than", "1")
    assert not UsageName.objects.filter(name="rare").exists()
    store({"model": "rare"})
    assert models()["rare"] == 1


def test_a_purge_forgets_names_that_nothing_is_left_of(settings):
    settings.METRICS_MAX_NAMES = 1
    store({"model": "a", "timestamp": NOON}, {"model": "b", "timestamp": NOON})
    UsageName.objects.update(last_day=int(NOON.timestamp()) // 86_400 * 86_400)  # it came then
    purge()
    assert [*UsageName.objects.values_list("name", flat=True)] == ["a"]
    assert models() == {"a": 1, "(other)": 1}
    purge("--summaries")
    assert not UsageName.objects.exists()
    store({"model": "b"})
    assert models() == {"b": 1}
    assert_sums_equal_rows()


def test_release_needs_room(settings):
    months_of_rows()
    fold("--rarer-than", "11", "--dimension", "model")
    settings.METRICS_MAX_NAMES = 2
    with pytest.raises(CommandError, match="2 names would be told apart and there is room for 1"):
        fold("--release", "rare", "--release", "rarer")
    assert models() == {"(other)": 13, "often": 100}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rarer-than", "0"], "write 1 or more"),
        (["--release", "nobody's"], "does not count as \\(other\\)"),
        (["--release", "(other)"], "does not count as \\(other\\)"),
        ([], "required"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, said):
    with pytest.raises(CommandError, match=said):
        fold(*options)


@pytest.mark.django_db(transaction=True)
def test_another_process_that_remembers_more_writes_what_is_decided_now():
    months_of_rows(10)
    remembered = names._remembered.version, names._remembered.names, series._known
    fold("--rarer-than", "11")
    names._remembered.version, names._remembered.names = remembered[:2]
    series._known = remembered[2]
    months_of_rows(10)
    assert models() == {"(other)": 46}
    assert_sums_equal_rows()


def write_until(stop: threading.Event, number: int, failures: list[Exception]) -> None:
    chance = random.Random(number)
    try:
        while not stop.is_set():
            found = [f"m{chance.randrange(12)}" for _ in range(20)]
            times = [NOON + chance.randrange(90) * DAY for _ in found]
            record_batch([{"model": name, "api_key": name, "timestamp": time}
                          for name, time in zip(found, times, strict=True)])  # fmt: skip
            if number == 0:
                UsageMetric.objects.filter(model="m3").update(model=f"m{chance.randrange(12)}")
    except Exception as error:  # noqa: BLE001  # told at the end
        failures.append(error)
    finally:
        connection.close()


def fold_and_release(some: list[str]) -> None:
    for _ in renaming.fold("model", some):
        report = Client().get("/_qs/metrics").json()
        requests = report["totals"]["requests"]
        assert sum(part["requests"] for part in report["by_model"]) == requests
    for _ in renaming.release("model", renaming.names_in_other("model", some)):
        pass


@pytest.mark.django_db(transaction=True)
def test_writers_go_on_while_names_are_folded_and_released():
    stop, failures = threading.Event(), []
    months_of_rows()
    writers = [
        threading.Thread(target=write_until, args=(stop, number, failures)) for number in range(3)
    ]
    for writer in writers:
        writer.start()
    try:
        for _ in range(2):
            fold_and_release([f"m{number}" for number in range(8)])
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert failures == []
    assert_sums_equal_rows()
    assert sum(models().values()) == UsageMetric.objects.count()
