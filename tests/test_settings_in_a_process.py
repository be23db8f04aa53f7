"""Starting as a user does: a fault ends `manage.py` in one line that says what to do."""

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.serving import PROJECT, environment, manage

pytestmark = pytest.mark.process

# The command and settings, and what is said. Each is a process, so they run side by side.
FAULTS = {
    "a bad value": (
        ["serve", "--threads", "many"],
        {},
        "qsmetrics cannot start: METRICS_THREADS is 'many': write a whole number from 1 to 256.",
    ),
    "a missing file": (
        ["check"],
        {"METRICS_CONFIG": "/nowhere/config.yaml"},
        (
            "qsmetrics cannot start: METRICS_CONFIG is '/nowhere/config.yaml': No such file or "
            "directory; give a readable YAML file."
        ),
    ),
    "a path that cannot be": (
        ["serve"],
        {"METRICS_STORAGE_PATH": "{folder}/a-file/below/metrics.db"},
        (
            "qsmetrics cannot start: the folder {folder}/a-file/below cannot be made (Not a "
            "directory): make the one above it writable for this user, or point "
            "METRICS_STORAGE_PATH elsewhere."
        ),
    ),
    "a command before the first start": (
        ["collect", "--status"],
        {},
        "the database is not set up: run `manage.py migrate` [OperationalError SQLITE_ERROR]",
    ),
    "a database that is none": (
        ["serve"],
        {"METRICS_STORAGE_PATH": "{folder}/a-file", "METRICS_BIND_ADDRESS": "127.0.0.1:0"},
        (
            "{folder}/a-file (SQLite): the database file is damaged or no SQLite file: restore a "
            "backup [DatabaseError SQLITE_NOTADB]"
        ),
    ),
    "a server that is away": (
        ["serve"],
        {
            "DATABASE_URL": "postgres://alice:hush@127.0.0.1:1/usage",
            "METRICS_BIND_ADDRESS": "127.0.0.1:0",
        },
        (
            "usage on 127.0.0.1 (PostgreSQL): the database cannot be reached: check that it is "
            "running, then try again [OperationalError]"
        ),
    ),
    "a taken port": (
        ["serve"],
        {"METRICS_BIND_ADDRESS": "{taken}"},
        (
            "{taken} is already in use: stop the other program, or choose another port with "
            "--bind-address or METRICS_BIND_ADDRESS"
        ),
    ),
    "a portal open to all": (
        ["serve", "--bind-address", "0.0.0.0:0"],
        {},
        (
            "0.0.0.0:0 is open to other machines, but nothing guards the portal: set "
            "METRICS_BASIC_AUTH_USER and METRICS_BASIC_AUTH_PASS, or make a token with `manage.py "
            "create_ingest_token NAME`, or bind to 127.0.0.1:8081"
        ),
    ),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What every faulty start says: its line, what it was to be, and the process."""
    with socket.create_server(("127.0.0.1", 0)) as taken, ThreadPoolExecutor(3) as pool:

        def run(name):
            arguments, settings, line = FAULTS[name]
            folder = tmp_path_factory.mktemp("fault")
            (folder / "a-file").write_text("this is no database, it is only text\n" * 9)
            facts = {
                "folder": folder,
                "taken": f"127.0.0.1:{taken.getsockname()[1]}",
            }
            settings = {key: text.format(**facts) for key, text in settings.items()}
            return manage(folder, *arguments, **settings), line.format(**facts)

        return dict(zip(FAULTS, pool.map(run, FAULTS), strict=True))


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_clear_line_and_exit_status_1(outcomes, name):
    process, line = outcomes[name]
    assert (process.returncode, process.stdout, process.stderr) == (1, "", line + "\n")


def test_an_abbreviated_option_is_refused_rather_than_ignored(tmp_path):
    process = manage(tmp_path, "serve", "--bind", "127.0.0.1:0")
    assert process.returncode == 2
    assert process.stderr.endswith("error: unrecognized arguments: --bind 127.0.0.1:0\n")


def test_no_setting_of_the_shell_reaches_the_tests(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "from tests.settings import *; print(TIME_ZONE, METRICS_THREADS)"],
        cwd=PROJECT,
        env=environment(tmp_path, METRICS_TIME_ZONE="Europe/Prague", METRICS_THREADS="many"),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "UTC 8\n"
