"""Sums that came in a later version are filled from the rows that were there, newest first."""

import datetime as dt
from itertools import islice

import pytest

from tests.factory import NOON, at, store
from tests.sums import assert_sums_equal_rows
from usage.models import FillingState, UsageMetric, UsageName, UsageRollup, UsageSeries
from usage.periods import rfc3339
from usage.queries import percentile_plan, reach
from usage.retention import remove_expired_rows
from usage.rollups import filling, names, renaming
from usage.rollups.declarations import GROUPINGS, ROLLUPS
from usage.rollups.name_entries import ALWAYS, NEVER

pytestmark = pytest.mark.django_db
LATER = [each.number for each in ROLLUPS if each.grouping.came_with]
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


def upgrade():
    """What the migration leaves of a database that knew no sums by users."""
    UsageRollup.objects.filter(rollup__in=LATER).delete()
    UsageSeries.objects.filter(grouping__in=[g.name for g in GROUPINGS if g.came_with]).delete()
    UsageName.objects.filter(dimension__in=["user", "team"]).delete()
    names.forget()
    FillingState.objects.create(came_with="who_and_what", filled_from=NEVER, unknown_before=ALWAYS)


def fill(steps=None):
    return sum(1 for _ in islice(filling.fill_later_sums(), steps))


@pytest.fixture
def small_steps(monkeypatch):
    monkeypatch.setattr(filling, "_FIRST_STEP", 2)
    monkeypatch.setattr(filling, "_LARGEST_STEP", 2)
    monkeypatch.setattr(filling, "_HELD_SECONDS", 1000)  # however slow the machine


def rows(count, **more):
    """One an hour, the last at NOON, of two users in turn."""
    return [
        {"user": f"u{number % 2}", "timestamp": NOON - number * HOUR, "total_tokens": 1, **more}
        for number in reversed(range(count))
    ]


def by_user(client, **question):
    answer = client.get("/_qs/metrics", {"group_by": "user", **question}).json()
    parts = {part["user"]: part["requests"] for part in answer["by_user"]}
    assert sum(parts.values()) == answer["totals"]["requests"]
    return parts, answer.get("unknown_before")


def test_all_rows_come_into_the_sums_in_steps_from_the_newest_on(small_steps, client):
    store(*rows(7))
    upgrade()
    assert_sums_equal_rows()  # which lack them all, and say so
    assert fill(1) == 1
    oldest = UsageMetric.objects.order_by("-timestamp")[2].timestamp
    assert FillingState.objects.get().filled_from == int(oldest.timestamp()) + 1
    assert_sums_equal_rows()
    assert by_user(client) == ({"u0": 4, "u1": 3}, None)
    assert fill() == 3
    assert FillingState.objects.get().filled_from == ALWAYS
    assert_sums_equal_rows()
    assert by_user(client) == ({"u0": 4, "u1": 3}, None)
    assert fill() == 0


def test_rows_of_one_second_are_filled_together_however_many(small_steps):
    store(
        *({"user": "u", "timestamp": NOON} for _ in range(5)),
        {"user": "u", "timestamp": NOON - DAY},
    )
    upgrade()
    fill(1)
    assert FillingState.objects.get().filled_from == int(NOON.timestamp())
    assert_sums_equal_rows()
    fill()
    assert_sums_equal_rows()


def test_whoever_changes_rows_meanwhile_keeps_to_what_is_filled(small_steps, client):
    store(*rows(8))
    upgrade()
    fill(1)
    store({"user": "new", "timestamp": NOON + HOUR}, {"user": "old", "timestamp": NOON - 5 * HOUR})
    assert_sums_equal_rows()
    UsageMetric.objects.filter(user="u0").update(user="u2")
    assert_sums_equal_rows()
    UsageMetric.objects.filter(timestamp__in=[NOON, NOON - 6 * HOUR]).delete()
    assert_sums_equal_rows()
    row = UsageMetric.objects.order_by("timestamp").first()
    row.timestamp = NOON + 2 * HOUR  # from what is not filled yet to what is
    row.save()
    assert_sums_equal_rows()
    assert by_user(client) == ({"u1": 4, "u2": 2, "new": 1, "old": 1}, None)
    fill()
    assert_sums_equal_rows()
    assert by_user(client) == ({"u1": 4, "u2": 2, "new": 1, "old": 1}, None)


