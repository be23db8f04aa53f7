"""More names than figures tell apart: the others count as (other), in sums and rows alike."""

import datetime as dt
import importlib
import threading
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from tests.factory import NOON, store
from tests.sums import add_waiting_rows, assert_sums_equal_rows
from usage.models import UsageMetric, UsageName
from usage.queries import reach
from usage.recording import record_batch
from usage.rollups import names
from usage.rollups.name_entries import ALWAYS, NEVER

pytestmark = pytest.mark.django_db

A_DAY_EARLIER = -86_400


@pytest.fixture(autouse=True)
def _three_names(settings: Any) -> None:
    settings.METRICS_MAX_NAMES = 3


def models(**query: Any) -> dict[str, int]:
    answer = Client().get("/_qs/metrics", query).json()
    return {part["model"]: part["requests"] for part in answer["by_model"]}


def store_models(*found: str, **fields: Any) -> None:
    for number, model in enumerate(found):
        store({"model": model, "total_tokens": 10 - number, **fields})


def insert_in_plain_sql(*found: str) -> None:
    with connection.cursor() as cursor:
        for model in found:
            cursor.execute(
                "INSERT INTO usage_metrics (timestamp, model, total_tokens) "
                "VALUES ('2024-01-15 12:00:00', %s, 1)",
                [model],
            )


def decided() -> dict[str, int]:
    return dict(UsageName.objects.filter(dimension="model").values_list("name", "counts_from"))


def test_names_past_the_bound_count_as_other_and_their_rows_keep_them():
    store_models("a", "b", "c", "d", "e", "a", "d")
    assert models() == {"a": 2, "b": 1, "c": 1, "(other)": 3}
    assert decided() == {"a": ALWAYS, "b": ALWAYS, "c": ALWAYS, "d": NEVER, "e": NEVER}
    stored = UsageMetric.objects.order_by("id").values_list("model", flat=True)
    assert [*stored] == ["a", "b", "c", "d", "e", "a", "d"]
    assert_sums_equal_rows()


def test_the_first_of_a_batch_are_told_apart():
    times = (NOON + number * dt.timedelta(seconds=1) for number in range(7))
    record_batch([{"model": m, "timestamp": at} for m, at in zip("zyxwzzz", times, strict=True)])
    assert models() == {"z": 4, "y": 1, "x": 1, "(other)": 1}


def test_the_bound_is_one_of_each_dimension():
    for number in range(4):
        store({"model": "m", "provider": f"p{number}", "status": "200", "api_key": f"k{number}"})
    answer = Client().get("/_qs/metrics", {"group_by": "api_key"}).json()
    assert sorted(part["requests"] for part in answer["by_api_key"]) == [1, 1, 1, 1]
    assert sum(part["api_key_hash"] == "(other)" for part in answer["by_api_key"]) == 1
    by_provider = Client().get("/_qs/metrics", {"group_by": "provider"}).json()["by_provider"]
    assert sorted(part["provider"] for part in by_provider) == ["(other)", "p0", "p1", "p2"]
    assert models() == {"m": 4}


def test_rows_without_a_name_take_no_room(settings):
    settings.METRICS_MAX_NAMES = 1
    store({"provider": None}, {"provider": "p"}, {"provider": None})
    by_provider = Client().get("/_qs/metrics", {"group_by": "provider"}).json()["by_provider"]
    assert sorted((part["provider"] or "", part["requests"]) for part in by_provider) == [
        ("", 2),
        ("p", 1),
    ]


def test_only_so_many_are_new_on_a_day_whatever_is_restarted(settings):
    settings.METRICS_MAX_NAMES, settings.METRICS_MAX_NEW_NAMES = 10, 2
    store_models("a", "b")
    names.forget()
    store_models("c", "a")
    assert models() == {"a": 2, "b": 1, "(other)": 1}
    for entry in UsageName.objects.all():  # a day goes by
        entry.first_day += A_DAY_EARLIER
        entry.save()
    store_models("d", "e", "f", "c")
    assert models() == {"a": 2, "b": 1, "d": 1, "e": 1, "(other)": 3}
    assert_sums_equal_rows()


