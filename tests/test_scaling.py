"""`enable_timescaledb` and `enable_citus`, and what purge does on chunks.

What needs a real engine is in `tests/engines`; `stub_engines` has what must be told without."""

import datetime as dt

import pytest
from django.core.management import CommandError
from django.db import connection

from tests import server_engine, stub_engines
from tests.factory import NOON, store
from tests.stub_engines import insert_in_plain_sql, run
from tests.sums import assert_sums_equal_rows
from usage import retention
from usage.models import UsageMetric
from usage.rollups.horizon import purged_before
from usage.scaling.server import primary_key

pytestmark = pytest.mark.django_db
on_postgresql = pytest.mark.skipif(
    server_engine.engine() != "postgresql", reason="plain PostgreSQL only"
)
COMMANDS = ("enable_timescaledb", "enable_citus")
DAY = dt.timedelta(days=1)


def enable_timescaledb(**options) -> str:
    with stub_engines.compression_settings():
        return run("enable_timescaledb", **options)


# --- What stands in the way -------------------------------------------------------------------


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite only")
@pytest.mark.parametrize("command", COMMANDS)
def test_sqlite_has_no_extensions(command):
    with pytest.raises(CommandError, match="keeps its data in a SQLite file: set DATABASE_URL"):
        run(command)


@on_postgresql
@pytest.mark.parametrize("command", COMMANDS)
def test_a_server_without_the_extension_is_told_how_to_get_it(command):
    name = command.removeprefix("enable_")
    with pytest.raises(
        CommandError, match=rf"install the package .*{name}.*, add {name} to shared"
    ):
        run(command)


@on_postgresql
@pytest.mark.parametrize("command", COMMANDS)
def test_a_user_who_does_not_own_the_tables_is_refused(command):
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE somebody; GRANT SELECT ON django_migrations TO somebody")
        cursor.execute("SET LOCAL ROLE somebody")
    with pytest.raises(CommandError, match="does not own the tables: run this as their owner"):
        run(command)


@on_postgresql
def test_a_user_without_the_right_is_told_who_has_it(monkeypatch):
    monkeypatch.setattr("usage.management.scaling_command.require_installed", lambda _: None)
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE somebody; GRANT CREATE ON SCHEMA public TO somebody")
        for table in connection.introspection.table_names():
            cursor.execute(f"ALTER TABLE {table} OWNER TO somebody")
        cursor.execute("SET LOCAL ROLE somebody")
    with (
        pytest.raises(CommandError, match="let a superuser run `CREATE EXTENSION timescaledb`"),
        connection.execute_wrapper(_without_right),
    ):
        run("enable_timescaledb")


def _without_right(execute, sql, parameters, many, context):
    """The extension is not there at all, so the server would not come to look at rights."""
    refused = sql.replace("CREATE EXTENSION IF NOT EXISTS timescaledb", "CREATE ROLE another")
    return execute(refused, parameters, many, context)


@on_postgresql
@pytest.mark.parametrize(
    ("command", "options", "error"),
    [
        ("enable_timescaledb", {"chunk": "soon"}, "--chunk is 'soon': write a whole number"),
        ("enable_timescaledb", {"chunk": "5m"}, "--chunk is '5m': from 1h to 36500d makes sense"),
        ("enable_timescaledb", {"compress_after": "6d"}, "'6d': from 7d to 36500d makes sense"),
    ],
)
def test_options_that_make_no_sense_are_refused(command, options, error):
    stub_engines.install(command.removeprefix("enable_"))
    with pytest.raises(CommandError, match=error):
        run(command, **options)


@on_postgresql
def test_the_apache_edition_is_told_to_do_without_compression():
    stub_engines.install("timescaledb")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL timescaledb.license = 'apache'")
    with pytest.raises(CommandError, match="run this with --no-compression"):
        run("enable_timescaledb")
    run("enable_timescaledb", no_compression=True)
    assert [call.split()[0] for call in stub_engines.calls()] == ["create_hypertable"]


@on_postgresql
def test_the_two_do_not_go_together():
    stub_engines.install("timescaledb")
    enable_timescaledb()
    with pytest.raises(CommandError, match="which Citus cannot distribute"):
        run("enable_citus", dry_run=True)


