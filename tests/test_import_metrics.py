"""`manage.py import_metrics`: files of Go proxies, taken over once and whole."""

import json
import os
import sqlite3
import stat

import pytest

from tests.factory import at, store
from tests.old_files import CLASSIC, HASH, MICRO, TEXT, counts, rejects_of, run
from usage.broken_records import HIDDEN
from usage.identity import event_identity, hash_api_key
from usage.models import UsageMetric

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("portal_folder")]


def test_every_column_arrives(old_file):
    run(
        old_file(
            {
                "timestamp": TEXT,
                "model": "gpt-5",
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 17,
                "request_id": "req-1",
                "status": 200,
                "latency_ms": 1234,
                "api_key_hash": HASH,
            }
        )
    )

    row = UsageMetric.objects.values().get()
    del row["id"], row["created_at"], row["is_summed"]
    parts = (MICRO.isoformat(), "gpt-5", 10, 5, 17, "req-1", 200, 1234.0, HASH)
    content = "\x1f".join(map(str, parts))
    assert row == {
        "timestamp": MICRO,
        "model": "gpt-5",
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 17,
        "request_id": "req-1",
        "status": "200",
        "latency_ms": 1234.0,
        "api_key_hash": HASH,
        "provider": None,
        "requested_model": None,
        "cached_tokens": None,
        "cache_write_tokens": None,
        "reasoning_tokens": None,
        "ttft_ms": None,
        "cost_usd": pytest.approx((10 * 1.25 + 5 * 10) / 1e6),
        "cost_source": "genai-prices",
        "event_id": event_identity("import", f"1|{content}"),
        "source": "import",
        "response_id": None,
        "app": None,
        **dict.fromkeys(("user", "team", "project", "session", "account", "service_tier")),
        **dict.fromkeys(("cache_write_1h_tokens", "audio_input_tokens", "audio_output_tokens")),
        **dict.fromkeys(("image_input_tokens", "image_output_tokens")),
        "excluded_as": None,
    }


def test_every_timestamp_style_is_read(old_file):
    styles = [
        TEXT,
        "2024-01-15 16:32:10.123456789 +0200 CEST m=+12.345678",
        "2024-01-15 16:32:10.123456789 +0200 +02",
        "2024-01-15T14:32:10.123456Z",
        "2024-01-15T20:17:10.123456789+05:45",
        "2024-01-15 14:32:10.123456",
        "1705329130.123456",
        b"2024-01-15 14:32:10.123456789+00:00",
        1705329130123456789,
        1705329130123456,
        1705329130.123456,
    ]
    path = old_file(*({"timestamp": style, "model": "m"} for style in styles))

    assert counts(run(path)) == "11 imported, 0 there before, 0 rejected."
    assert set(UsageMetric.objects.values_list("timestamp", flat=True)) == {MICRO}


def test_a_zone_may_be_given_for_times_that_name_none(old_file):
    path = old_file(
        {"timestamp": "2024-01-15 15:00:00", "model": "naive"},
        {"timestamp": "2024-01-15 15:00:00+00:00", "model": "zoned"},
    )

    run(path, source_time_zone="Europe/Prague")

    assert dict(UsageMetric.objects.values_list("model", "timestamp")) == {
        "naive": at("2024-01-15 14:00"),
        "zoned": at("2024-01-15 15:00"),
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"model": None}, {"model": "unknown"}),
        ({"model": ""}, {"model": "unknown"}),
        ({"model": "  "}, {"model": "unknown"}),
        ({"model": "Größe 模型"}, {"model": "Größe 模型"}),
        ({"prompt_tokens": None}, {"prompt_tokens": 0, "total_tokens": 0}),
        ({"prompt_tokens": 3, "completion_tokens": 4}, {"total_tokens": 7}),
        ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 0}, {"total_tokens": 0}),
        ({"prompt_tokens": b"12"}, {"prompt_tokens": 12}),
        ({"prompt_tokens": 12.0}, {"prompt_tokens": 12}),
        ({"status": None}, {"status": None}),
        ({"status": ""}, {"status": None}),
        ({"status": "OK"}, {"status": "ok"}),
        ({"status": 429.0}, {"status": "429"}),
        ({"latency_ms": "12.5"}, {"latency_ms": 12.5}),
        ({"request_id": ""}, {"request_id": None}),
        ({"request_id": 77}, {"request_id": "77"}),
        ({"api_key_hash": "sk-live"}, {"api_key_hash": hash_api_key("sk-live")}),
    ],
)
def test_loose_values_are_made_strict(old_file, old, new):
    run(old_file({"timestamp": TEXT, "model": "m", **old}))
    assert UsageMetric.objects.values(*new).get() == new