def test_imports_are_bound_by_the_whole_alone(settings, tmp_path, portal_folder):
    settings.METRICS_MAX_NEW_NAMES = 1
    lines = "\n".join(
        f'{{"model": "{name}", "timestamp": "2024-01-15", "total_tokens": 1}}' for name in "abcd"
    )
    (tmp_path / "rows.ndjson").write_text(lines)
    call_command("import_metrics", str(tmp_path / "rows.ndjson"), verbosity=0)
    assert models() == {"a": 1, "b": 1, "c": 1, "(other)": 1}


def test_a_client_that_says_other_itself_breaks_nothing():
    store_models("(other)", "a", "b", "c", "d")
    insert_in_plain_sql("(other)")
    assert models() == {"(other)": 3, "a": 1, "b": 1, "c": 1}
    assert models(model="(other)") == {"(other)": 3}
    assert models(model=["(other)", "a"]) == {"(other)": 3, "a": 1}
    add_waiting_rows()
    assert_sums_equal_rows()


@pytest.mark.parametrize(
    "ends", [{}, {"from": "2024-01-15T11:59:59Z", "to": "2024-01-15T12:00:01Z"}]
)
def test_rows_of_plain_sql_edits_and_deletions_go_by_the_same_names(ends):
    store_models("a", "b")
    insert_in_plain_sql("c", "d", "d")
    add_waiting_rows()
    assert models(**ends) == {"a": 1, "b": 1, "c": 1, "(other)": 2}
    UsageMetric.objects.filter(model="a").update(model="e")
    assert models(**ends) == {"b": 1, "c": 1, "(other)": 3}
    row = UsageMetric.objects.filter(model="d").first()
    row.model = "a"
    row.save()
    UsageMetric.objects.filter(model="d").delete()
    assert models(**ends) == {"a": 1, "b": 1, "c": 1, "(other)": 1}
    call_command("rebuild_rollups")
    assert models(**ends) == {"a": 1, "b": 1, "c": 1, "(other)": 1}
    assert_sums_equal_rows()


# --- Asking for them --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ends", [{}, {"from": "2024-01-15T11:59:59Z", "to": "2024-01-15T12:00:01Z"}]
)
def test_asking_for_a_name_that_counts_as_other_counts_its_rows(ends):
    store_models("a", "b", "c", "d", "e", "d", status="500", latency_ms=7)
    assert models(model="d", **ends) == {"d": 2}
    assert models(model=["a", "d"], **ends) == {"a": 1, "d": 2}
    answer = Client().get("/_qs/metrics", {"model": "d", "status": "error", **ends}).json()
    assert answer["totals"]["requests"] == answer["timeseries"][0]["requests"] == 2
    assert answer["totals"]["p50_latency_ms"] == 7
    assert models(model="nobody's", **ends) == {}
    assert models(model="(other)", **ends) == {"(other)": 3}


def test_failures_are_found_whatever_their_status_counts_as():
    for status in ("200", "500", "429", "501", "502", "ok"):
        store({"status": status})
    failed = Client().get("/_qs/metrics", {"status": "error", "group_by": "status"}).json()
    assert failed["totals"]["requests"] == failed["totals"]["failed_requests"] == 4
    assert {part["status"]: part["requests"] for part in failed["by_status"]} == {
        "500": 1, "429": 1, "(other)": 2,
    }  # fmt: skip
    assert Client().get("/_qs/metrics").json()["totals"]["failed_requests"] == 4
    named = Client().get("/_qs/metrics", {"status": "501", "group_by": "status"}).json()
    assert [part["status"] for part in named["by_status"]] == ["501"]
    other = Client().get("/_qs/metrics", {"status": "(other)"}).json()["totals"]
    assert (other["requests"], other["failed_requests"]) == (3, 2)


