"""The list of background jobs: turns, trouble, the lock; and rows that a commit takes along."""

import logging
from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection

from tests.factory import store
from tests.sums import add_waiting_rows, assert_sums_equal_rows
from usage.database import job_lock
from usage.database.job_lock import JobLock
from usage.database.pace import Pace
from usage.jobs import Job, Runner
from usage.models import FillingState, UsageMetric
from usage.recording import taken_along
from usage.rollups import unsummed
from usage.rollups.name_entries import ALWAYS, NEVER

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _lock_of_this_test(settings, tmp_path):
    settings.METRICS_STORAGE_PATH = tmp_path / "m.db"


def insert_in_plain_sql(count):
    with connection.cursor() as cursor:
        for number in range(count):
            cursor.execute(
                "INSERT INTO usage_metrics (timestamp, model, total_tokens) VALUES (%s, 'm', 5)",
                [f"2024-01-{number % 28 + 1:02} 10:00:00"],
            )


def waiting():
    return UsageMetric.objects.filter(is_summed=None).count()


def steps(done, name, count) -> Iterator[None]:
    for number in range(count):
        done.append(f"{name}{number}")
        yield


def run(jobs, rounds):
    """So many turns of the runner's loop."""
    left = iter(range(rounds))
    Runner(jobs, "test").run(lambda seconds: next(left, None) is None)


def test_jobs_take_turns_step_by_step():
    done = []
    jobs = [
        Job("long", "three steps", 60, lambda: steps(done, "a", 3)),
        Job("short", "one step", 60, lambda: steps(done, "b", 1)),
    ]
    run(jobs, 10)
    assert done == ["a0", "b0", "a1", "a2"]


def test_a_job_is_due_again_after_its_time():
    done = []
    run([Job("often", "at once", 0, lambda: steps(done, "a", 1))], 6)
    assert done == ["a0", "a0", "a0"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OperationalError("database is locked"), "the job bad waits: the database is busy"),
        (ZeroDivisionError(), "the job bad failed"),
    ],
)
def test_a_job_that_fails_is_told_and_stops_no_other(caplog, error, said):
    done = []

    def bad():
        raise error
        yield

    with caplog.at_level(logging.WARNING):
        run([Job("bad", "fails", 60, bad), Job("good", "works", 0, lambda: steps(done, "a", 1))], 5)
    assert done == ["a0", "a0", "a0"]
    assert [each.getMessage().startswith(said) for each in caplog.records] == [True]


def test_one_at_a_time_has_the_lock_and_all_can_see_who():
    assert job_lock.holder() is None
    one, two = JobLock("serve"), JobLock("work")
    assert (one.take(), one.take(), two.take()) == (True, True, False)
    holder = job_lock.holder()
    assert (holder.program, holder.since is not None) == ("serve", True)
    one.give_back()
    assert job_lock.holder() is None
    assert two.take()
    assert job_lock.holder().program == "work"
    two.give_back()


def test_who_has_no_lock_runs_nothing():
    done, lock = [], JobLock("serve")
    assert lock.take()
    jobs = [Job("any", "one step", 0, lambda: steps(done, "a", 1))]
    try:
        run(jobs, 3)
        assert not Runner(jobs, "test").run_once()
    finally:
        lock.give_back()
    assert done == []
    assert Runner(jobs, "test").run_once()
    assert done == ["a0"]


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite's lock is a file's")
def test_a_lock_whose_connection_the_server_ended_is_lost_and_taken_again():
    lock = JobLock("serve")
    assert lock.take()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'qsmetrics serve %%' AND datname = current_database()",
            [],
        )
    assert lock.take()
    assert job_lock.holder().program == "serve"
    lock.give_back()


# --- Rows that wait ---------------------------------------------------------------------------


def test_a_commit_takes_a_few_waiting_rows_along(monkeypatch):
    insert_in_plain_sql(taken_along.MOST + 7)
    monkeypatch.setattr(taken_along, "_looked_at", -taken_along._LOOKS_EVERY)  # not just now
    store({"model": "a"})
    assert waiting() == 7
    store({"model": "a"})
    assert waiting() == 0
    assert_sums_equal_rows()


