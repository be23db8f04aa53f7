"""Whatever is asked of an engine: the answer is the one plain Python makes of the rows."""

import datetime as dt
import io
import itertools
import random

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from tests.factory import NOON
from tests.known_rows import Known
from tests.plain_python import WHO_AND_WHAT
from tests.sums import add_waiting_rows
from tests.test_exactness import (
    History,
    all_rows,
    ask,
    assert_answered,
    bulk_create,
    insert_in_plain_sql,
    names_in_table,
    record,
)
from tests.test_usage_rows import pages
from usage import queries
from usage.models import UsageName
from usage.retention import reachable, remove_expired_rows
from usage.rollups.horizon import purged_before

pytestmark = pytest.mark.django_db(transaction=True)
CHOICE = random.Random(12)
MODELS = ("a", "b", "ü")


def random_row():
    tokens = CHOICE.choice([0, 7, 1000, 2**32, 2**53])
    return {
        "timestamp": NOON + dt.timedelta(seconds=CHOICE.randrange(-144_000, 144_000)),
        "model": CHOICE.choice(MODELS),
        "provider": CHOICE.choice([None, "openai", "azure"]),
        "status": CHOICE.choice([None, "200", "404", "429", "500", "ok", "error"]),
        "api_key_hash": CHOICE.choice([None, "k1", "k2"]),
        "total_tokens": tokens,
        "prompt_tokens": tokens // 2,
        "completion_tokens": tokens - tokens // 2,
        "cached_tokens": CHOICE.choice([None, 3]),
        "cache_write_tokens": None,
        "reasoning_tokens": CHOICE.choice([None, 1]),
        "latency_ms": CHOICE.choice([None, 12.5, 4000.125]),
        "ttft_ms": CHOICE.choice([None, 2.25]),
        "cost_usd": CHOICE.choice([None, 0.25, 1.5]),
        **{name: CHOICE.choice([None, "n1", "n2"]) for name in WHO_AND_WHAT},
    }  # fmt: skip


def some_rows(count):
    return [random_row() for _ in range(count)]


def questions():
    """Every parameter beside every range, not each with each."""
    sets = itertools.cycle(
        [
            {"group_by": "model"},
            {"group_by": "api_key", "model": ["a"]},
            {"group_by": "provider", "api_key_hash": ["k1", "k3"], "interval": "day"},
            {"group_by": "status", "status": ["4xx", "ok"], "tz": "Asia/Kathmandu"},
            {"group_by": "model", "provider": ["openai"], "interval": "15m", "fill": True},
            {"group_by": "api_key", "model": ["ü"], "api_key_hash": ["k2"], "interval": "week"},
            {"group_by": "status", "status": ["error"], "provider": ["azure"], "interval": "month"},
            {"group_by": "user"},
            {"group_by": "team,model", "team": ["n1", ""]},
            {"group_by": "account", "not_app": ["n2"], "interval": "day"},
            {"group_by": "project", "source": ["n1"], "model": ["a", "b"]},
        ]
    )
    moments = [None, NOON, NOON - dt.timedelta(hours=30), NOON + dt.timedelta(minutes=17)]
    for start, end in itertools.product(moments, repeat=2):
        if start and end and start > end:
            continue
        for _ in range(2):
            yield {
                "from": start, "to": end, "model": [], "provider": [], "api_key_hash": [],
                "status": [], "interval": "hour", "tz": "Europe/Prague", "fill": False,
                "order_by": "tokens", "limit": None, "series_by": None, "top": None,
                "compare": bool(start and end), **next(sets),
            }  # fmt: skip


def ask_all(gone=()):
    kept = [*gone, *all_rows()]
    rows = [row for row in kept if row.get("excluded_as") is None]
    for question in questions():
        answer = ask(question)  # which may decide on names of plain SQL
        ids = {row["id"] for row in gone}
        known = Known(gone=ids, kept=ids, horizon=purged_before())
        history = History(purged_before(), list(gone), names_in_table(), known)
        assert_answered(answer, question, rows, history)


def test_questions_are_answered_from_sums():
    record(some_rows(60))
    ask_all()


def test_questions_are_answered_where_names_are_too_many(settings):
    settings.METRICS_MAX_NAMES = 2
    record(some_rows(30))
    bulk_create(some_rows(15))
    insert_in_plain_sql(some_rows(15))
    ask_all()
    call_command("fold_names", "--rarer-than", "20", stdout=io.StringIO())
    assert UsageName.objects.filter(is_folded=True).exists()
    ask_all()
    call_command("fold_names", "--release", "404", stdout=io.StringIO())
    ask_all()


def test_questions_are_answered_where_sums_do_not_hold_the_rows_yet():
    record(some_rows(20))
    bulk_create(some_rows(20))
    insert_in_plain_sql(some_rows(20))
    ask_all()
    add_waiting_rows()
    ask_all()


def test_questions_are_answered_after_a_purge():
    record(some_rows(60))
    weeks_ago = dt.timedelta(days=20)  # in a chunk of TimescaleDB's that is past as a whole
    record([{**row, "timestamp": row["timestamp"] - weeks_ago} for row in some_rows(20)])
    before = all_rows()
    for _ in remove_expired_rows(reachable(NOON - dt.timedelta(hours=10))):
        pass
    kept = {row["id"] for row in all_rows()}
    gone = [row for row in before if row["id"] not in kept]
    assert len(gone) >= 20
    ask_all(gone)


def test_lists_and_counts():
    record(some_rows(30))
    rows = all_rows()
    times = [row["timestamp"] for row in rows]
    assert queries.model_names() == sorted({row["model"] for row in rows})
    assert queries.oldest_and_newest() == (min(times), max(times))
    assert queries.records_persisted() == 30
    counters = queries.usage_counters()
    assert sum(each.requests for each in counters.by_model.values()) == 30
    assert sum(sum(bins.values()) for bins in counters.latencies.values()) == len(
        [row for row in rows if row["latency_ms"] is not None]
    )


def test_raw_rows_come_in_pages_and_as_exports():
    record(some_rows(25))
    found = pages(Client(), limit=10)
    assert [len(page) for page in found] == [10, 10, 5]
    order = [row["timestamp"] for page in found for row in page]
    assert order == sorted(order, reverse=True)
    for kind in ("csv", "ndjson"):
        answer = Client().get(f"/_qs/usage?format={kind}")
        lines = b"".join(answer).decode().splitlines()
        assert len(lines) == 25 + (kind == "csv")


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no nodes")
def test_a_question_within_a_transaction_is_answered():
    from django.db import transaction

    record(some_rows(5))
    with transaction.atomic():
        assert queries.records_persisted() == 5
        record(some_rows(5))
        assert queries.records_persisted() == 10
        ask_all()
