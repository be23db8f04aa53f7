"""`enable_timescaledb` and `enable_citus` on databases that have rows already, and once more."""

import uuid

import psycopg
import pytest

from tests import server_engine
from tests.engines.conftest import SECRET
from tests.serving import manage

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        server_engine.engine() not in {"citus", "timescaledb"}, reason="needs one of the engines"
    ),
]
on_citus = pytest.mark.skipif(server_engine.engine() != "citus", reason="Citus only")
COMMAND = f"enable_{server_engine.engine()}"
INSERT = (
    "INSERT INTO usage_metrics (timestamp, model, total_tokens) "
    "SELECT '2024-01-15'::timestamptz + n * INTERVAL '1 hour', 'm' || n % 3, n "
    "FROM generate_series(1, 50) AS n"
)


class Database:
    """A migrated database with rows of plain SQL, and manage.py on it."""

    def __init__(self, folder, url) -> None:
        self._folder = folder
        self._settings = {"SECRET_KEY": SECRET, "DATABASE_URL": url}
        self.session = psycopg.connect(url, autocommit=True)

    def manage(self, *arguments):
        done = manage(self._folder, *arguments, **self._settings)
        return done.returncode, done.stdout + done.stderr

    def ask(self, statement):
        return self.session.execute(statement).fetchall()


@pytest.fixture
def database(tmp_path, transactional_db):
    with server_engine.new_database(f"rows_{uuid.uuid4().hex[:8]}") as url:
        found = Database(tmp_path, url)
        code, said = found.manage("migrate")
        assert code == 0, said
        found.session.execute(INSERT)
        yield found
        found.session.close()


def assert_whole(database, rows):
    assert database.ask("SELECT count(*), sum(total_tokens) FROM usage_metrics") == [
        (rows, 1275 * rows // 50)
    ]
    code, said = database.manage("rebuild_rollups", "--check")
    assert code == 0, said


def test_rows_are_converted_once(database):
    code, said = database.manage(COMMAND)
    assert code == 0, said
    assert "Traceback" not in said
    assert_whole(database, 50)
    code, said = database.manage(COMMAND)
    assert (code, "nothing to do" in said) == (0, True)


def test_other_programs_and_commands_go_on_writing(database):
    database.manage(COMMAND)
    database.session.execute(INSERT.replace("'1 hour'", "'61 minutes'"))
    assert database.ask("SELECT count(DISTINCT id) FROM usage_metrics") == [(100,)]
    code, said = database.manage("rebuild_rollups")
    assert code == 0, said
    assert_whole(database, 100)
    code, said = database.manage("create_ingest_token", "Kong")
    assert (code, "qsm_" in said) == (0, True)


def test_a_dry_run_changes_nothing(database):
    before = database.ask("SELECT indexdef FROM pg_indexes WHERE tablename = 'usage_metrics'")
    code, said = database.manage(COMMAND, "--dry-run")
    assert code == 0
    assert "usage_metrics" in said
    after = database.ask("SELECT indexdef FROM pg_indexes WHERE tablename = 'usage_metrics'")
    assert after == before


@on_citus
class TestCitus:
    def test_the_tables_are_distributed_by_event_and_by_series(self, database):
        database.manage(COMMAND, "--shards", "3")
        found = database.ask(
            "SELECT table_name::text, distribution_column, shard_count FROM citus_tables "
            "WHERE citus_table_type IN ('distributed', 'reference') ORDER BY 1"
        )
        assert found == [
            ("usage_histograms", "series", 3),
            ("usage_metrics", "event_id", 3),
            ("usage_names", "<none>", 1),
            ("usage_rollups", "series", 3),
            ("usage_series", "<none>", 1),
        ]
        assert database.ask("SELECT count(*) FROM usage_metrics WHERE event_id IS NULL") == [(0,)]

    def test_what_broke_off_is_continued(self, database):
        database.session.execute("SELECT create_reference_table('usage_series')")
        database.session.execute("SELECT create_distributed_table('usage_rollups', 'series')")
        code, said = database.manage(COMMAND)
        assert code == 0, said
        assert "names of series on every node" not in said
        assert database.ask("SELECT count(*) FROM pg_dist_partition") >= [(4,)]
        assert_whole(database, 50)

    @pytest.mark.parametrize("shards", ["0", "1001"])
    def test_shards_that_make_no_sense_are_refused(self, database, shards):
        code, said = database.manage(COMMAND, "--shards", shards)
        assert code == 1
        assert f"--shards is {shards}: from 1 to 1000 makes sense" in said