def test_whole_numbers_may_be_text(old_file):
    schema = "id, timestamp, model, prompt_tokens, status"
    row = {"id": "a1", "timestamp": TEXT, "model": "m", "prompt_tokens": " 12 ", "status": "200"}

    run(old_file(row, schema=schema))

    assert list(UsageMetric.objects.values_list("prompt_tokens", "status")) == [(12, "200")]


def test_missing_columns_are_absent_and_our_own_optional_ones_are_taken(old_file):
    schema = "TIMESTAMP, Model, provider, cached_tokens, cost_usd, prompt, source, event_id"
    row = {"timestamp": TEXT, "model": "m", "provider": "openai", "cached_tokens": 3}

    run(old_file({**row, "cost_usd": 0.25, "prompt": "SECRET PROMPT TEXT"}, schema=schema))

    names = ("provider", "cached_tokens", "cost_usd", "prompt_tokens", "source")
    assert list(UsageMetric.objects.values_list(*names)) == [("openai", 3, 0.25, 0, "import")]


def test_a_second_import_adds_nothing_and_a_grown_copy_only_the_news(old_file, tmp_path):
    row = {"timestamp": TEXT, "model": "m", "total_tokens": 5}
    path = old_file(row, row)
    first, second = run(path), run(path)
    old_file({**row, "total_tokens": 7})
    moved = path.rename(tmp_path / "moved.db")
    third = run(moved)

    assert [counts(said) for said in (first, second, third)] == [
        "2 imported, 0 there before, 0 rejected.",
        "0 imported, 2 there before, 0 rejected.",
        "1 imported, 2 there before, 0 rejected.",
    ]
    moment = "2024-01-15T14:32:10.123456Z"
    assert third.splitlines()[1:] == [
        f"Imported 7 tokens, from {moment} to {moment}.",
        "Proved: 1 rows with 7 tokens and $0.000000 of costs are here, as they were read.",
    ]
    assert len(second.splitlines()) == 1


def test_two_old_databases_that_share_ids_do_not_collide(old_file):
    path = old_file({"timestamp": TEXT, "model": "one"})
    run(path)
    path.unlink()
    run(old_file({"timestamp": TEXT, "model": "two"}))

    assert sorted(UsageMetric.objects.values_list("model", flat=True)) == [
        "one",
        "two",
    ]


def test_events_of_another_portal_keep_their_identity(old_file):
    store({"timestamp": MICRO, "event_id": "e1"})
    known = UsageMetric.objects.get().event_id
    row = {"timestamp": "2024-01-15 14:32:10.123456", "model": "m", "event_id": known}

    said = run(old_file(row, schema=CLASSIC + ", event_id INTEGER"))

    assert counts(said) == "0 imported, 1 there before, 0 rejected."


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"timestamp": None}, "timestamp: is missing"),
        (
            {"timestamp": "0001-01-01 00:00:00+00:00"},
            "timestamp: is Go's zero time, which stands for none",
        ),
        ({"timestamp": 0}, "timestamp: is before the year 2000"),
        ({"timestamp": "2150-01-01"}, "timestamp: is more than 24 hours in the future"),
        (
            {"prompt_tokens": -1},
            "prompt_tokens: must be a whole number from 0 to 9007199254740992",
        ),
        ({"total_tokens": 2**60}, "total_tokens: must be a whole number from 0 to "),
        ({"total_tokens": 1.5}, "total_tokens: must be a whole number from 0 to "),
        ({"total_tokens": "many"}, "total_tokens: must be a whole number from 0 to "),
        ({"latency_ms": -5}, "latency_ms: must be a number of milliseconds from 0 to "),
        ({"latency_ms": float("inf")}, "latency_ms: must be a number of milliseconds from 0 to "),
        ({"model": "m" * 300}, "model: must be text of 1 to 255 characters"),
        ({"model": b"\xff\xfe"}, "model: must not contain control characters"),
        ({"request_id": "a\nb"}, "request_id: must not contain control characters"),
    ],
)
def test_a_bad_row_is_counted_and_written_with_its_reason(old_file, bad, reason):
    path = old_file({"timestamp": TEXT, "model": "m"}, {"timestamp": TEXT, "model": "m", **bad})

    said = run(path)

    (line,) = rejects_of(path).read_text().splitlines()
    written = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert counts(said) == "1 imported, 0 there before, 1 rejected."
    assert (written["id"], written["reason"][: len(reason)]) == (2, reason)
    assert str(rejects_of(path)) in said.splitlines()[-1]


