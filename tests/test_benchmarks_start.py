"""Every benchmark starts: what one of them imports or serves may move without its being run."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.serving import PROJECT

# Not imported yet: that takes as long as a hundred tests.
if not (find_spec("duckdb") and find_spec("matplotlib")):
    pytest.skip("requirements-bench.txt is not installed", allow_module_level=True)

from benchmarks.ingest import empty_view
from benchmarks.stores import SqliteStore

pytestmark = pytest.mark.process


def started_by_commands() -> list[str]:
    sources = sorted((PROJECT / "benchmarks").rglob("*.py"))
    mains = [each for each in sources if '__name__ == "__main__"' in each.read_text("utf-8")]
    return [".".join(each.relative_to(PROJECT).with_suffix("").parts) for each in mains]


def test_each_can_be_the_first_that_a_process_imports():
    assert {"benchmarks.__main__", "benchmarks.endurance.__main__"} <= set(started_by_commands())
    running = {
        name: subprocess.Popen(
            [sys.executable, "-c", f"import {name}"], cwd=PROJECT, stderr=subprocess.PIPE, text=True
        )
        for name in started_by_commands()
    }
    errors = {name: process.communicate()[1] for name, process in running.items()}
    assert errors == dict.fromkeys(running, "")


def test_the_empty_view_answers_under_the_portals_own_server(tmp_path):
    with empty_view(tmp_path, SqliteStore(tmp_path / "store")) as portal:
        answer = portal.request("POST", "/anything", {"model": "m"})
    assert (answer.status, answer.body) == (200, b"")
