"""The run of an hour, for some seconds; and that it would notice what it looks for."""

import random
from importlib.util import find_spec

import pytest

pytest.importorskip("numpy", reason="requirements-bench.txt is not installed")
if find_spec("matplotlib") is None:  # not imported yet: it takes as long as a hundred tests
    pytest.skip("requirements-bench.txt is not installed", allow_module_level=True)

from benchmarks.endurance import page, verdict
from benchmarks.endurance.__main__ import ACTIVITIES, run
from benchmarks.endurance.ledger import Ledger, row_name
from benchmarks.endurance.minutes import Minute
from benchmarks.endurance.stage import Stage
from benchmarks.stores import SqliteStore

pytestmark = pytest.mark.process


def test_seconds_of_everything_at_once_lose_and_double_nothing(tmp_path):
    stage = Stage(
        SqliteStore(tmp_path / "portal"),
        seconds_between_kills=4,
        peers=24,
        chance=random.Random(1),
    )
    found = run(stage, 10, ACTIVITIES)
    minutes = stage.minutes.all()
    assert found == verdict.Verdict(stage.ledger.rows, 0, 0, 0, 0, "", {})
    assert found.is_good
    assert sum(minute.counts["kills"] for minute in minutes) >= 1
    assert {batch.rpartition("-")[0] for batch in stage.ledger.kept} == {
        "array", "gzip", "idempotent", "ndjson", "new names", "LiteLLM `json_array`",
        "LiteLLM `ndjson`", "OTLP JSON", "OTLP protobuf", "OTLP protobuf, gzip",
        "logs JSON", "logs protobuf",
    }  # fmt: skip
    text = page.write(tmp_path / "results", "endurance-test", minutes, found, 24)
    assert f"- {stage.ledger.rows:,} rows acknowledged" in text
    assert "**good**" in text
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == [
        "endurance-test.csv",
        "endurance-test.md",
        "endurance-test.png",
    ]


def test_the_verdict_notices_what_is_lost_doubled_or_made_up():
    ledger = Ledger()
    ledger.acknowledge("a-1", 3)
    ledger.acknowledge("b-1", 2)
    ledger.acknowledge("old-1", 2, is_old=True)
    stored = [("a-1.0", 1), ("a-1.1", 2), ("b-1.0", 1), ("b-1.1", 1), ("old-1.0", 1), (None, 4)]
    assert row_name("a-1", 0) == "a-1.0"
    lost, doubled, unknown = verdict.compare(ledger, iter(stored))
    assert (lost, doubled, unknown, ledger.rows) == (1, 4, 4, 7)


def test_a_minute_tells_the_percentiles_of_what_it_saw():
    minute = Minute()
    assert minute.percentile_ms("posts", 0.99) is None
    minute.waits["posts"] += [0.001, 0.002, 0.5]
    assert (minute.percentile_ms("posts", 0.5), minute.percentile_ms("posts", 0.99)) == (2, 500)