def test_what_was_purged_before_it_was_filled_has_no_name_and_the_answer_says_so(
    small_steps, client
):
    store(*rows(8, model="m"))
    upgrade()
    fill(1)  # 12:00 and 11:00
    for _ in remove_expired_rows(NOON - 5.5 * HOUR):
        pass
    assert by_user(client) == ({None: 2, "u0": 3, "u1": 3}, "2024-01-15T07:00:00Z")
    fill()
    parts = {None: 2, "u0": 3, "u1": 3}
    unknown = "2024-01-15T06:30:00Z"
    assert by_user(client) == (parts, unknown)
    answer = client.get("/_qs/metrics", {"user": "u0"}).json()
    assert (answer["totals"]["requests"], answer["unknown_before"]) == (3, unknown)
    answer = client.get("/_qs/metrics", {"user": ""}).json()
    assert (answer["totals"]["requests"], answer["unknown_before"]) == (2, unknown)
    assert by_user(client, **{"from": "2024-01-15T08:00:00Z"}) == ({"u0": 3, "u1": 2}, None)
    store({"user": "late", "timestamp": NOON - 7 * HOUR})
    assert by_user(client) == ({**parts, "late": 1}, unknown)


def test_what_is_purged_after_it_was_filled_keeps_its_names(small_steps, client):
    store(*rows(6))
    upgrade()
    fill()
    for _ in remove_expired_rows(NOON + HOUR):
        pass
    assert by_user(client) == ({"u0": 3, "u1": 3}, None)
    assert client.get("/_qs/metrics", {"user": "u0"}).json()["totals"]["requests"] == 3


def test_a_question_with_too_many_rows_waits_for_the_sums(small_steps, client, monkeypatch):
    store(*rows(40))
    upgrade()
    fill(5)
    monkeypatch.setattr(percentile_plan, "MOST_ROWS_FOR_PERCENTILES", 20)
    monkeypatch.setattr(percentile_plan, "_FEW_ROWS", 20)
    monkeypatch.setattr(reach.Reach.index_for, "__defaults__", (20,))
    answer = client.get("/_qs/metrics", {"user": "u0"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.json()["error"] == (
        "the sums for this are still being filled from older rows, newest first: 25% is done. "
        "Try again later, or narrow `from` and `to`"
    )
    near = {"user": "u0", "from": rfc3339(NOON - 12 * HOUR)}
    assert client.get("/_qs/metrics", near).json()["totals"]["requests"] == 7
    assert client.get("/_qs/metrics").status_code == 200
    fill()
    answer = client.get("/_qs/metrics", {"user": "u0"})
    assert answer.status_code == 200, answer.content
    assert answer.json()["totals"]["requests"] == 20


@pytest.mark.django_db(transaction=True)
def test_health_says_how_far_it_is(small_steps, client):
    def share():
        return client.get("/_qs/health").json()["filled_share"]

    assert share() == 1
    store(*rows(8))
    upgrade()
    assert share() == 0
    fill(3)
    assert share() == 0.75
    fill()
    assert share() == 1


def test_histories_are_not_bound_by_the_names_of_a_day(settings):
    settings.METRICS_MAX_NAMES, settings.METRICS_MAX_NEW_NAMES = 5, 2
    store(*({"team": f"t{number}", "timestamp": NOON - number * DAY} for number in range(7)))
    upgrade()
    fill()
    told = UsageName.objects.filter(dimension="team", counts_from=ALWAYS)
    assert sorted(told.values_list("name", flat=True)) == ["t0", "t1", "t2", "t3", "t4"]
    assert_sums_equal_rows()


def test_no_names_are_folded_of_which_nobody_knows_yet_how_rare_they_are(small_steps):
    store(*rows(8))
    upgrade()
    fill(1)
    assert not {"user", "team", "account"} & {*renaming.filled_dimensions()}
    fill()
    assert {"user", "team", "account"} < {*renaming.filled_dimensions()}


def test_names_can_be_moved_while_the_rest_is_filled(small_steps, client):
    store(*rows(9))
    upgrade()
    fill(2)
    for _ in renaming.fold("user", ["u0"]):
        pass
    assert_sums_equal_rows()
    fill(1)
    assert by_user(client) == ({"(other)": 5, "u1": 4}, None)
    for _ in renaming.release("user", ["u0"]):
        assert_sums_equal_rows()
    assert by_user(client) == ({"u0": 5, "u1": 4}, None)
    fill()
    assert_sums_equal_rows()
    assert by_user(client) == ({"u0": 5, "u1": 4}, None)


def test_days_before_the_calendar_of_unix_are_filled_too(small_steps):
    store(*({"user": "u", "timestamp": at(f"{year}-01-01")} for year in (2001, 2002, 2003)))
    UsageMetric.objects.filter(timestamp__year=2001).update(timestamp=at("1955-03-01 10:30"))
    upgrade()
    fill()
    assert_sums_equal_rows()
