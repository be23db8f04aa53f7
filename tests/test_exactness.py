"""Whatever is asked, and however the rows came: the answer is the one plain Python makes of them.

`QSMETRICS_EXACTNESS_CASES=5000 pytest -s tests/test_exactness.py` asks more and says how much.
"""

import datetime as dt
import os
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, permutations
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.test import Client, override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import known_rows, plain_python
from tests.factory import NOON
from tests.known_rows import Groups, Known
from tests.plain_python import DAY, HOUR, MICROSECOND, OTHER, WHO_AND_WHAT, Names, Row
from tests.read_only import read_only
from tests.sums import add_waiting_rows, assert_sums_equal_rows
from tests.thorough import examples
from usage.asking.filters import UsageFilter
from usage.database.snapshots import read_snapshot
from usage.database.transactions import write_transaction
from usage.models import FillingState, UsageMetric, UsageName, UsageRollup, UsageSeries
from usage.periods import Period, rfc3339
from usage.queries import Breakdown, Figures, usage_report
from usage.queries.reading import Reading
from usage.queries.scope import holdings
from usage.recording import record_batch
from usage.records import UsageRecord
from usage.retention import remove_expired_rows
from usage.rollups import filling, names
from usage.rollups.declarations import GROUPINGS, ROLLUPS
from usage.rollups.horizon import purged_before
from usage.rollups.name_entries import ALWAYS, NEVER

pytestmark = pytest.mark.django_db

CASES = int(os.environ.get("QSMETRICS_EXACTNESS_CASES", examples(60)))
asked: Counter[str] = Counter()

# Around changes of clocks, a day that a zone skips, and a month's end.
ERAS = {
    "Europe/Prague": dt.datetime(2024, 3, 30),
    "America/New_York": dt.datetime(2024, 11, 2),
    "Asia/Kathmandu": dt.datetime(2024, 2, 28),
    "Asia/Kolkata": dt.datetime(2023, 12, 31),
    "Australia/Lord_Howe": dt.datetime(2024, 4, 6),
    "America/St_Johns": dt.datetime(2011, 11, 5),
    "America/Sao_Paulo": dt.datetime(2018, 11, 3),
    "Pacific/Apia": dt.datetime(2011, 12, 29),
    "UTC": dt.datetime(2024, 3, 17),
}
ZONES = list(ERAS)
_GROUPS = ["model", "api_key", "provider", "status"]
GROUPS = [*_GROUPS, *(",".join(pair) for pair in permutations(_GROUPS, 2))]
GROUPS_OF_WHO = [
    *WHO_AND_WHAT,
    *(f"{name},model" for name in WHO_AND_WHAT),
    *("model,team", "user,provider", "status,app", "source,account", "team,user"),
]
FIELDS = [field.name for field in UsageMetric._meta.concrete_fields]


@pytest.fixture(scope="module", autouse=True)
def _say_how_much_was_asked() -> Iterator[None]:
    yield
    print(f"\nexactness: {dict(asked)}")


# --- Rows -------------------------------------------------------------------------------------

places_in_a_day = st.one_of(
    st.integers(0, 95).map(lambda quarter: quarter * 900 * 10**6),
    st.integers(0, 23).map(lambda hour: hour * 3600 * 10**6),
    st.just(0),
    st.integers(0, 86_400 * 10**6 - 1),
)
days = st.one_of(st.integers(-1, 4), st.integers(-40, 40))


def moments(era: dt.datetime) -> st.SearchStrategy[dt.datetime]:
    """Often at the edge of a bucket, or a microsecond beside it."""
    beside = st.sampled_from([0, 0, -1, 1])
    return st.builds(
        lambda day, place, beside: (
            era.replace(tzinfo=dt.UTC) + day * DAY + (place + beside) * MICROSECOND
        ),
        days,
        places_in_a_day,
        beside,
    )


tokens = st.integers(0, 1000) | st.sampled_from([2**32 - 1, 2**32, 2**53])
optional_tokens = st.none() | tokens
# Of few binary digits, so that every order of adding them gives the same.
milliseconds = st.none() | st.integers(0, 4_000_000).map(lambda n: n / 8)


