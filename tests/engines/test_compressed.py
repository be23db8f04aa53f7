"""Rows that TimescaleDB has compressed change as any others; the same is true of all extensions.

The engine's bound on decompressed rows is set low, so that a chunk need not hold a million.
"""

import datetime as dt
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from model_bakery import baker

from tests import server_engine
from tests.factory import ALICE, BOB, NOON, store
from tests.sums import add_waiting_rows, assert_sums_equal_rows
from usage.database import extensions
from usage.models import PriceOverride, UsageMetric

pytestmark = pytest.mark.django_db(transaction=True)
IS_TIMESCALEDB = server_engine.engine() == "timescaledb"
on_timescaledb = pytest.mark.skipif(not IS_TIMESCALEDB, reason="TimescaleDB only")
rows = UsageMetric.objects
MANY = 250  # more than a few on each side of the end of a chunk, and a few in a third
STEP = dt.timedelta(seconds=120)
FIRST = dt.datetime(2024, 1, 18, tzinfo=dt.UTC) - 115 * STEP
LIST = "/admin/usage/usagemetric/"


def sql(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def time_of(number):
    return FIRST + number * STEP + dt.timedelta(days=8 * (number >= MANY - 20))


def compress():
    """Every chunk, as TimescaleDB's job does by and by."""
    if IS_TIMESCALEDB:
        sql("SELECT compress_chunk(c) FROM show_chunks('usage_metrics') AS c")


def chunks():
    """Of each whether it is compressed, oldest first."""
    found = sql(
        "SELECT is_compressed FROM timescaledb_information.chunks "
        "WHERE hypertable_name = 'usage_metrics' ORDER BY range_start"
    )
    return [is_compressed for (is_compressed,) in found]


@pytest.fixture(autouse=True)
def _compressed_rows():
    """Three keys, none among them, two models; half with an event id."""
    store(
        *({"timestamp": time_of(n), "total_tokens": n,
           "prompt_tokens": n + 1, "model": f"m{n % 2}", "request_id": f"r{n}", "latency_ms": 5,
           "api_key_hash": (ALICE, BOB, None)[n % 3], "event_id": str(n) if n % 2 else None}
          for n in range(MANY))
    )  # fmt: skip
    compress()
    if not IS_TIMESCALEDB:
        yield
        return
    name = connection.ops.quote_name(str(connection.settings_dict["NAME"]))
    bound = "timescaledb.max_tuples_decompressed_per_dml_transaction"
    sql(f"ALTER DATABASE {name} SET {bound} = 150")
    connection.close()
    yield
    sql(f"ALTER DATABASE {name} RESET {bound}")
    connection.close()


def assert_kept(count=MANY):
    assert rows.count() == count
    assert_sums_equal_rows()
    if IS_TIMESCALEDB:
        assert set(chunks()) == {True}


# --- The ORM ------------------------------------------------------------------------------------


def test_every_row_is_updated():
    assert rows.update(model="n", total_tokens=F("total_tokens") + 1) == MANY
    assert sorted(rows.values_list("model", "total_tokens")) == [("n", n + 1) for n in range(MANY)]
    assert_kept()


@pytest.mark.parametrize("values", [{"api_key_hash": BOB}, {"api_key_hash": None}, {"cost_usd": 2}])
@pytest.mark.parametrize("wanted", [{"request_id": "r7"}, {"request_id__startswith": "r1"}])
def test_a_few_rows_and_more_are_updated(values, wanted):
    found = rows.filter(**wanted)
    expected = found.count()
    assert found.update(**values) == expected
    assert rows.filter(**wanted, **values).count() == expected
    assert_kept()


def test_rows_are_updated_within_a_transaction_of_the_caller_or_not_at_all():
    with transaction.atomic():
        assert rows.filter(model="m0").update(status="500") == MANY // 2
        rows.filter(request_id="r1").update(status="404")
    assert rows.filter(status="500").count() == MANY // 2
    assert_kept()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        rows.update(status="429")
        1 / 0  # noqa: B018
    assert not rows.filter(status="429").exists()
    assert_kept()


@pytest.mark.parametrize("count", [1, 50, MANY])
def test_rows_are_deleted(count):
    numbers = [f"r{n}" for n in range(count)]
    assert rows.filter(request_id__in=numbers).delete()[0] == count
    assert not rows.filter(request_id__in=numbers).exists()
    assert_kept(MANY - count)


def test_a_row_is_edited_and_deleted_by_itself():
    row = rows.get(request_id="r9")
    row.model, row.total_tokens, row.api_key_hash = "other", 77, BOB
    row.save()
    row.status = "500"
    row.save(update_fields=["status"])
    found = rows.get(request_id="r9")
    assert (found.model, found.total_tokens, found.status) == ("other", 77, "500")
    assert_kept()
    found.delete()
    assert_kept(MANY - 1)


@pytest.mark.skipif(server_engine.engine() == "citus", reason="what Citus does: test_orm")
def test_times_and_identities_change_too():
    row = rows.get(request_id="r9")
    moved = time_of(3) + dt.timedelta(days=8, seconds=3)
    row.timestamp, row.event_id = moved, 99
    row.save()
    assert list(rows.filter(timestamp=moved).values_list("pk", "event_id", "request_id")) == [
        (row.pk, 99, "r9")
    ]
    assert (
        rows.filter(model="m1").update(timestamp=F("timestamp") + dt.timedelta(days=8)) == MANY // 2
    )
    assert rows.filter(model="m0").update(event_id=F("pk")) == MANY // 2
    assert rows.filter(timestamp=moved + dt.timedelta(days=8)).count() == 1
    compress()
    assert_kept()
    assert list(rows.order_by("total_tokens").values_list("request_id", flat=True)) == [
        f"r{n}" for n in range(MANY)
    ]


def test_many_rows_are_updated_each_to_its_own_value():
    some = list(rows.filter(model="m1"))
    for row in some:
        row.total_tokens += 1000
    assert rows.bulk_update(some, ["total_tokens"], batch_size=70) == MANY // 2
    assert rows.filter(total_tokens__gte=1000).count() == MANY // 2
    assert_kept()


def test_rows_are_got_or_made_and_locked():
    with transaction.atomic():
        assert rows.select_for_update().filter(model="m0").count() == MANY // 2
        assert len(rows.select_for_update().filter(request_id="r3")) == 1
    row, is_new = rows.update_or_create(request_id="r3", defaults={"total_tokens": 1})
    assert (is_new, rows.get(pk=row.pk).total_tokens) == (False, 1)
    assert_kept()


# --- The admin ----------------------------------------------------------------------------------


def test_rows_are_deleted_in_the_admin(admin_client):
    row = rows.get(request_id="r9")
    assert admin_client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 302
    chosen = list(rows.order_by("-timestamp").values_list("pk", flat=True)[:100])
    answer = admin_client.post(
        LIST, {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    )
    assert answer.status_code == 302
    assert_kept(MANY - 101)


# --- Commands and posts -------------------------------------------------------------------------


def run(command, *arguments):
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("wanted", ["m0", "*"])
def test_rows_are_priced_anew(wanted):
    baker.make(PriceOverride, model_pattern=wanted, provider="", prompt_usd_per_mtok=2,
               valid_from=NOON - dt.timedelta(days=9), completion_usd_per_mtok=0,
               request_usd=1)  # fmt: skip
    run("reprice")
    assert rows.filter(cost_usd__gte=1).count() == (MANY // 2 if wanted == "m0" else MANY)
    assert_kept()


def test_a_name_is_taken_out():
    rows.filter(model="m0").update(user="jane")
    run("purge", "--user", "jane")
    assert not rows.filter(user="jane").exists()
    assert_kept()


def test_sums_are_made_anew():
    sql("UPDATE usage_rollups SET requests = 99")
    run("rebuild_rollups")
    assert_kept()


def test_rows_that_were_compressed_before_they_were_summed_are_added():
    store_in_plain_sql = (
        "INSERT INTO usage_metrics (timestamp, model, total_tokens) VALUES (%s, 'sql', 5)"
    )
    adapt = connection.ops.adapt_datetimefield_value
    for n in range(300):
        sql(store_in_plain_sql, adapt(FIRST + n * dt.timedelta(seconds=97)))
    compress()
    add_waiting_rows()
    assert_kept(MANY + 300)
    rows.filter(model="sql").update(total_tokens=6)
    assert_kept(MANY + 300)


def test_late_rows_and_their_copies_are_stored_once():
    late = [
        {"timestamp": time_of(n) + dt.timedelta(seconds=1), "event_id": str(n),
         "api_key_hash": ALICE} for n in range(200)
    ]  # fmt: skip
    for _ in range(2):
        store(*late)
        store(*late[:5])
    store(*late, {"timestamp": FIRST, "event_id": "new"})
    assert_kept(MANY + 201)
    with pytest.raises(IntegrityError):
        first = rows.filter(event_id__isnull=False).first()
        rows.create(timestamp=first.timestamp, event_id=first.event_id, model="m")
    assert_kept(MANY + 201)


def test_a_report_of_higher_rank_that_comes_late_takes_the_place_of_others(settings):
    settings.METRICS_SOURCE_PRIORITY = ("gateway",)
    for source in ("sdk", "gateway"):
        store(
            *({"timestamp": time_of(n), "response_id": str(n),
               "source": source, "event_id": f"{source}{n}"} for n in range(150))
        )  # fmt: skip
        compress()
    assert rows.counted().filter(source="sdk").count() == 0
    assert rows.counted().count() == MANY + 150
    assert_kept(MANY + 300)


# --- TimescaleDB's own --------------------------------------------------------------------------


@on_timescaledb
def test_the_job_compresses_what_an_interrupted_change_has_left_open():
    class Killed(BaseException):
        pass

    def dies(execute, statement, parameters, many, context):
        if "compress_chunk(%s" in statement and "de" + "compress_chunk" not in statement:
            raise Killed
        return execute(statement, parameters, many, context)

    with pytest.raises(Killed), connection.execute_wrapper(dies):
        rows.update(status="500")
    assert_sums_equal_rows()
    assert False in chunks()
    (job,) = sql("SELECT job_id FROM timescaledb_information.jobs "
                 "WHERE proc_name = 'policy_compression'")[0]  # fmt: skip
    sql("CALL run_job(%s)", job)
    rows.filter(request_id="r0").update(status="404")
    assert rows.filter(status="404").count() == 1
    assert_kept()


@on_timescaledb
def test_chunks_that_an_earlier_version_compressed_by_key_change_as_well():
    sql("SELECT decompress_chunk(c) FROM show_chunks('usage_metrics') AS c")
    sql("ALTER TABLE usage_metrics RESET (timescaledb.sparse_index)")
    sql(
        "ALTER TABLE usage_metrics SET (timescaledb.compress_segmentby = 'api_key_hash, is_summed')"
    )
    try:
        compress()
        rows.filter(request_id__in=["r4", "r5", "r6"]).update(model="few")
        assert rows.filter(model="m0").delete()[0] == MANY // 2 - 2
        assert_kept(MANY // 2 + 2)
        assert "lie by time" in run("enable_timescaledb")
        assert "nothing to do" in run("enable_timescaledb")
    finally:
        extensions.forget()
