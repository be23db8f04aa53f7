"""The database's folder and the signing key in it."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from django.core.exceptions import ImproperlyConfigured

from qsmetrics import data_folder
from tests.serving import PROJECT


def test_the_key_is_made_once_and_only_its_owner_may_read_it(tmp_path):
    folder = tmp_path / "new" / "data"
    key = data_folder.kept_secret_key(folder)
    assert data_folder.kept_secret_key(folder) == key
    assert len(key) >= 50
    assert [path.name for path in folder.iterdir()] == ["secret_key"]
    assert (folder / "secret_key").stat().st_mode & 0o777 == 0o600


def test_two_folders_have_two_keys(tmp_path):
    keys = [data_folder.kept_secret_key(tmp_path / name) for name in ("a", "b")]
    assert keys[0] != keys[1]


def test_processes_that_start_at_once_agree_on_the_key(tmp_path):
    program = (
        "import sys, pathlib\n"
        "from qsmetrics import data_folder\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "print(data_folder.kept_secret_key(pathlib.Path(sys.argv[1])))\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "data")],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        process.stdout.readline()
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=30)[0] for process in processes]
    assert len(set(answers)) == 1
    assert answers[0].strip() == (tmp_path / "data" / "secret_key").read_text()
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret_key"]


@pytest.mark.parametrize("content", [b"", b"too short", b" \n" * 100])
def test_a_damaged_key_is_not_used(tmp_path, content):
    (tmp_path / "secret_key").write_bytes(content)
    with pytest.raises(ImproperlyConfigured) as refusal:
        data_folder.kept_secret_key(tmp_path)
    assert str(refusal.value) == (
        f"{tmp_path / 'secret_key'} is damaged: delete it and start again."
    )


def test_a_key_that_is_not_text_is_not_used(tmp_path):
    (tmp_path / "secret_key").write_bytes(b"\xff" * 50)
    with pytest.raises(ImproperlyConfigured) as refusal:
        data_folder.kept_secret_key(tmp_path)
    assert str(refusal.value) == (
        f"{tmp_path / 'secret_key'} cannot be made or read (it is not text): make {tmp_path} "
        "writable for this user, point METRICS_STORAGE_PATH elsewhere, or set SECRET_KEY."
    )


@pytest.mark.parametrize(("below", "reason"), [("", "File exists"), ("deeper", "Not a directory")])
def test_a_folder_that_cannot_be_made_says_what_to_change(tmp_path, below, reason):
    (tmp_path / "a-file").touch()
    folder = tmp_path / "a-file" / below
    with pytest.raises(ImproperlyConfigured) as refusal:
        data_folder.prepare(folder)
    assert str(refusal.value) == (
        f"the folder {folder} cannot be made ({reason}): make the one above it "
        "writable for this user, or point METRICS_STORAGE_PATH elsewhere."
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="permission bits do not bind root")
def test_a_key_cannot_be_made_in_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ImproperlyConfigured, match=r"Permission denied.*set SECRET_KEY"):
        data_folder.kept_secret_key(tmp_path)


def test_a_new_database_can_give_space_back_and_an_old_one_is_left_alone(tmp_path):
    path = tmp_path / "data" / "metrics.db"
    data_folder.prepare_database(path)
    with closing(sqlite3.connect(path)) as database:
        pragmas = [
            database.execute(f"PRAGMA {n}").fetchone() for n in ("auto_vacuum", "journal_mode")
        ]
    assert pragmas == [(2,), ("wal",)]
    before = path.read_bytes()
    data_folder.prepare_database(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_not_touched(tmp_path):
    path = tmp_path / "metrics.db"
    path.write_text("only text")
    data_folder.prepare_database(path)
    assert path.read_text() == "only text"


@pytest.mark.skipif(os.geteuid() == 0, reason="permission bits do not bind root")
def test_a_database_cannot_be_made_in_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ImproperlyConfigured, match=r"make .* writable for this user"):
        data_folder.prepare_database(tmp_path / "metrics.db")