FEW_NAMES: dict[str, list[str]] = {
    "model": ["a", "b", "ü"],
    "provider": ["openai", "azure"],
    "status": ["200", "404", "429", "500", "ok", "error"],
    "api_key_hash": ["k1", "k2"],
    **{name: [f"{name} 1", f"{name} 2"] for name in WHO_AND_WHAT},
}
MANY_NAMES = {
    dimension: [*names, OTHER, *(f"{names[0]}{number}" for number in range(60))]
    for dimension, names in FEW_NAMES.items()
}


def rows(era: dt.datetime, names: dict[str, list[str]]) -> st.SearchStrategy[Row]:
    return st.fixed_dictionaries(
        {
            "timestamp": moments(era),
            "model": st.sampled_from(names["model"]),
            "provider": st.sampled_from([None, *names["provider"]]),
            "status": st.sampled_from([None, *names["status"]]),
            "api_key_hash": st.sampled_from([None, *names["api_key_hash"]]),
            **{name: st.sampled_from([None, *names[name]]) for name in WHO_AND_WHAT},
            "total_tokens": tokens,
            "prompt_tokens": tokens,
            "completion_tokens": tokens,
            "cached_tokens": optional_tokens,
            "cache_write_tokens": optional_tokens,
            "reasoning_tokens": optional_tokens,
            "latency_ms": milliseconds,
            "ttft_ms": milliseconds,
            "cost_usd": st.none() | st.integers(0, 400).map(lambda cents: cents / 4),
        }
    )


# --- Ways in which rows come, change and go ---------------------------------------------------


def record(found: list[Row]) -> None:
    record_batch([UsageRecord(**row) for row in found])


def bulk_create(found: list[Row]) -> None:
    UsageMetric.objects.bulk_create(UsageMetric(**row) for row in found)


def insert_in_plain_sql(found: list[Row]) -> None:
    with connection.cursor() as cursor:
        for row in map(plain_columns, found):
            cursor.execute(
                f"INSERT INTO usage_metrics ({', '.join(row)})"
                f" VALUES ({', '.join(['%s'] * len(row))})",
                list(row.values()),
            )


def plain_columns(row: Row) -> Row:
    """As other programs write: times with T and Z, and empty text where others have NULL."""
    time: Any = row["timestamp"]
    if connection.vendor == "sqlite":
        ends = {0: "Z", 1: "+00:00", 2: "", 3: ".000Z"}
        whole = row["timestamp"].microsecond == 0
        end = ends[row["total_tokens"] % 4] if whole else "Z"
        between = "T" if row["total_tokens"] % 3 else " "
        time = time.replace(tzinfo=None).isoformat(between) + end
    texts = {name: row.get(name) or "" for name in ("provider", "status", "team")}
    found = {**row, **texts, "timestamp": time}
    return {f'"{name}"': value for name, value in found.items()}


def change_many(found: list[Row]) -> None:
    UsageMetric.objects.filter(model="a").update(model="b", total_tokens=7, latency_ms=2.5)


def change_one(found: list[Row]) -> None:
    row = UsageMetric.objects.order_by("-id").first()
    if row is not None and found:
        row.timestamp, row.status = found[0]["timestamp"], found[0]["status"]
        row.save()


def delete_some(found: list[Row]) -> None:
    UsageMetric.objects.filter(status="404").delete()


def delete_one(found: list[Row]) -> None:
    if (row := UsageMetric.objects.order_by("id").first()) is not None:
        row.delete()


WAYS: list[Callable[[list[Row]], None]] = [
    record, record, bulk_create, insert_in_plain_sql, insert_in_plain_sql,
    change_many, change_one, delete_some, delete_one,
]  # fmt: skip


def all_rows() -> list[Row]:
    return list(UsageMetric.objects.order_by("id").values(*FIELDS))


def purge(cutoff: dt.datetime) -> list[Row]:
    """The rows that are gone."""
    gone = [row for row in all_rows() if row["timestamp"] < cutoff]
    for _ in remove_expired_rows(cutoff):
        pass
    return gone


# --- Questions --------------------------------------------------------------------------------


def some_of(*values: str) -> st.SearchStrategy[list[str]]:
    return st.just([]) | st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)


def seldom_some_of(*values: str) -> st.SearchStrategy[list[str]]:
    return st.just([]) | st.just([]) | some_of(*values)


def names_in_table() -> Names:
    """As the portal has decided."""
    return Names(
        {
            (dimension, name): counts_from
            for dimension, name, counts_from in UsageName.objects.values_list(
                "dimension", "name", "counts_from"
            )
        }
    )


