"""What `GET /_qs/metrics` can be asked for: intervals, zones, groups, comparison, purged ranges."""

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.asking import ask
from tests.factory import at, store
from tests.read_only import read_only
from usage.models import UsageMetric, UsageRollup
from usage.queries import MOST_BUCKETS, MOST_ROWS
from usage.rollups.declarations import KEY, ROLLUPS
from usage.rollups.horizon import move_purge_horizon

pytestmark = pytest.mark.django_db
URL = "/_qs/metrics"


def refusal(client, **query: Any) -> dict[str, Any]:
    answer = client.get(URL, query)
    assert answer.status_code == 400, answer.content
    return answer.json()


def requests_at(*times: str) -> None:
    store(*({"timestamp": at(time)} for time in times))


def series(client, **query: Any) -> list[tuple[str, int]]:
    return [(part["bucket_start"], part["requests"]) for part in ask(client, **query)["timeseries"]]


# --- interval and tz --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("interval", "zone", "times", "expected"),
    [
        ("15m", "", ["2024-01-15 10:14:59.999999", "2024-01-15 10:15"],
         ["2024-01-15T10:00:00Z", "2024-01-15T10:15:00Z"]),
        ("", "", ["2024-01-15 10:59", "2024-01-15 11:00"],
         ["2024-01-15T10:00:00Z", "2024-01-15T11:00:00Z"]),
        ("day", "", ["2024-01-15 23:59", "2024-01-16 00:00"],
         ["2024-01-15T00:00:00Z", "2024-01-16T00:00:00Z"]),
        ("week", "", ["2024-01-14 23:59", "2024-01-15 00:00"],
         ["2024-01-08T00:00:00Z", "2024-01-15T00:00:00Z"]),
        ("month", "", ["2024-01-31 23:59", "2024-02-29 12:00", "2024-03-01 00:00"],
         ["2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"]),
        ("hour", "Asia/Kathmandu", ["2024-01-15 10:14", "2024-01-15 10:15"],
         ["2024-01-15T15:00:00+05:45", "2024-01-15T16:00:00+05:45"]),
        ("day", "Asia/Kathmandu", ["2024-01-15 18:14", "2024-01-15 18:15"],
         ["2024-01-15T00:00:00+05:45", "2024-01-16T00:00:00+05:45"]),
        ("hour", "Asia/Kolkata", ["2024-01-15 10:29", "2024-01-15 10:30"],
         ["2024-01-15T15:00:00+05:30", "2024-01-15T16:00:00+05:30"]),
        ("month", "America/New_York", ["2024-03-01 04:59", "2024-03-31 12:00", "2024-04-01 04:00"],
         ["2024-02-01T00:00:00-05:00", "2024-03-01T00:00:00-05:00", "2024-04-01T00:00:00-04:00"]),
        ("day", "Europe/London", ["2024-01-15 00:00"], ["2024-01-15T00:00:00+00:00"]),
        # The clock goes back: the hour from two to three comes twice.
        ("hour", "Europe/Prague", ["2024-10-27 00:30", "2024-10-27 01:30"],
         ["2024-10-27T02:00:00+02:00", "2024-10-27T02:00:00+01:00"]),
        # And by half an hour: the repeated one begins where the clock is put back.
        ("hour", "Australia/Lord_Howe",
         ["2024-04-06 14:59", "2024-04-06 15:29", "2024-04-06 15:30"],
         ["2024-04-07T01:00:00+11:00", "2024-04-07T01:30:00+10:30", "2024-04-07T02:00:00+10:30"]),
        # Days on which midnight is left out, and a day that is left out whole.
        ("day", "America/Sao_Paulo", ["2018-11-04 02:59", "2018-11-04 03:00"],
         ["2018-11-03T00:00:00-03:00", "2018-11-04T01:00:00-02:00"]),
        ("day", "Pacific/Apia", ["2011-12-30 09:59", "2011-12-30 10:00"],
         ["2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00"]),
        ("hour", "Etc/GMT 5", ["2024-01-15 10:00"], ["2024-01-15T05:00:00-05:00"]),
    ],
)  # fmt: skip
def test_buckets_begin_on_the_local_clock(client, interval, zone, times, expected):
    requests_at(*times)
    assert series(client, interval=interval, tz=zone) == [(start, 1) for start in expected]