@pytest.mark.parametrize(
    "change",
    [
        "SET total_tokens = 9",
        "SET cost_usd = 0.25",
        "SET latency_ms = 7",
        "SET status = NULL, model = 'new'",
        "SET timestamp = '2024-02-03T10:00:00Z'",
        "SET timestamp = '2024-02-03 10:00:00.5+00:00' WHERE id % 2 = 0",
        "SET excluded_as = 'warm-up' WHERE id % 3 = 0",
        "SET is_summed = false, excluded_as = 'warm-up' WHERE id % 3 = 0",
    ],
)
def test_rows_that_change_between_reading_and_adding_are_added_as_they_are(monkeypatch, change):
    insert_in_plain_sql(10)
    add_waiting_rows()
    insert_in_plain_sql(10)
    reckon = unsummed._reckon

    def reckoned_too_early(most):
        found = reckon(most)
        with connection.cursor() as cursor:
            set_, _, where = change.partition(" WHERE ")
            cursor.execute(
                f"UPDATE usage_metrics {set_} WHERE is_summed IS NULL AND {where or 'true'}"
            )
        return found

    monkeypatch.setattr(unsummed, "_reckon", reckoned_too_early)
    add_waiting_rows()
    monkeypatch.undo()
    assert waiting() == 0
    assert_sums_equal_rows()


def test_rows_in_every_form_are_added_whether_their_names_are_known_or_new():
    forms = ["2024-01-05 10:00:00", "2024-01-05T10:00:01.5Z", "2024-01-05 10:00:02.123456+00:00"]
    for _ in range(2):  # names are new, then known
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO usage_metrics (timestamp, model, prompt_tokens, total_tokens,"
                " cost_usd, excluded_as) VALUES (%s, %s, %s, %s, %s, %s)",
                [
                    (at, model, tokens, 2**62, cost, excluded)
                    for at in forms
                    for model in ("a", "b")
                    for tokens, cost, excluded in [
                        (None, None, None),
                        (-5, 0.1 + 0.2, None),
                        (7, 1e308, None),
                        (1, 1, "warm-up"),
                    ]
                ],
            )
        add_waiting_rows()
        assert waiting() == 0
        assert_sums_equal_rows()
    times = set(UsageMetric.objects.values_list("timestamp", flat=True))
    assert [f"{at:%S.%f}" for at in sorted(times)] == ["00.000000", "01.500000", "02.123456"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's times have one form")
def test_a_row_whose_time_belongs_to_a_report_of_its_event_is_added_as_it_is():
    with connection.cursor() as cursor:
        for at in ("2024-01-05 10:00:00", "2024-01-06 10:00:00", "2024-01-05T10:00:00Z"):
            cursor.execute(
                "INSERT INTO usage_metrics (timestamp, model, event_id) VALUES (%s, 'm', 1)", [at]
            )
            add_waiting_rows()
        cursor.execute("SELECT timestamp || '' FROM usage_metrics WHERE is_summed ORDER BY id")
        kept = [text for (text,) in cursor.fetchall()]
    assert kept == ["2024-01-05 10:00:00", "2024-01-06 10:00:00", "2024-01-05T10:00:00Z"]
    assert_sums_equal_rows()


def test_a_step_is_short_again_as_soon_as_others_write():
    pace = Pace(first=5_000, least=200, most=20_000)
    pace.note(is_alone=True)
    sizes = [pace.size]
    for is_alone in (False, False, True):
        pace.note(is_alone=is_alone)
        sizes.append(pace.size)
    assert sizes == [5_000, 500, 500, 500]


@pytest.mark.parametrize("is_filling", [False, True], ids=["", "while newer sums are filled"])
def test_what_rows_of_known_names_add_is_reckoned_without_the_lock(monkeypatch, is_filling):
    insert_in_plain_sql(5)
    add_waiting_rows()
    if is_filling:
        FillingState.objects.create(
            came_with="who_and_what", filled_from=NEVER, unknown_before=ALWAYS
        )
    insert_in_plain_sql(5)
    anew, add_anew = [], unsummed._add_anew
    monkeypatch.setattr(unsummed, "_add_anew", lambda each: anew.append(each) or add_anew(each))
    add_waiting_rows()
    assert (anew, waiting()) == ([], 0)


def test_waiting_rows_are_counted_up_to_a_bound():
    assert unsummed.waiting(5) == unsummed.Waiting(0, None)
    insert_in_plain_sql(7)
    assert unsummed.waiting(5).rows == 5
    assert unsummed.waiting(50).rows == 7
    assert unsummed.waiting(50).since.tzinfo is not None