# --- TimescaleDB ------------------------------------------------------------------------------


@on_postgresql
def test_the_rows_become_a_hypertable():
    stub_engines.install("timescaledb")
    store({"timestamp": NOON})
    insert_in_plain_sql("2024-01-15 12:00:00")

    with stub_engines.compression_settings() as settings:
        said = run("enable_timescaledb", chunk="1d", compress_after="4w")

    assert stub_engines.calls() == [
        "create_hypertable usage_metrics timestamp 1 day f t",
        "add_compression_policy usage_metrics 28 days t",
    ]
    assert len(settings) == 1
    assert "compress_segmentby = 'is_summed'" in settings[0]
    assert primary_key("usage_metrics")[1] == ["id", "timestamp"]
    assert "From now on `manage.py purge` drops chunks" in said
    assert_sums_equal_rows()


@on_postgresql
def test_a_second_time_there_is_nothing_to_do():
    stub_engines.install("timescaledb")
    enable_timescaledb(no_compression=True)
    assert len(stub_engines.calls()) == 1
    enable_timescaledb()
    calls = stub_engines.calls()
    assert [call.split()[0] for call in calls] == ["create_hypertable", "add_compression_policy"]

    assert enable_timescaledb() == "usage_metrics is a hypertable already: nothing to do.\n"
    assert run("enable_timescaledb", dry_run=True).startswith("-- usage_metrics is a hypertable")
    assert stub_engines.calls() == calls


@on_postgresql
@pytest.mark.parametrize("command", COMMANDS)
def test_a_dry_run_prints_the_sql_and_changes_nothing(command):
    before = primary_key("usage_metrics")
    said = run(command, dry_run=True)
    statements = [line for line in said.splitlines() if not line.startswith("--")]
    assert statements[0] == f"CREATE EXTENSION IF NOT EXISTS {command.removeprefix('enable_')};"
    assert len(statements) > 5
    assert all(statement.endswith(";") for statement in statements)
    assert primary_key("usage_metrics") == before


@on_postgresql
def test_rows_are_written_edited_and_deleted_as_before_by_the_wider_key():
    stub_engines.install("timescaledb")
    enable_timescaledb()

    store({"event_id": "a"}, {"event_id": "b"}, {"event_id": "a"})
    row = UsageMetric.objects.order_by("id").first()
    row.total_tokens = 9
    row.save()
    UsageMetric.objects.exclude(pk=row.pk).delete()

    assert UsageMetric.objects.get().total_tokens == 9
    assert_sums_equal_rows()


@on_postgresql
class TestPurgingChunks:
    @pytest.fixture(autouse=True)
    def _hypertable(self):
        stub_engines.install("timescaledb")
        store(*({"timestamp": NOON + number * DAY / 2} for number in range(20)))
        enable_timescaledb(chunk="1d")

    def test_whole_chunks_are_dropped_and_the_one_of_the_cutoff_stays(self):
        insert_in_plain_sql("2024-01-16 01:00:00")
        cutoff = retention.reachable(NOON + 3 * DAY)

        batches = list(retention.remove_expired_rows(cutoff))

        assert [batch.rows for batch in batches] == [1, 3, 2]
        assert cutoff == purged_before() == dt.datetime(2024, 1, 18, tzinfo=dt.UTC)
        assert stub_engines.calls()[2:] == [
            f"drop_chunks usage_metrics 2024-01-{day} 00:00:00+00" for day in (16, 17, 18)
        ]
        assert UsageMetric.objects.count() == 15

    def test_the_command_says_so(self):
        said = run("purge", older_than="1d", summaries=True)
        assert "Removed 20 rows from 2024-01-15T12:00:00Z to 2024-01-25T00:00:00Z" in said or (
            "Removed 20 rows" in said
        )

    def test_when_no_chunk_is_past_nothing_goes(self):
        UsageMetric.objects.all().delete()
        now = dt.datetime.now(dt.UTC)
        store({"timestamp": now - dt.timedelta(minutes=2)})
        said = run("purge", older_than="1m")
        assert said.startswith("Nothing to remove: no whole chunk is from before ")
        assert purged_before() is None