@pytest.mark.parametrize(("day", "hours"), [("2024-03-31", 23), ("2024-10-27", 25)])
def test_days_on_which_clocks_change_are_longer_or_shorter(client, day, hours):
    first = dt.datetime.fromisoformat(f"{day}T00:00:00").replace(tzinfo=dt.UTC)
    times = [first + hour * dt.timedelta(hours=1) for hour in range(-24, 48)]
    store(*({"timestamp": time} for time in times))
    by_day = {
        start[:10]: count for start, count in series(client, interval="day", tz="Europe/Prague")
    }
    assert by_day[day] == hours
    by_hour = series(client, tz="Europe/Prague")
    assert len([start for start, _ in by_hour if start.startswith(day)]) == hours


@pytest.mark.parametrize(
    ("interval", "zone", "ends", "count"),
    [
        ("hour", "Europe/Prague", ("2024-03-30T23:00:00Z", "2024-03-31T21:59:59Z"), 23),
        ("15m", "Asia/Kathmandu", ("2024-01-14T18:15:00Z", "2024-01-15T18:14:59Z"), 96),
        ("day", "Pacific/Apia", ("2011-12-29T10:00:00Z", "2012-01-01T09:59:59Z"), 3),
        ("week", "UTC", ("2024-01-01", "2024-12-31"), 53),
        ("month", "America/New_York", ("2024-01-01", "2024-12-31"), 13),
        ("hour", "Australia/Lord_Howe", ("2024-04-06T13:00:00Z", "2024-04-07T12:59:59Z"), 25),
    ],
)
def test_fill_leaves_no_gap_in_any_zone(client, interval, zone, ends, count):
    found = ask(
        client, interval=interval, tz=zone, fill="true", **{"from": ends[0], "to": ends[1]}
    )["timeseries"]
    assert len(found) == count
    starts = [dt.datetime.fromisoformat(part["bucket_start"]) for part in found]
    assert starts == sorted(set(starts))


def test_a_filled_series_can_begin_before_its_range_and_end_there(client):
    requests_at("2024-01-15 10:30")
    found = series(client, interval="day", fill="true", **{"from": "2024-01-15T10:00:00Z"})
    assert found == [("2024-01-15T00:00:00Z", 1)]


@pytest.mark.parametrize("time", ["T10:30:00Z", "T10:30:00+00:00", " 10:30:00.000Z", "T10:30:00"])
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL keeps no spelling of times")
def test_times_that_plain_sql_spells_otherwise_are_in_the_right_range(client, time):
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO usage_metrics (timestamp, model) VALUES ('2024-01-15{time}', 'm')"
        )
    requests_at("2024-01-15 20:00")
    ends = ("10:30:00Z", "10:30:00.000001Z", "10:29:59.999999Z", "23:00:00Z")
    queries = [{name: f"2024-01-15T{end}"} for end in ends for name in ("from", "to")]

    def counts() -> list[int]:
        return [ask(client, **query)["totals"]["requests"] for query in queries]

    with read_only():  # so that no sums have it
        assert counts() == [2, 1, 1, 1, 2, 0, 0, 2]
    assert counts() == [2, 1, 1, 1, 2, 0, 0, 2]


def test_clocks_that_were_off_by_odd_seconds_are_no_trouble(client):
    with connection.cursor() as cursor:
        for time in ("1890-06-01 11:02:15", "1890-06-01 11:02:16"):
            cursor.execute("INSERT INTO usage_metrics (timestamp, model) VALUES (%s, 'm')", [time])
    # Noon in Prague was at 11:02:16 UTC.
    assert series(client, tz="Europe/Prague") == [
        ("1890-06-01T10:02:16Z", 1),
        ("1890-06-01T11:02:16Z", 1),
    ]
    assert series(client, tz="Europe/Prague", interval="day") == [("1890-05-31T23:02:16Z", 2)]


