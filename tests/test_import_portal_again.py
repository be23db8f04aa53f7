"""A portal's file that comes again, or into a portal with usage of its own: nothing doubles."""

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import OperationalError

from tests.factory import store
from tests.old_files import counts, run
from tests.portal_file import (
    FIRST,
    LEFT,
    assert_same_sums,
    change,
    figures,
    insert,
    rows_in,
    sums_here,
    sums_in,
    total_requests,
)
from usage import retention
from usage.importing.portal import file, move, row_pages
from usage.models import IdempotentPost, ImportedFile, IngestToken, UsageMetric
from usage.rollups.horizon import purged_before

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("portal_folder")]


# --- Again, and after an interruption ---------------------------------------------------------


def test_a_second_time_adds_nothing(portal, tmp_path):
    run(portal)
    before = sums_here()
    said = run(portal.rename(tmp_path / "moved.db"))

    assert counts(said) == f"0 moved, {LEFT} there before, 0 rejected."
    assert "Proved" in said
    assert sums_here() == before
    assert (ImportedFile.objects.count(), IdempotentPost.objects.count()) == (1, 1)


def test_a_second_time_adds_what_is_new_and_revokes_what_was_revoked(portal):
    run(portal)
    insert(portal, "2024-03-20 10:00:00")
    change(portal, "UPDATE usage_ingesttoken SET revoked_at = '2024-03-20 10:00:00'")
    said = run(portal)

    assert counts(said) == f"1 moved, {LEFT} there before, 0 rejected."
    assert figures(said)["requests"] == ["162", "162"]
    assert not IngestToken.objects.filter(revoked_at=None).exists()


def test_what_broke_off_is_continued(portal, monkeypatch):
    monkeypatch.setattr(file, "PAGE", 20)
    pages = iter(range(2))

    def breaks_off(moved: list) -> Any:
        if next(pages, None) is None:
            raise OperationalError("disk full")
        return row_pages.store_page(moved)

    monkeypatch.setattr(move, "store_page", breaks_off)
    with pytest.raises(CommandError, match="40 rows had been imported before"):
        run(portal)
    monkeypatch.setattr(move, "store_page", row_pages.store_page)

    assert counts(run(portal)) == f"{LEFT - 40} moved, 40 there before, 0 rejected."
    assert_same_sums(sums_here(), sums_in(portal))


def test_rows_that_were_purged_here_since_do_not_come_back(portal):
    run(portal)
    cutoff = dt.datetime(2024, 3, 1, 12, tzinfo=dt.UTC)
    gone = sum(batch.rows for batch in retention.remove_expired_rows(cutoff))
    insert(portal, "2024-03-20 10:00:00")
    before = total_requests()

    said = run(portal)

    assert counts(said) == f"1 moved, {LEFT - gone} there before, 0 rejected."
    assert f"{gone} rows from before 2024-03-01T12:00:00Z were left out" in said
    assert "Days before 2024-03-01T12:00:00Z are not compared" in said
    assert "Proved" in said
    assert total_requests() == before + 1


def test_what_was_purged_in_the_file_since_is_not_counted_twice(portal):
    run(portal)
    before = sums_here()
    later = "2024-03-01 00:00:00"
    change(
        portal,
        f"DELETE FROM usage_metrics WHERE timestamp < '{later}'",
        f"UPDATE usage_purgehorizon SET purged_before = '{later}'",
    )

    said = run(portal)

    assert "Proved" in said
    assert sums_here() == before


# --- Into a portal that has usage already -----------------------------------------------------


def test_rows_of_its_own_stay_and_common_events_count_once(portal):
    store(*({"timestamp": FIRST + day * dt.timedelta(days=1), "ttft_ms": 2} for day in range(90)))
    common = next(row for row in rows_in(portal) if row["event_id"])
    UsageMetric(**common).save()

    said = run(portal)

    assert counts(said) == f"{LEFT - 1} moved, 1 there before, 0 rejected."
    assert figures(said)["requests"] == ["161", "161"]
    assert total_requests() == 161 + 90


def test_a_row_that_was_edited_here_is_no_longer_the_files(portal):
    run(portal)
    UsageMetric.objects.filter(model="late").update(total_tokens=1_000)
    with pytest.raises(CommandError, match="The sums differ"):
        run(portal)


def test_two_purged_portals_add_up(portal, tmp_path):
    other = Path(shutil.copy(portal, tmp_path / "other.db"))
    change(
        other,
        "UPDATE django_migrations SET applied = '2020-01-01 00:00:00' WHERE app = 'usage'",
        "UPDATE usage_metrics SET event_id = event_id / 2 + 1 WHERE event_id NOT NULL",
        "UPDATE usage_purgehorizon SET purged_before = '2024-02-12 00:00:00'",
    )

    for path in (portal, other, portal, other):
        assert "Proved" in run(path)

    twice = {key: [value * 2 for value in sums] for key, sums in sums_in(portal).items()}
    assert_same_sums(sums_here(), twice)
    assert purged_before() == dt.datetime(2024, 2, 12, tzinfo=dt.UTC)


def test_what_is_posted_meanwhile_does_not_disturb_the_proof(portal, monkeypatch):
    def stores_more(moved: list) -> Any:
        store({"timestamp": moved[0].completed_at, "total_tokens": 77})
        return row_pages.store_page(moved)

    monkeypatch.setattr(move, "store_page", stores_more)
    assert "Proved" in run(portal)
    assert total_requests() == 162


def test_a_proxys_file_that_comes_again_does_not_bring_back_what_was_purged(
    old_file: Callable[..., Path],
):
    path = old_file(*({"timestamp": 1705329130 + i, "model": "m"} for i in range(10)))
    run(path)
    cutoff = dt.datetime.fromtimestamp(1705329135, dt.UTC)
    assert sum(batch.rows for batch in retention.remove_expired_rows(cutoff)) == 5
    old_file({"timestamp": 1705329150, "model": "m"})

    said = run(path)

    assert counts(said) == "1 imported, 5 there before, 0 rejected."
    assert "5 rows from before 2024-01-15T14:32:15Z were left out" in said
    assert total_requests() == 11