@pytest.mark.parametrize("path", ["/_qs/metrics", "/_qs/metrics/ui"])
def test_too_many_rows_of_such_a_name_are_refused_with_a_way_out(path, monkeypatch):
    monkeypatch.setattr(reach, "MOST_ROWS_OF_OTHERS", 2)
    store_models("a", "b", "c", "d", "d")
    query = {"model": "d", "from": "2024-01-01T00:00:00Z"}
    assert Client().get(path, query).status_code == 200
    store_models("d")
    answer = Client().get(path, query)
    assert answer.status_code == 400
    assert "rows would have to be counted" in answer.content.decode()
    assert Client().get(path, {"model": "a", "from": "2024-01-01T00:00:00Z"}).status_code == 200


def test_rows_are_listed_by_what_they_count_as():
    store_models("a", "b", "c", "d", "(other)")
    rows = Client().get("/_qs/usage", {"model": "(other)"}).json()["usage"]
    assert [row["model"] for row in rows] == ["(other)", "d"]
    assert len(Client().get("/_qs/usage", {"model": "d"}).json()["usage"]) == 1


def test_the_dashboard_shows_others_and_leads_nowhere_from_them():
    store_models("a", "b", "c", "d")
    page = Client().get("/_qs/metrics/ui", {"range": "all"}).content.decode()
    assert '<th scope="row">(other)</th>' in page
    assert 'value="(other)"' not in page
    assert Client().get("/_qs/metrics/ui", {"range": "all", "model": "d"}).status_code == 200


def test_prometheus_has_the_others_of_the_sums():
    store_models("a", "b", "c", "d", "e")
    text = b"".join(Client().get("/_qs/metrics/prometheus")).decode()
    assert 'qsmetrics_requests_total{model="(other)",provider="",status_class="none"} 2' in text
    assert '"d"' not in text


@pytest.mark.django_db(transaction=True)
def test_health_tells_how_many_names_count_as_other_and_what_room_is_left():
    store_models("a", "b")
    found = Client().get("/_qs/health").json()
    assert (found["names_as_other"], found["room_for_names"]) == (0, 1)
    store_models("c", "secret", "(other)")
    answer = Client().get("/_qs/health")
    assert (answer.json()["names_as_other"], answer.json()["room_for_names"]) == (1, 0)
    assert b"secret" not in answer.content


# --- Many writers -----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_agree_on_what_is_told_apart(settings):
    settings.METRICS_MAX_NAMES = 20
    failures: list[Exception] = []

    def write(number: int) -> None:
        try:
            for batch in range(6):
                found = [f"m{(number * 7 + batch * 5 + each) % 60}" for each in range(15)]
                record_batch([{"model": name, "timestamp": NOON, "api_key": name}
                              for name in (found if number % 2 else reversed(found))])  # fmt: skip
        except Exception as error:  # noqa: BLE001  # told at the end
            failures.append(error)
        finally:
            connection.close()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failures == []
    told = UsageName.objects.filter(dimension="model", counts_from=ALWAYS).count()
    assert (told, UsageName.objects.filter(dimension="model").count()) == (20, 60)
    assert sum(models().values()) == 8 * 6 * 15
    assert_sums_equal_rows()


# --- Upgrading --------------------------------------------------------------------------------


def test_names_that_were_told_apart_before_the_bound_came_go_on_being_so(settings):
    settings.METRICS_MAX_NAMES = 100
    store_models("a", "b", "c", "d", "e")
    UsageName.objects.all().delete()
    names.forget()
    migration = importlib.import_module("usage.migrations.0010_tell_known_names_apart").Migration
    with connection.cursor() as cursor:
        for statement in migration.operations[0].sql:
            cursor.execute(statement)
    settings.METRICS_MAX_NAMES = 2
    store_models("a", "e", "f")
    assert models() == {"a": 2, "b": 1, "c": 1, "d": 1, "e": 2, "(other)": 1}
    assert_sums_equal_rows()
