"""What `make bench` computes and makes up, without measuring anything."""

import datetime as dt
import json
import math
import sqlite3

import pytest

from benchmarks.figures import Line, Rate, Target, percentile, ratios, row_label, significant
from benchmarks.report import table
from usage.intake.native import parse_json

pytest.importorskip("numpy", reason="requirements-bench.txt is not installed")

from benchmarks import limits, load, rows, slow_peers, weight

NOW = dt.datetime.now(dt.UTC)


@pytest.mark.parametrize(
    ("numbers", "share", "expected"),
    [
        ([5.0], 0.99, 5.0),
        ([1.0, 2.0, 3.0], 0.99, 3.0),
        ([float(n) for n in range(1, 101)], 0.99, 99.0),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        ([2.0, 1.0], 0.0, 1.0),
    ],
)
def test_a_percentile_is_the_nearest_rank_rounded_up(numbers, share, expected):
    assert percentile(numbers, share) == expected


@pytest.mark.parametrize(
    ("target", "headroom", "is_met"),
    [
        (Target("≥ 50 %", 0.25, 0.5, at_least=True), 0.5, False),
        (Target("≥ 50 %", 0.5, 0.5, at_least=True), 1, True),
        (Target("≤ 50 ms", 0.1, 0.05), 0.5, False),
        (Target("≤ 50 ms", 0.025, 0.05), 2, True),
        (Target("≤ 50 ms", 0, 0.05), math.inf, True),
    ],
)
def test_a_targets_headroom_is_how_many_times_better_it_is(target, headroom, is_met):
    assert (target.headroom, target.is_met) == (headroom, is_met)


def test_a_table_says_of_each_target_whether_it_is_met():
    lines = [
        Line("a", "1 ms", "b 2 ms", "2.0x", Target("≤ 5 ms", 1, 5)),
        Line("c", "9 ms", target=Target("≤ 5 ms", 9, 5)),
        Line("d", "9 ms", target=Target("≤ 5 ms", 9, 5, applies=False)),
        Line("e", "1"),
    ]
    assert table(lines).splitlines() == [
        "| figure | ours | yardstick | ratio | target | met |",
        "| --- | --- | --- | --- | --- | --- |",
        "| a | 1 ms | b 2 ms | 2.0x | ≤ 5 ms | yes |",
        "| c | 9 ms | – | – | ≤ 5 ms | **no** |",
        "| d | 9 ms | – | – | ≤ 5 ms | n/a |",
        "| e | 1 | – | – | – | – |",
    ]


def test_rates_are_by_the_clock_and_by_the_processor():
    rate = Rate(1000, wall=2, cpu=0.5)
    assert (rate.per_second, rate.per_cpu_second) == (500, 2000)
    assert ratios([rate.per_second, 10], [1000, 5]) == [0.5, 2]


@pytest.mark.parametrize(
    ("count", "label"), [(10_000, "10k"), (1_000_000, "1M"), (1_500_000, "1500k"), (1234, "1234")]
)
def test_files_are_named_by_a_short_number_of_rows(count, label):
    assert row_label(count) == label


@pytest.mark.parametrize(
    ("number", "text"), [(0.0123, "0.012"), (1.26, "1.3"), (9.99, "10.0"), (12345.6, "12,346")]
)
def test_numbers_keep_two_digits_at_least(number, text):
    assert significant(number) == text


def test_loaded_rows_are_the_same_each_time_and_fill_the_90_days_in_order():
    once, again = (
        [row for chunk in rows.loaded(60_000) for row in rows.stored(chunk)] for _ in "ab"
    )
    assert once == again
    times = [row[0] for row in once]
    assert times == sorted(times)
    assert times[0][:10] == f"{rows.START:%Y-%m-%d}"
    assert times[-1] < f"{rows.END:%Y-%m-%d}"
    assert len({row[rows.COLUMNS.index("event_id")] for row in once}) == 60_000


def test_loaded_rows_have_the_mix_that_the_documents_say():
    taken = [row for chunk in rows.loaded(50_000) for row in rows.stored(chunk)]
    column = {name: [row[place] for row in taken] for place, name in enumerate(rows.COLUMNS)}
    assert set(column["model"]) == set(rows.MODELS)
    assert len(rows.MODELS) == 20
    assert set(column["provider"]) == set(rows.PROVIDERS)
    assert set(column["api_key_hash"]) == set(rows.KEYS)
    assert set(column["status"]) == set(rows.STATUSES)
    assert 0.02 < 1 - column["status"].count("200") / len(taken) < 0.03
    assert column["model"].count(rows.MODELS[0]) > 15 * column["model"].count(rows.MODELS[-1])


