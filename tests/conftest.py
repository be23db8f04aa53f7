"""What every test stands on: a database of its own and settings that no shell can change."""

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

# Before Django's settings load: the machine's own configuration must not reach the tests.
for name in [n for n in os.environ if n.startswith("METRICS_") or n == "USAGE_STATISTICS_ENABLED"]:
    del os.environ[name]
os.environ["METRICS_CONFIG"] = str(Path(__file__).parent / "data" / "config.yaml")
os.environ["SECRET_KEY"] = "only-for-tests-" + "0123456789abcdef" * 2

import pytest  # noqa: E402
from django.core.cache import cache  # noqa: E402
from django.db import connection  # noqa: E402


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    tmp_path_factory: pytest.TempPathFactory,
    django_db_modify_db_settings_parallel_suffix: None,  # a database for each pytest-xdist worker
) -> None:
    """A file, as in real life: SQLite in memory locks differently between threads."""
    if connection.vendor == "sqlite":
        folder = tmp_path_factory.mktemp("database")
        connection.settings_dict["TEST"]["NAME"] = str(folder / "test.db")


@pytest.fixture(autouse=True)
def _forget_failed_logins() -> None:
    cache.clear()


@pytest.fixture(autouse=True)
def _save_time(settings: Any) -> None:
    """Each test's client starts the application: no slow hashes, no search for static files."""
    settings.WHITENOISE_USE_FINDERS = False
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything is installed, as in CI, a browser test that is skipped is a failure."""
    report = yield
    must_run = os.environ.get("QSMETRICS_TESTS_MUST_RUN") and item.get_closest_marker("browser")
    if report.skipped and must_run:
        report.outcome = "failed"
        report.longrepr = f"skipped, but QSMETRICS_TESTS_MUST_RUN is set: {report.longrepr}"
    return report