def questions(
    era: dt.datetime, zone: str, times: list[dt.datetime], names: dict[str, list[str]]
) -> st.SearchStrategy[dict[str, Any]]:
    near = st.builds(
        lambda time, beside: time + beside * MICROSECOND,
        st.sampled_from(times),
        st.sampled_from([0, 1, -1]),
    )
    end = st.none() | near | moments(era)
    return st.fixed_dictionaries(
        {
            "ends": st.tuples(end, end),
            "who": who_and_what(names),
            "model": some_of(*names["model"]),
            "provider": some_of(*names["provider"], ""),
            "api_key_hash": some_of(*names["api_key_hash"], "k3", ""),
            "status": some_of(*names["status"], "4xx", "2xx", ""),
            "not_model": seldom_some_of(*names["model"]),
            "not_provider": seldom_some_of(*names["provider"], ""),
            "not_api_key_hash": seldom_some_of(*names["api_key_hash"], ""),
            "not_status": seldom_some_of(*names["status"], "4xx", "error", ""),
            "interval": st.sampled_from(["1m", "5m", "15m", "hour", "day", "week", "month"]),
            "tz": st.sampled_from([zone, zone, *ZONES]),
            "group_by": st.sampled_from(GROUPS) | st.sampled_from(GROUPS_OF_WHO),
            "order_by": st.sampled_from(["tokens", "tokens", "cost", "requests"]),
            "limit": st.sampled_from([None, None, 1, 2]),
            "series_by": st.sampled_from([None, None, *_GROUPS]) | st.sampled_from(WHO_AND_WHAT),
            "top": st.sampled_from([None, 1, 2]),
            "compare": st.booleans(),
            "fill": st.booleans(),
        }
    ).map(settled)


def who_and_what(names: dict[str, list[str]]) -> st.SearchStrategy[dict[str, list[str]]]:
    """Filters by none, mostly, or by one or two of what rows may lack."""
    one = st.sampled_from(WHO_AND_WHAT).flatmap(
        lambda name: st.fixed_dictionaries(
            {name: some_of(*names[name], ""), f"not_{name}": seldom_some_of(*names[name], "")}
        )
    )
    two = st.builds(lambda first, other: {**first, **other}, one, one)
    return st.just({}) | one | one | two


def settled(question: dict[str, Any]) -> dict[str, Any]:
    """With ends in order, without most other filters where there are rare ones, and nothing that
    would be refused."""
    who = question.pop("who")
    empty = {name: [] for each in WHO_AND_WHAT for name in (each, f"not_{each}")}
    question |= {**empty, **who}
    if any(who.values()) and len(question["model"]) < 2:
        for name in ("provider", "status", "api_key_hash"):
            question[name] = question[f"not_{name}"] = []
    start, end = question.pop("ends")
    if start and end:
        start, end = min(start, end), max(start, end)
    longest = {"1m": 6, "5m": 48}.get(question["interval"])
    if longest and start and end:
        end = min(end, start + longest * HOUR)
    elif longest:
        question["interval"] = "15m"
    if question["series_by"] and question["interval"] in ("15m", "hour"):
        question["fill"] = False  # of some series these are more buckets than are sent
    question["from"], question["to"] = start, end
    question["compare"] = question["compare"] and start is not None and end is not None
    return question