SHORT = [("1m", dt.timedelta(hours=6)), ("5m", dt.timedelta(hours=48))]


@pytest.mark.parametrize(("interval", "longest"), SHORT)
def test_minutes_are_told_of_short_ranges(client, interval, longest):
    requests_at("2024-01-15 10:04:59.999999", "2024-01-15 10:05", "2024-01-15 10:06")
    start = at("2024-01-15 10:00")
    query = {"from": start.isoformat(), "to": (start + longest).isoformat()}
    expected = {
        "1m": [
            ("2024-01-15T10:04:00Z", 1),
            ("2024-01-15T10:05:00Z", 1),
            ("2024-01-15T10:06:00Z", 1),
        ],
        "5m": [("2024-01-15T10:00:00Z", 1), ("2024-01-15T10:05:00Z", 2)],
    }
    assert series(client, interval=interval, **query) == expected[interval]
    assert len(series(client, interval=interval, fill="true", **query)) in (361, 577)
    query["to"] = (start + longest + dt.timedelta(microseconds=1)).isoformat()
    assert refusal(client, interval=interval, **query) == {
        "error": f"`interval={interval}` is for up to {longest // dt.timedelta(hours=1)} hours: "
        "narrow `from` and `to`, or ask for a longer `interval`",
        "parameter": "interval",
    }


@pytest.mark.parametrize("interval", ["1m", "5m"])
def test_minutes_up_to_now_are_told_where_there_are_rows_of_years(client, interval):
    now = timezone.now()
    requests_at("2024-01-15 10:00")
    store({"timestamp": now - dt.timedelta(minutes=1)})
    found = series(client, interval=interval, **{"from": (now - dt.timedelta(hours=5)).isoformat()})
    assert [count for _, count in found] == [1]


# --- What pages have in their addresses -------------------------------------------------------


def test_a_range_reaches_back_from_now(client):
    days = (0.5, 5, 25, 80, 400)
    store(*({"timestamp": timezone.now() - dt.timedelta(days=each)} for each in days))
    for number, preset in enumerate(["24h", "7d", "30d", "90d", "all"], 1):
        assert ask(client, range=preset)["totals"]["requests"] == number
        rows = client.get("/_qs/usage", {"range": preset, "measure": "tokens"}).json()["usage"]
        assert len(rows) == number


def test_a_pages_address_is_a_question(client):
    requests_at("2024-01-15 10:00")
    plain = ask(client, interval="day")
    assert ask(client, step="day", measure="cost", lang="de", range="all") == plain


# --- group_by ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "column", "expected"),
    [
        ("api_key", "api_key_hash", [("k1", 30), (None, 9), ("k2", 9)]),
        ("provider", "provider", [("openai", 39), (None, 9)]),
        ("status", "status", [("200", 20), ("429", 10), (None, 9), ("ok", 9)]),
    ],
)
@pytest.mark.parametrize("query", [{}, {"model": ["a", "b"]}])
def test_parts_by_something_else(client, group, column, expected, query):
    of_openai = {"model": "a", "provider": "openai", "api_key_hash": "k1"}
    store(
        {**of_openai, "total_tokens": 20, "status": 200},
        {**of_openai, "total_tokens": 10, "status": 429},
        {**of_openai, "total_tokens": 9, "status": "ok", "model": "b", "api_key_hash": "k2"},
        {"total_tokens": 9, "model": "b"},
    )
    answer = ask(client, group_by=group, **query)
    assert [(part[column], part["tokens"]) for part in answer[f"by_{group}"]] == expected
    assert [part["model"] for part in answer["by_model"]] == ["a", "b"]