def test_a_posted_row_is_stored_as_the_loaded_one():
    live = rows.live(7_000, 500)
    parsed = parse_json(b"[" + b",".join(rows.posted(live)) + b"]", NOW)
    assert parsed.errors == []
    columns = [
        tuple(getattr(record, name) for name in rows.COLUMNS[1:]) for record in parsed.records
    ]
    times = [f"{record.timestamp:%Y-%m-%d %H:%M:%S.%f}" for record in parsed.records]
    expected = rows.stored(live)
    assert times == [row[0] for row in expected]
    assert columns == [row[1:] for row in expected]


def test_the_references_rows_are_the_same_ones_without_the_newer_fields():
    live = rows.live(0, 100)
    classic, stored = rows.classic(live), rows.stored(live)
    assert [(row[0].removesuffix("+00:00"), *row[1:]) for row in classic] == [
        row[: len(rows.CLASSIC)] for row in stored
    ]


def job(**given) -> load.Job:
    return load.Job("127.0.0.1", 20_001, **{"rows_a_post": 2, "clients": 1, "bodies": 3, **given})


def body_of(request: bytes) -> bytes:
    head, _, body = request.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")
    return body


def test_requests_hold_each_row_once_in_the_form_of_the_job():
    as_array = [json.loads(body_of(request)) for request in load.make_requests(job())]
    as_lines = [
        [json.loads(line) for line in body_of(request).splitlines()]
        for request in load.make_requests(job(form="ndjson"))
    ]
    single = [json.loads(body_of(r)) for r in load.make_requests(job(rows_a_post=1, bodies=6))]
    ids = [rows.event_id(number) for number in range(6)]
    assert [[row["event_id"] for row in post] for post in as_array] == [ids[:2], ids[2:4], ids[4:]]
    assert as_lines == as_array
    assert [row["event_id"] for row in single] == ids


def test_bodies_that_go_again_are_new_events_of_the_same_length():
    requests = load.make_requests(job(rows_a_post=1, bodies=2))
    sent = [load.of_lap(requests, number) for number in range(6)]
    assert len({json.loads(body_of(request))["event_id"] for request in sent}) == 6
    assert sent[:2] == requests


def test_waits_are_told_apart_by_when_the_post_began():
    posted = load.Posted(10, [(1.0, 0.5), (2.0, 0.1), (3.0, 4.0)])
    assert (posted.rows, posted.wall, posted.waits) == (30, 6.0, [0.5, 0.1, 4.0])
    assert posted.begun_within(2.0, 3.0) == [0.1]


@pytest.mark.parametrize(
    "value", [None, 0, 1, -1, 127, 128, 40_000, 2**23, 2**40, 2**62, 1.5, "", "text", "š"]
)
def test_stored_bytes_are_those_of_sqlites_record_format(value):
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE one (id INTEGER PRIMARY KEY, a)")
        database.execute("INSERT INTO one (a) VALUES (?)", [value])
        try:
            sizes = database.execute("SELECT payload FROM dbstat('main', 1) WHERE name = 'one'")
        except sqlite3.OperationalError:
            pytest.skip("this SQLite was built without dbstat")
        (payload,) = sizes
    database.close()
    # The rest is the record's length of head, and the type of the id, which is kept elsewhere.
    assert weight.stored_bytes(value) == payload[0] - 2


def test_the_limits_rollups_put_a_row_into_its_buckets():
    row = rows.stored(rows.live(0, 1))[0]
    row = ("2026-01-15 10:44:59.123456", *row[1:])
    buckets = {name: key_of(row)[0] for name, key_of in limits.ROLLUPS.items()}
    assert buckets == {
        "limit_quarter": "2026-01-15 10:30:00+00",
        "limit_hour": "2026-01-15 10:00:00+00",
        "limit_day": "2026-01-15",
        "limit_hour_key": "2026-01-15 10:00:00+00",
        "limit_day_key": "2026-01-15",
        "limit_hour_latency": "2026-01-15 10:00:00+00",
    }


def test_the_table_of_hostile_peers_compares_with_quiet():
    found = [slow_peers.Measured("silent", [0.010, 0.030], [0.010, 0.020], 100 * 2**20)]
    assert found[0].ratio == 1.5
    assert slow_peers.table(found).splitlines()[2] == (
        "| silent | 2 | 10.0 | 30.0 | 20.0 | 1.50 | 100 |"
    )