def test_the_rejects_are_private_and_without_keys(old_file):
    keys = ["sk-live-1", " sk-live-2", "weird key 3"]
    bad = {"timestamp": None, "request_id": "Bearer sk-live-4", "prompt": "SECRET PROMPT TEXT"}
    path = old_file(
        *({**bad, "model": "m", "api_key_hash": key} for key in [*keys, HASH]),
        schema=CLASSIC + ", prompt TEXT",
    )
    rejects_of(path).write_text("from an earlier import")
    rejects_of(path).chmod(0o644)

    run(path)

    text = rejects_of(path).read_text()
    rows = [json.loads(line)["row"] for line in text.splitlines()]
    assert [row["api_key_hash"] for row in rows] == [HIDDEN, HIDDEN, HIDDEN, HASH]
    assert not any(secret in text for secret in ["live-", "weird", "SECRET", "earlier"])
    assert stat.S_IMODE(rejects_of(path).stat().st_mode) == 0o600


def test_a_mended_row_is_added_by_the_next_import(old_file):
    path = old_file({"timestamp": None, "model": "m"}, {"timestamp": TEXT, "model": "m"})
    run(path)
    old = sqlite3.connect(path)
    old.execute("UPDATE usage_metrics SET timestamp = ? WHERE id = 1", [TEXT])
    old.commit()
    old.close()

    assert counts(run(path)) == "1 imported, 1 there before, 0 rejected."


def test_no_file_of_rejects_is_made_without_a_bad_row(old_file):
    path = old_file({"timestamp": TEXT, "model": "m"})
    run(path)
    assert not rejects_of(path).exists()


def test_rejects_may_go_elsewhere(old_file, tmp_path):
    run(old_file({"timestamp": "x", "model": "m"}), rejects=tmp_path / "bad.ndjson")
    assert json.loads((tmp_path / "bad.ndjson").read_text())["id"] == 1


def test_rows_that_a_running_proxy_still_has_in_its_log_are_read(old_file):
    path = old_file()
    proxy = sqlite3.connect(path)
    proxy.execute("PRAGMA journal_mode=WAL")
    proxy.execute("INSERT INTO usage_metrics (timestamp, model) VALUES (?, 'm')", [TEXT])
    proxy.commit()

    said = run(path)

    proxy.execute("INSERT INTO usage_metrics (timestamp, model) VALUES (?, 'later')", [TEXT])
    proxy.commit()
    proxy.close()
    assert counts(said) == "1 imported, 0 there before, 0 rejected."


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write in a read-only folder")
def test_a_file_in_a_read_only_folder_is_read(old_file):
    path = old_file({"timestamp": TEXT, "model": "m"})
    old = sqlite3.connect(path)
    old.execute("PRAGMA journal_mode=WAL")
    old.close()
    mode = path.parent.stat().st_mode
    path.parent.chmod(0o555)
    try:
        assert counts(run(path)) == "1 imported, 0 there before, 0 rejected."
    finally:
        path.parent.chmod(mode)


def test_more_rows_than_a_page_holds_are_all_imported(old_file):
    path = old_file(*({"timestamp": 1705329130 + i, "model": "m"} for i in range(4_001)))
    assert counts(run(path)) == "4,001 imported, 0 there before, 0 rejected."
    assert UsageMetric.objects.count() == 4_001


def test_an_empty_table_imports_nothing(old_file):
    assert counts(run(old_file())) == "0 imported, 0 there before, 0 rejected."