def test_each_kind_of_part_has_the_figures_it_can_have(client):
    store({"latency_ms": 100, "provider": "openai"})
    without = set(ask(client)["timeseries"][0]) - {"bucket_start"}
    with_percentiles = {
        name for name in ask(client)["by_model"][0] if name[0] == "p" and name[1] in "59"
    }
    assert len(with_percentiles) == 6
    for group in ("api_key", "status", "provider"):
        answer = ask(client, group_by=group)
        (part,) = answer[f"by_{group}"]
        expected = without | with_percentiles if group == "provider" else without
        assert set(part) - {"api_key_hash", "status", "provider"} == expected
        assert set(answer) == {"totals", "by_model", f"by_{group}", "timeseries", "query_period"}


# --- compare ----------------------------------------------------------------------------------


def test_the_previous_period_is_as_long_and_ends_right_before(client):
    requests_at("2024-01-13 23:59:59.999999", "2024-01-14 00:00", "2024-01-14 23:59:59.999999",
                "2024-01-15 00:00", "2024-01-15 12:00", "2024-01-15 23:59:59.999999")  # fmt: skip
    answer = ask(
        client,
        compare="previous",
        **{"from": "2024-01-15T00:00:00Z", "to": "2024-01-15T23:59:59.999999Z"},
    )
    assert answer["totals"]["requests"] == 3
    previous = answer["previous"]
    assert set(previous) == {"totals", "by_model", "query_period"}
    assert previous["totals"]["requests"] == 2
    assert [part["requests"] for part in previous["by_model"]] == [2]
    assert previous["query_period"] == {
        "from": "2024-01-14T00:00:00Z",
        "to": "2024-01-14T23:59:59.999999Z",
    }


def test_a_comparison_without_an_end_ends_now(client):
    now = timezone.now()
    store(*({"timestamp": now - hours * dt.timedelta(hours=1)} for hours in (1, 3, 3)))
    answer = ask(client, compare="previous", **{"from": (now - dt.timedelta(hours=2)).isoformat()})
    assert (answer["totals"]["requests"], answer["previous"]["totals"]["requests"]) == (1, 2)
    assert dt.datetime.fromisoformat(answer["query_period"]["to"]) >= now


def test_there_is_nothing_before_the_calendar_begins(client):
    answer = ask(client, compare="previous", **{"from": "0001-01-01", "to": "9999-12-31"})
    assert answer["previous"]["totals"]["requests"] == 0


# --- What cannot be answered ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"compare": "previous"}, "`compare` needs `from`"),
        ({"compare": "previous", "from": "2999-01-01"}, "`from` is later than now"),
        ({"compare": "last"}, "`compare` must be previous"),
        ({"interval": "minute"}, "`interval` must be 1m or 5m or 15m or hour or day or week or mo"),
        ({"step": "minute"}, "`step` must be 1m or 5m or"),
        ({"step": "day", "interval": "day"}, "`step` is another name of `interval`: give one"),
        ({"range": "24h", "from": "2024-01-01"}, "give either `range` or `from` and `to`, not bo"),
        ({"range": "2h"}, "`range` is '2h': use 24h, 7d, 30d, 90d, all"),
        ({"group_by": "key"}, "`group_by` must be model or api_key or provider or status"),
        ({"tz": "Europe/Atlantis"}, "`tz` must be an IANA time zone such as Europe/Prague"),
        ({"tz": "../../etc/passwd"}, "`tz` must be an IANA time zone"),
        ({"tz": "right/UTC"}, "`tz` must be an IANA time zone"),
        ({"tz": "+02:00"}, "`tz` must be an IANA time zone"),
        ({"interval": ["day", "hour"]}, "`interval` is given 2 times"),
        (
            {"fill": "1", "interval": "15m", "from": "2024-01-01", "to": "2024-12-31"},
            f"{MOST_BUCKETS:,} buckets, which are the most",
        ),
        (
            {"fill": "1", "interval": "day", "from": "0001-01-01", "to": "9999-12-31"},
            "or leave `fill` out",
        ),
    ],
)
def test_what_is_not_understood_is_refused(client, query, sentence):
    assert sentence in refusal(client, **query)["error"]


