"""`clients/go`: formatted, vetted, tested, and its rows outlive a killed portal once each.

QSMETRICS_GO_RACE=1 runs it all under Go's race detector; that needs gcc, and a minute to build.
"""

import os
import re
import shutil
import subprocess

import pytest

from tests.failing_server import outlive_a_kill, rows_in
from tests.serving import PROJECT
from tests.thorough import IS_THOROUGH
from usage.identity import hash_api_key
from usage.incoming_row import IncomingRow

pytestmark = pytest.mark.process

FOLDER = PROJECT / "clients" / "go"
RACE = ["-race"] if os.environ.get("QSMETRICS_GO_RACE") else []
SETTINGS = {
    "GOPROXY": "off",
    "GOFLAGS": "",
    "GOTOOLCHAIN": "local",
    "CGO_ENABLED": "01"[bool(RACE)],
}


def run(*command):
    return subprocess.run(
        command,
        cwd=FOLDER,
        env={**os.environ, **SETTINGS},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def go():
    """The command; where everything is installed, as in CI, its absence is a failure."""
    if found := shutil.which("go"):
        return found
    missing = "needs Go: apt-get install golang-go"
    if IS_THOROUGH:
        pytest.fail(f"{missing}; QSMETRICS_TESTS_MUST_RUN is set")
    pytest.skip(missing)


@pytest.fixture(scope="module")
def tests_of_the_client(go, tmp_path_factory):
    """The client and its tests, compiled."""
    program = tmp_path_factory.mktemp("go") / "client.test"
    built = run(go, "test", *RACE, "-c", "-o", str(program))
    assert built.returncode == 0, built.stdout
    return str(program)


def test_the_client_is_formatted_and_vetted(go):
    formatted = run("gofmt", "-l", ".")
    assert (formatted.returncode, formatted.stdout) == (0, "")
    vetted = run(go, "vet", "./...")
    assert vetted.returncode == 0, vetted.stdout


def test_its_own_tests_pass(go, tests_of_the_client):
    tested = run(tests_of_the_client, "-test.v")
    assert tested.returncode == 0, tested.stdout
    assert tested.stdout.count("--- PASS") >= 14


def test_rows_outlive_a_killed_portal_once_each(tests_of_the_client, tmp_path):
    def begin(url):
        sending = subprocess.Popen(
            [tests_of_the_client, "-test.run", "TestAgainstARunningPortal", "-test.v"],
            env={**os.environ, "QSMETRICS_URL": url},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

        def finish():
            output, _ = sending.communicate(timeout=40)
            assert sending.returncode == 0, output
            assert "rows wait" in output  # or else the kill came too late

        return finish

    stored = outlive_a_kill(tmp_path, begin)
    assert stored == {f"{worker}-{number}": 1 for worker in range(20) for number in range(100)}
    columns = ("total_tokens", "status", "api_key_hash")
    rows = set(rows_in(tmp_path / "metrics.db", *columns))
    assert rows == {(7, "200", hash_api_key("sk-go-SECRET"))}


def test_the_client_knows_every_field_of_a_row():
    source = (FOLDER / "qsmetrics.go").read_text(encoding="utf-8")
    assert {*re.findall(r'json:"(\w+)', source), "api_key"} == set(IncomingRow.__struct_fields__)


def test_it_is_one_short_file_that_needs_the_standard_library_alone():
    (source,) = [path for path in FOLDER.glob("*.go") if not path.name.endswith("_test.go")]
    assert len(source.read_text(encoding="utf-8").splitlines()) < 210
    assert (FOLDER / "go.mod").read_text() == "module example.com/qsmetrics\n\ngo 1.19\n"
