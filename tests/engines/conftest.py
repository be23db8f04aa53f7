"""Databases for portals in processes of their own, on the engine of the tests."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import server_engine
from tests.migrated import migrated
from tests.serving import manage

SECRET = "only-for-tests-" * 4


@pytest.fixture
def portal_settings(tmp_path: Path, transactional_db: None) -> Iterator[dict[str, str]]:
    """For `serving` and `manage`: an empty database, set up and converted for the engine."""
    if server_engine.engine() == "sqlite":
        migrated(tmp_path)
        yield {"SECRET_KEY": SECRET}
        return
    with server_engine.new_database(f"portal_{uuid.uuid4().hex[:8]}") as url:
        settings = {"SECRET_KEY": SECRET, "DATABASE_URL": url, "METRICS_WORKERS": "2"}
        _run(tmp_path, "migrate", settings)
        if server_engine.engine() != "postgresql":
            _run(tmp_path, f"enable_{server_engine.engine()}", settings)
        yield settings


def _run(folder: Path, command: str, settings: dict[str, str]) -> None:
    done = manage(folder, command, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