def of_key(requests: int) -> None:
    """A request of a key, of which the sums say that it had so many."""
    time = at("2024-01-15 10:07")
    store({"timestamp": time, "api_key_hash": "k", "status": 200, "latency_ms": 100})
    numbers = [rollup.number for rollup in ROLLUPS if rollup.grouping is KEY]
    UsageRollup.objects.filter(rollup__in=numbers).update(requests=requests)


def test_a_series_that_only_rows_can_tell_is_bounded(client):
    of_key(MOST_ROWS)
    query = {"api_key_hash": "k", "status": "200"}
    assert series(client, **query) == [("2024-01-15T10:00:00Z", 1)]
    of_key(MOST_ROWS + 1)
    assert refusal(client, **query) == {
        "error": "no sums are as fine as this, and up to 500001 rows would have to be read, of "
        "which 500000 are the most: narrow `from` and `to`, or ask for `interval=day` in UTC "
        "with both ends at its midnights",
        "parameter": "interval",
    }
    assert series(client, interval="day", **query) == [("2024-01-15T00:00:00Z", 2)]


def test_percentiles_that_only_rows_can_tell_are_bounded(client):
    of_key(50_000)
    answer = ask(client, api_key_hash="k")
    assert answer["totals"]["p50_latency_ms"] == 100
    assert "percentiles_note" not in answer
    of_key(50_001)
    answer = ask(client, api_key_hash="k")
    assert answer["totals"]["p50_latency_ms"] is None
    assert answer["percentiles_note"] == (
        "percentiles of what is asked for by more than model and provider come from rows, and more "
        "than 50,000 would have to be read: narrow `from` and `to`"
    )


# --- Where raw rows were purged ---------------------------------------------------------------


def purge(before: str) -> None:
    UsageMetric.objects.filter(timestamp__lt=at(before)).delete_but_keep_sums()
    move_purge_horizon(at(before))


def test_ends_before_the_purge_count_whole_hours_and_say_so(client):
    requests_at("2024-01-15 10:05", "2024-01-15 10:55", "2024-01-15 11:40", "2024-01-16 00:00")
    query = {"from": "2024-01-15T10:30:00Z", "to": "2024-01-15T11:30:00Z"}
    assert ask(client, **query)["totals"]["requests"] == 1
    purge("2024-01-15 12:00")
    answer = ask(client, **query)
    assert answer["totals"]["requests"] == 3
    assert [part["requests"] for part in answer["timeseries"]] == [2, 1]
    assert answer["query_period"] == query
    assert answer["covered_period"] == {
        "from": "2024-01-15T10:00:00Z",
        "to": "2024-01-15T11:59:59.999999Z",
    }


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"from": "2024-01-15T10:00:00Z"},
        {"to": "2024-01-16T00:00:00Z"},
        {"from": "2024-01-15T12:00:00.000001Z", "to": "2024-01-15T12:00:00.000002Z"},
        {"from": "2024-01-15", "api_key_hash": "k"},
    ],
)
def test_ends_that_need_no_purged_row_are_exact(client, query):
    requests_at("2024-01-15 10:05", "2024-01-16 00:00")
    purge("2024-01-15 12:00")
    assert "covered_period" not in ask(client, **query)


def test_a_sum_that_reaches_over_a_boundary_counts_where_it_begins(client):
    store({"timestamp": at("2024-01-15 10:20"), "api_key_hash": "k"})
    query = {"interval": "15m", "api_key_hash": "k"}
    assert series(client, **query) == [("2024-01-15T10:15:00Z", 1)]
    purge("2024-01-15 12:00")
    assert series(client, **query) == [("2024-01-15T10:00:00Z", 1)]


