"""What the portal writes is for its own user, also what an older version left open to all."""

import os
import stat
from pathlib import Path

import pytest

from qsmetrics import private_files
from tests.old_files import old_database
from tests.serving import manage, run_script, serving
from usage.database.locks import JOBS, PASSWORD_CHECKS, START

pytestmark = pytest.mark.process


def modes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): f"{stat.S_IMODE(path.lstat().st_mode):o}"
        for path in [folder, *folder.rglob("*")]
    }


def open_to_all(folder: Path) -> list[str]:
    return [name for name, mode in modes(folder).items() if int(mode, 8) & 0o077]


def test_all_that_a_portal_writes_is_private(tmp_path: Path):
    folder = tmp_path / "new" / "data"
    old = old_database(tmp_path)({"timestamp": None, "model": "m"})
    before = os.umask(0)
    try:
        with serving(folder, METRICS_CLIPROXY_URL="http://127.0.0.1:9", METRICS_CLIPROXY_KEY="k"):
            pass
        said = manage(folder, "import_metrics", str(old))
        with serving(folder) as portal:
            portal.request("POST", "/_qs/usage", {"model": "m"})
            found = modes(folder)
    finally:
        os.umask(before)
    assert said.returncode == 0, said.stderr
    assert found["."] == "700"
    assert {"metrics.db", "metrics.db-wal", "metrics.db-shm", "secret_key", ".starting"} <= {*found}
    assert any(name.endswith(".rejected.ndjson") for name in found)
    assert any(name.startswith("collector/") for name in found)
    assert open_to_all(folder) == []


def made_open(folder: Path) -> None:
    """As older versions left it."""
    (folder / "collector").mkdir(parents=True)
    locks = [lock.file for lock in (START, JOBS, *PASSWORD_CHECKS)]
    names = ("metrics.db", "metrics.db-wal", "metrics.db-shm", "secret_key", ".in_use", *locks)
    for name in (*names, "old.db.rejected.ndjson", "collector/east.spool"):
        (folder / name).touch()
        (folder / name).chmod(0o644)
    for each in (folder, folder / "collector"):
        each.chmod(0o755)


def test_what_is_open_is_mended(tmp_path: Path):
    folder = tmp_path / "data"
    made_open(folder)
    private_files.mend(folder / "metrics.db")
    assert open_to_all(folder) == []
    assert set(modes(folder).values()) == {"700", "600"}


def test_a_start_mends_it(tmp_path: Path):
    folder = tmp_path / "data"
    made_open(folder)
    (folder / "secret_key").write_text("x" * 50)
    for name in ("metrics.db", "metrics.db-wal", "metrics.db-shm"):
        (folder / name).unlink()
    started = run_script(folder, "import django; django.setup()")
    assert started.returncode == 0, started.stderr
    assert open_to_all(folder) == []


def test_what_is_somebody_elses_stays(tmp_path: Path):
    folder = tmp_path / "data"
    made_open(folder)
    (folder / "notes.txt").write_text("mine")
    (folder / "notes.txt").chmod(0o644)
    private_files.mend(folder / "metrics.db")
    assert open_to_all(folder) == [".", "notes.txt"]


def test_what_a_link_leads_to_stays_but_for_the_database(tmp_path: Path):
    folder, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    for each in (folder, elsewhere):
        each.mkdir(mode=0o755)
    for name, link in (("real.db", "metrics.db"), ("key", "secret_key")):
        (elsewhere / name).touch()
        (elsewhere / name).chmod(0o644)
        (folder / link).symlink_to(elsewhere / name)
    private_files.mend(folder / "metrics.db")
    assert modes(elsewhere) == {".": "755", "real.db": "600", "key": "644"}
    assert modes(folder)["."] == "700"


def test_a_folder_that_is_not_there_is_nothing_to_mend(tmp_path: Path):
    private_files.mend(tmp_path / "none" / "metrics.db")
    assert not (tmp_path / "none").exists()
