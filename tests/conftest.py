"""What tests share: a database of their own, and rows and files to start from."""

import atexit
import gc
import os
import shutil
import uuid
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from psycopg import sql
from xdist.scheduler.loadfile import LoadFileScheduling

from tests import portal_file, server_engine
from tests.factory import four_rows
from tests.migrated import migrated_here
from tests.old_files import old_database
from tests.once import made_once
from tests.thorough import IS_THOROUGH, examples
from usage import pricing
from usage.access.attempts import counting
from usage.database import extensions
from usage.models import UsageMetric
from usage.recording import ledger, unwritten
from usage.rollups import names

# How long an example takes says something of the machine, nothing of the claim.
hypothesis_settings.register_profile(
    "claims",
    deadline=None,
    max_examples=examples(100),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis_settings.load_profile("claims")

# What waits for peers and clocks, or takes long with few tests, is not left for the end.
_FIRST = (
    *("test_slow_peers", "test_killed_portals", "test_dashboard_in_browser"),
    *("test_policies_in_browser", "test_admin_in_browser", "test_go_client"),
    *("test_endurance", "test_collecting", "test_exactness", "test_backup", "test_database_files"),
    *("test_admin_look_ups", "test_fold_names", "test_durability"),
)

# Thousands of tests that are only listed are no garbage, and not looked through for any.
gc.disable()
atexit.register(gc.freeze)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(_FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(_FIRST)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Forget, before any fixture, what the test before has rolled back or left in the process."""
    counting.forget()
    names.forget()
    ledger.forget()
    unwritten.forget()
    pricing.forget()
    extensions.forget()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """`-n auto`: some tests wait most of their time, those of programs above all."""
    waiting = 1 if config.option.markexpr == "not process" else 2
    return len(os.sched_getaffinity(0)) + waiting


class _ByFile(LoadFileScheduling):
    """Whole files for each worker, and those that need a browser for one, which starts it once."""

    def _split_scope(self, nodeid: str) -> str:
        return "browser" if "/browser/" in nodeid else str(super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    return _ByFile(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    tmp_path_factory: pytest.TempPathFactory,
    django_db_modify_db_settings_parallel_suffix: None,  # a database for each pytest-xdist worker
    django_db_blocker: Any,
) -> None:
    """A file, as in real life: SQLite in memory locks differently between threads.

    It is migrated once for all workers.
    """
    if connection.vendor == "sqlite":
        with django_db_blocker.unblock():
            path = migrated_here(tmp_path_factory.mktemp("database"))
        connection.settings_dict["TEST"]["NAME"] = str(path)


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """What was copied is taken as it is; it goes with pytest's folder."""
    return connection.vendor == "sqlite"


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None,
    django_db_blocker: Any,
) -> Generator[None]:
    """Converted for the engine, where the server has one."""
    name = str(connection.settings_dict["NAME"])
    with django_db_blocker.unblock():
        server_engine.prepare(name)
        server_engine.convert()
    yield
    server_engine.drop_on_workers(name)


@pytest.fixture
def portal_folder(settings: Any, tmp_path: Path) -> Path:
    """Where the portal says its database is: rejects of an import go beside it."""
    folder = tmp_path / "portal"
    folder.mkdir()
    settings.METRICS_STORAGE_PATH = folder / "m.db"
    return folder


@pytest.fixture
def old_file(tmp_path: Path) -> Callable[..., Path]:
    return old_database(tmp_path)


@pytest.fixture(scope="session")
def _made_portal() -> Path:
    make = lambda folder: portal_file.make(folder / "portal.db")  # noqa: E731
    return made_once("portal", make) / "portal.db"


@pytest.fixture
def portal(_made_portal: Path, tmp_path: Path) -> Path:
    """The SQLite file of another portal, to be imported."""
    names.forget()  # which other tests rolled back
    return Path(shutil.copy(_made_portal, tmp_path))


@pytest.fixture(name="four_rows")
def _four_rows() -> list[UsageMetric]:
    return four_rows()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything is installed, as in CI, a browser test that is skipped is a failure."""
    report = yield
    if report.skipped and IS_THOROUGH and item.get_closest_marker("browser"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but QSMETRICS_TESTS_MUST_RUN is set: {report.longrepr}"
    return report


@pytest.fixture
def collector_folder(settings: Any, tmp_path: Path) -> Path:
    """Where collectors keep what the database does not hold yet."""
    settings.METRICS_STORAGE_PATH = tmp_path / "m.db"
    return tmp_path / "collector"


@pytest.fixture
def database_url() -> Generator[str]:
    """An empty database of its own on the server of the tests."""
    name = f"soak_{uuid.uuid4().hex[:8]}"
    server = {**connection.get_connection_params(), "dbname": "postgres"}
    parts = {
        key: server[key] for key in ("dbname", "user", "password", "host", "port") if key in server
    }
    with psycopg.connect(**parts, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield f"postgres://{parts['user']}@{parts['host']}:{parts['port']}/{name}"
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