def test_so_it_does_where_the_zone_has_hours_of_its_own(client):
    store({"timestamp": at("2024-01-15 10:20"), "api_key_hash": "k"})
    purge("2024-01-15 12:00")
    query = {"tz": "Asia/Kathmandu", "api_key_hash": "k"}  # whose hours begin at a quarter past
    assert series(client, **query) == [("2024-01-15T15:00:00+05:45", 1)]


def test_a_bucket_that_the_purge_cut_is_whole_in_its_sum(client):
    store(*({"timestamp": at(f"2024-01-15 {time}"), "api_key_hash": "k"}
            for time in ("10:05", "10:40", "10:50", "11:05")))  # fmt: skip
    purge("2024-01-15 10:45")
    assert series(client, interval="15m", api_key_hash="k") == [
        ("2024-01-15T10:00:00Z", 3),
        ("2024-01-15T11:00:00Z", 1),
    ]


# --- What a question costs --------------------------------------------------------------------


def statements(client, **query: Any) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        ask(client, **query)
    return [each["sql"] for each in captured]


def test_the_statements_of_an_answer_do_not_grow_with_rows_and_do_not_write(client):
    requests_at("2024-01-15 10:05", "2024-01-16 11:00")
    query = {"from": "2024-01-15T10:01:00Z", "compare": "previous", "group_by": "api_key"}
    few = statements(client, **query)
    store(*({"timestamp": at("2024-01-15 10:30"), "model": f"m{n % 9}"} for n in range(200)))
    assert len(statements(client, **query)) == len(few)
    assert not [sql for sql in few if sql.startswith(("INSERT", "UPDATE", "DELETE"))]


def test_a_question_counts_rows_of_plain_sql_and_leaves_them_to_the_background(client):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO usage_metrics (timestamp, model) VALUES ('2024-01-15 10:00:00', 'm')"
        )
    assert ask(client)["totals"]["requests"] == 1
    assert UsageMetric.objects.filter(is_summed=None).count() == 1


# --- Long lists -------------------------------------------------------------------------------


def test_lists_have_the_largest_parts_and_others_the_rest(client):
    store(*[{"model": f"m{n}", "total_tokens": 10 - n, "api_key": f"k{n % 3}", "latency_ms": n}
            for n in range(6)])  # fmt: skip
    answer = ask(client, limit=2, group_by="api_key")
    assert [part["model"] for part in answer["by_model"]] == ["m0", "m1"]
    assert len(answer["by_api_key"]) == 2
    assert answer["totals"]["requests"] == 6
    others = answer["others"]
    assert set(others) == {"by_model", "by_api_key"}
    assert (others["by_model"]["names"], others["by_api_key"]["names"]) == (4, 1)
    assert set(others["by_model"]) == {"names", *answer["timeseries"][0]} - {"bucket_start"}
    for name in ("by_model", "by_api_key"):
        for figure in ("requests", "tokens"):
            listed = sum(part[figure] for part in answer[name])
            assert listed + others[name][figure] == answer["totals"][figure]
    assert others["by_model"]["avg_latency_ms"] == 3.5
    assert "p50_latency_ms" in answer["by_model"][0]
    assert "others" not in ask(client, limit=6, group_by="api_key")


def test_an_earlier_period_has_others_of_its_own(client):
    store(*[{"model": f"m{n}", "timestamp": at("2024-01-15 12:00")} for n in range(3)])
    answer = ask(
        client, **{"from": "2024-01-16", "to": "2024-01-18", "compare": "previous", "limit": 1}
    )
    assert "others" not in answer
    assert answer["previous"]["others"]["by_model"]["names"] == 2


@pytest.mark.parametrize("limit", ["0", "10001", "-1", "1.5", "many", "１"])
def test_a_limit_that_cannot_be_is_refused(client, limit):
    assert refusal(client, limit=limit)["error"] == "`limit` must be a whole number from 1 to 10000"