def ask(question: dict[str, Any]) -> dict[str, Any]:
    query = {name: value for name, value in question.items() if value}
    for name in ("from", "to"):
        if name in query:
            query[name] = rfc3339(query[name])
    if "compare" in query:
        query["compare"] = "previous"
    answer = Client().get("/_qs/metrics", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


# --- The comparison ---------------------------------------------------------------------------


@dataclass
class History:
    """What became of the rows: before when they were purged, which of them, and their names."""

    horizon: dt.datetime | None
    gone: list[Row]
    names: Names
    known: Known

    def unsure(self, question: dict[str, Any]) -> set[str]:
        """Dimensions whose sums lack rows, of which a filter tells some (other) names apart."""
        if self.known.are_all_filled:
            return set()
        return {name for name in WHO_AND_WHAT if self.names.are_some_apart(name, question)}

    def counted(
        self,
        rows: list[Row],
        question: dict[str, Any],
        covered: dict[str, Any],
        groups: Groups,
    ) -> list[Row]:
        """What a question counts: not what is gone where only rows could tell. Of what nobody
        knows any more, as if it lacked it."""
        gone = {row["id"] for row in self.gone if self.names.is_told_by_rows(row, question)}
        told = (self.as_known(row, question, groups) for row in rows if row["id"] not in gone)
        found = [row for row in told if self.names.matches(row, {**question, **covered})]
        return [row for row in found if not row.get("is_dropped")]

    def as_known(self, row: Row, question: dict[str, Any], groups: Groups) -> Row:
        if self._is_known(row, question, (), groups):
            return row
        lost = known_rows.restricted(question) & {*WHO_AND_WHAT}
        return {**row, **dict.fromkeys(lost), "is_dropped": self.known.is_dropped(question)}

    def parts(
        self, rows: list[Row], columns: list[str], question: dict[str, Any], groups: Groups
    ) -> list[Any]:
        def names(row: Row) -> tuple[str, ...]:
            told = columns
            if not self._is_known(row, question, columns, groups):
                told = known_rows.told_of_all(question, columns)
            shown = {column: self.names.shown(row, column, question) for column in told}
            return tuple(shown.get(column, "") for column in columns)

        return plain_python.parts(rows, names, question["order_by"])

    def _is_known(
        self, row: Row, question: dict[str, Any], named: Sequence[str], groups: Groups
    ) -> bool:
        is_there = row["id"] not in self.known.gone
        is_read = is_there and self.names.is_told_by_rows(row, question)
        return is_read or self.known.is_known(row, question, named, groups)


def assert_answered(
    answer: dict[str, Any], question: dict[str, Any], rows: list[Row], history: History
) -> None:
    zone = ZoneInfo(question["tz"])
    question = {**question, "unsure": history.unsure(question)}
    covered = check_periods(answer, question, history.horizon)
    groups = [["model"], columns_of(question["group_by"])]
    groups += [columns_of(question["series_by"])] if question["series_by"] else []
    found = history.counted(rows, question, covered, groups)
    check_summary(answer, question, found, history, groups)
    if question["group_by"] != "model":
        check_parts(answer, question, question["group_by"], found, history, groups)
    series = expected_series(question, covered, found, zone, history, groups)
    assert answer["timeseries"] == series
    named = named_series(question, covered, found, zone, history, groups)
    assert answer.get("series") == named
    if question["compare"]:
        length = question["to"] - question["from"]
        end = question["from"] - MICROSECOND
        earlier = {**question, "from": end - length, "to": end}
        covered = check_periods(answer["previous"], earlier, history.horizon)
        found = history.counted(rows, question, covered, [["model"]])
        check_summary(answer["previous"], earlier, found, history, [["model"]])


def check_parts(
    answer: dict[str, Any],
    question: dict[str, Any],
    group_by: str,
    found: list[Row],
    history: History,
    groups: Groups,
) -> None:
    name = f"by_{group_by.replace(',', '_')}"
    columns = columns_of(group_by)
    parts = history.parts(found, columns, question, groups)
    listed, rest = parts[: question["limit"]], parts[len(parts[: question["limit"]]) :]
    assert [without_percentiles(part) for part in answer[name]] == [
        {
            **{column: each or ("" if column == "model" else None)
               for column, each in zip(columns, names, strict=True)},
            **plain_python.figures(part),
        }
        for names, part in listed
    ]  # fmt: skip
    others = answer.get("others", {}).get(name)
    of_rest = [row for _, part in rest for row in part]
    assert others == ({"names": len(rest), **plain_python.figures(of_rest)} if rest else None)


def columns_of(group_by: str) -> list[str]:
    return [{"api_key": "api_key_hash"}.get(each, each) for each in group_by.split(",")]


def check_periods(
    answer: dict[str, Any], question: dict[str, Any], horizon: dt.datetime | None
) -> dict[str, Any]:
    """What was counted: what was asked for, or up to a day more where rows were purged."""
    asked_for = {name: question[name] for name in ("from", "to")}
    assert answer["query_period"] == {
        name: moment and rfc3339(moment) for name, moment in asked_for.items()
    }
    if "covered_period" not in answer:
        return asked_for
    covered = {
        name: text and dt.datetime.fromisoformat(text)
        for name, text in answer["covered_period"].items()
    }
    assert horizon is not None
    for name, sign in (("from", -1), ("to", 1)):
        if covered[name] != asked_for[name]:
            assert asked_for[name] < horizon + DAY
            assert 0 * DAY < sign * (covered[name] - asked_for[name]) < DAY
            edge = covered[name] + (MICROSECOND if name == "to" else 0 * DAY)
            assert edge.timestamp() % 900 == 0
    return covered


def check_summary(
    answer: dict[str, Any],
    question: dict[str, Any],
    found: list[Row],
    history: History,
    groups: Groups,
) -> None:
    figures = plain_python.figures(found)
    names = {"total_tokens": figures["tokens"], "total_requests": figures["requests"]}
    assert without_percentiles(answer["totals"]) == {**names, **figures}
    check_percentiles(answer["totals"], question, found, history.horizon)
    check_parts(answer, question, "model", found, history, groups)
    by_model = history.parts(found, ["model"], question, groups)[: question["limit"]]
    for got, (_, part) in zip(answer["by_model"], by_model, strict=True):
        check_percentiles(got, question, part, history.horizon)


def without_percentiles(part: dict[str, Any]) -> dict[str, Any]:
    """Nor with the name of an account, which no row has."""
    return {
        name: value
        for name, value in part.items()
        if name != "account_label" and not re.match(r"p\d\d_", name)
    }


def check_percentiles(
    got: dict[str, Any], question: dict[str, Any], found: list[Row], horizon: dt.datetime | None
) -> None:
    only_rows_tell = plain_python.is_restricted(question, "api_key_hash", "status", *WHO_AND_WHAT)
    start = question["from"]
    are_purged = only_rows_tell and horizon and (start is None or start < horizon + DAY)
    for column in ("latency", "ttft"):
        for share in (50, 95, 99):
            value = got[f"p{share}_{column}_ms"]
            exact = plain_python.percentile(found, f"{column}_ms", share / 100)
            if value is None or exact is None:
                assert value is exact or are_purged
            elif horizon is None:  # so few rows are read
                assert abs(value - exact) <= 1e-6 * max(1, exact)
            else:
                seen = [row[f"{column}_ms"] for row in found if row[f"{column}_ms"] is not None]
                assert min(seen) - 1e-6 <= value <= max(seen) + 1e-6
                assert abs(value - exact) <= 0.1 * exact + 0.001


def expected_series(
    question: dict[str, Any],
    covered: dict[str, Any],
    found: list[Row],
    zone: ZoneInfo,
    history: History,
    groups: Groups,
) -> list[dict[str, Any]]:
    interval = question["interval"]
    named = columns_of(question["series_by"]) if question["series_by"] else []
    grain = known_rows.grain(question, named) or known_rows.grain(question)
    rows_from = history.known.rows_from(question, groups)
    is_by_who = bool(known_rows.restricted(question) & {*WHO_AND_WHAT})
    if is_by_who and history.known.filled_from > rows_from:
        grain = 900 if grain else 0  # of what nobody knows

    def place(row: Row) -> dt.datetime:
        """Where rows were purged, a sum that lies in two buckets counts where it begins."""
        moment = row["timestamp"]
        if not grain:
            return plain_python.bucket_of(moment, interval, zone)
        whole = dt.datetime.fromtimestamp(moment.timestamp() // grain * grain, dt.UTC)
        is_purged = history.horizon is not None and whole < history.horizon
        if is_by_who and history.known.filled_from > rows_from:
            is_purged = moment.timestamp() < rows_from
        is_purged = is_purged and not history.names.is_told_by_rows(row, question)
        return plain_python.bucket_of(whole if is_purged else moment, interval, zone)

    series = plain_python.grouped(found, place)
    starts = sorted(series)
    first, last = (
        covered["from"] or min(starts, default=None),
        covered["to"] or max(starts, default=None),
    )
    if question["fill"] and first and last:
        starts = [plain_python.bucket_of(first, interval, zone)]
        while (start := plain_python.following(starts[-1], interval, zone)) <= last:
            starts.append(start)
    return [
        {"bucket_start": rfc3339(start, zone), **plain_python.figures(series.get(start, []))}
        for start in starts
    ]


def named_series(
    question: dict[str, Any],
    covered: dict[str, Any],
    found: list[Row],
    zone: ZoneInfo,
    history: History,
    groups: Groups,
) -> list[dict[str, Any]] | None:
    if not question["series_by"]:
        return None
    columns = columns_of(question["series_by"])
    parts, top = history.parts(found, columns, question, groups), question["top"] or 8

    def told(some: list[Row]) -> list[dict[str, Any]]:
        return expected_series(question, covered, some, zone, history, groups)

    named = [{"name": names[0], "timeseries": told(part)} for names, part in parts[:top]]
    rest = [row for _, part in parts[top:] for row in part]
    others = {"name": None, "timeseries": told(rest), "others": True}
    return [*named, *([others] if rest else [])]


# --- The tests --------------------------------------------------------------------------------


@settings(
    max_examples=CASES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_answers_are_those_that_plain_python_makes_of_the_rows(data: st.DataObject):
    check_any_history(data, FEW_NAMES, most_rows=12)


@pytest.mark.parametrize("bound", [20, 1])
@settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_they_are_so_where_more_names_come_than_are_told_apart(data: st.DataObject, bound: int):
    with override_settings(METRICS_MAX_NAMES=bound):
        check_any_history(data, MANY_NAMES, most_rows=30)


def check_any_history(
    data: st.DataObject, names: dict[str, list[str]], most_rows: int, *, is_upgraded: bool = False
) -> None:
    zone = data.draw(st.sampled_from(ZONES), label="zone")
    era = ERAS[zone]
    with transaction.atomic():
        if is_upgraded:
            gone = upgrade(data, era, names, most_rows)
        else:
            gone = []
            change(data, era, names, most_rows)
        known = Known()
        if data.draw(st.booleans(), label="purge"):
            known.filled_from = filled_from()
            more = purge(data.draw(moments(era), label="purged before"))
            known.kept = {row["id"] for row in more if known.is_in_sums(row)}
            gone += more
            record(data.draw(st.lists(rows(era, names), max_size=3), label="late rows"))
        if is_upgraded:
            fill_some(data.draw(st.integers(0, 4), label="filled"))
        known.gone, known.filled_from = {row["id"] for row in gone}, filled_from()
        known.horizon = purged_before()
        known.are_all_filled = not FillingState.objects.exclude(
            filled_from=ALWAYS, unknown_before=ALWAYS
        ).exists()
        there = [*gone, *all_rows()]
        times = [row["timestamp"] for row in there] or [era.replace(tzinfo=dt.UTC)]
        for _ in range(3):
            question = data.draw(questions(era, zone, times, names), label="question")
            with read_only(really=data.draw(st.booleans(), label="read-only")):
                answer = ask(question)
                # Within, since a question that may write decides on names of plain SQL.
                history = History(purged_before(), gone, names_in_table(), known)
            assert_answered(answer, question, there, history)
            count(question, len(there), gone)
        transaction.set_rollback(True)


@settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_they_are_so_while_sums_of_a_later_version_are_filled(data: st.DataObject):
    check_any_history(data, FEW_NAMES, most_rows=12, is_upgraded=True)


@settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_they_are_so_where_more_names_come_than_are_told_apart_meanwhile(data: st.DataObject):
    with override_settings(METRICS_MAX_NAMES=20):
        check_any_history(data, MANY_NAMES, most_rows=30, is_upgraded=True)


def change(
    data: st.DataObject, era: dt.datetime, names: dict[str, list[str]], most_rows: int
) -> None:
    for _ in range(data.draw(st.integers(1, 4), label="steps")):
        way = data.draw(st.sampled_from(WAYS), label="way")
        way(data.draw(st.lists(rows(era, names), max_size=most_rows), label="rows"))


def upgrade(
    data: st.DataObject, era: dt.datetime, names: dict[str, list[str]], most_rows: int
) -> list[Row]:
    """A history of which the sums that came later are filled in part; the rows that are gone."""
    change(data, era, names, most_rows)
    gone = []
    if data.draw(st.booleans(), label="purge before"):
        gone = purge(data.draw(moments(era), label="purged first"))
    forget_who_and_what()
    fill_some(data.draw(st.integers(0, 4), label="filled first"))
    change(data, era, names, most_rows)
    return gone


def forget_who_and_what() -> None:
    """As the migration leaves a database of the version before."""
    numbers = [each.number for each in ROLLUPS if each.grouping.came_with]
    UsageRollup.objects.filter(rollup__in=numbers).delete()
    UsageSeries.objects.filter(grouping__in=[g.name for g in GROUPINGS if g.came_with]).delete()
    UsageName.objects.filter(dimension__in=WHO_AND_WHAT).delete()
    with transaction.atomic():
        names.hold_alone()
    FillingState.objects.create(came_with="who_and_what", filled_from=NEVER, unknown_before=ALWAYS)


def fill_some(steps: int) -> None:
    """Some three rows in each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filling, "_FIRST_STEP", 3)
        patch.setattr(filling, "_LARGEST_STEP", 3)
        patch.setattr(filling, "_HELD_SECONDS", 1000)
        for _ in islice(filling.fill_later_sums(), steps):
            pass


def filled_from() -> int:
    found = FillingState.objects.values_list("filled_from", flat=True).first()
    return ALWAYS if found is None else found


def count(question: dict[str, Any], rows: int, gone: list[Row]) -> None:
    asked.update(
        questions=1,
        rows=rows,
        after_a_purge=bool(gone),
        filtered=plain_python.is_restricted(question, *plain_python.FILTERS),
        left_out=any(question[f"not_{name}"] for name in plain_python.FILTERS),
        compared=question["compare"],
        filled=question["fill"],
    )
    asked.update([question["interval"], question["tz"], f"by {question['group_by']}"])


def write_until(stop: threading.Event, number: int) -> None:
    """One of the ways to write, over and over."""
    chance = random.Random(number)
    try:
        while not stop.is_set():
            moment = NOON + chance.uniform(-3, 3) * DAY
            row = {"timestamp": moment, "model": chance.choice("abc"), "total_tokens": 1}
            if number == 0:
                record_batch([{**row, "api_key": chance.choice("kl")} for _ in range(20)])
            elif number == 1:
                with write_transaction():
                    insert_in_plain_sql([{**row, "provider": None, "status": None}])
            else:
                UsageMetric.objects.filter(model="c", timestamp__lt=moment).delete()
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_the_parts_of_an_answer_agree_while_others_write():
    stop = threading.Event()
    writers = [threading.Thread(target=write_until, args=(stop, number)) for number in range(3)]
    for writer in writers:
        writer.start()
    try:
        found = [assert_parts_agree(number) for number in range(60)]
        until = time.monotonic() + 20
        while len(set(found)) <= 20 and time.monotonic() < until:  # on a busy machine
            found.append(assert_parts_agree(len(found)))
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert len(set(found)) > 20, found  # they did write
    assert assert_parts_agree(0) == UsageMetric.objects.count()


def assert_parts_agree(number: int) -> int:
    """How many requests there were."""
    period = Period(NOON - 2.7 * DAY, NOON + 2.6 * DAY) if number % 3 else Period()
    breakdown = Breakdown(
        interval=["15m", "hour", "day", "month"][number % 4],
        zone=ZoneInfo(ZONES[number % len(ZONES)]),
        group_by=[(), (("api_key_hash",), ("api_key_hash", "model")), (("provider",),)][number % 3],
        with_percentiles=True,
    )
    report = usage_report(UsageFilter(period=period), breakdown)
    for parts in (*report.parts.values(), report.timeseries):
        assert sum((part.figures for part in parts), Figures()) == report.totals
    return report.totals.requests


def counts_and_plain_sql() -> tuple[int, int]:
    """Requests as questions count them and as plain SQL does, of one moment."""
    with read_snapshot():
        counted = Reading(UsageFilter(), holdings()).totals().requests
        return counted, UsageMetric.objects.counted().count()


@pytest.mark.django_db(transaction=True)
def test_questions_are_exact_while_two_add_the_same_rows_to_the_sums():
    insert_in_plain_sql([
        {"timestamp": NOON + n * DAY / 3, "model": "abc"[n % 3], "total_tokens": n,
         "provider": None, "status": None}
        for n in range(2_500)
    ])  # fmt: skip
    workers = [threading.Thread(target=add_all_waiting_rows) for _ in range(2)]
    for worker in workers:
        worker.start()
    found = [counts_and_plain_sql()]
    while any(worker.is_alive() for worker in workers):
        found.append(counts_and_plain_sql())
    for worker in workers:
        worker.join()
    assert set(found) == {(2_500, 2_500)}
    assert_sums_equal_rows()


def add_all_waiting_rows() -> None:
    try:
        add_waiting_rows()
    finally:
        connection.close()
