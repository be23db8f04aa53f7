"""`manage.py import_metrics` of a portal's own file: all of it moves, once, and that is proved."""

import datetime as dt

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import Group, User
from django.core.management import CommandError
from django.utils import timezone

from tests.old_files import counts, rejects_of, run
from tests.portal_file import (
    HORIZON,
    LEFT,
    assert_same_sums,
    change,
    figures,
    insert,
    rows_in,
    sums_here,
    sums_in,
)
from usage.importing.portal import row_pages
from usage.importing.portal.row import COLUMNS, PortalRow
from usage.models import (
    IdempotentPost,
    IngestToken,
    OneTimePassword,
    UsageMetric,
)
from usage.rollups.aggregation import Additions
from usage.rollups.horizon import purged_before

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("portal_folder")]


# --- The whole portal -------------------------------------------------------------------------


def test_everything_arrives_and_that_is_proved(portal):
    said = run(portal)

    assert counts(said) == f"{LEFT} moved, 0 there before, 0 rejected."
    assert said.splitlines()[-1] == "Proved: the sums here are those of the old file."
    proved = figures(said)
    assert proved["rows"] == [str(LEFT)] * 2
    assert proved["requests"] == ["161", "161"]
    assert proved["2024-01 requests"] == ["57", "57"]
    assert (proved["ingest tokens"], proved["users"]) == (["2", "2"], ["2", "2"])
    assert_same_sums(sums_here(), sums_in(portal))
    assert purged_before() == HORIZON


def test_rows_are_as_they_were_and_every_one_has_an_identity(portal):
    run(portal)

    new = list(UsageMetric.objects.order_by("timestamp").values(*COLUMNS))
    old = rows_in(portal)
    for was, now in zip(old, new, strict=True):
        was["event_id"] = was["event_id"] or now["event_id"]
    assert new == old
    assert len({row["event_id"] for row in new} - {None}) == LEFT
    assert not UsageMetric.objects.filter(is_summed=None).exists()


def test_tokens_users_and_the_ledger_go_on_working(portal):
    IngestToken.objects.issue("was here first")
    run(portal)

    proxy, old = (IngestToken.objects.get(name=name) for name in ("proxy", "old proxy"))
    assert (proxy.digest, proxy.revoked_at) == ("d" * 64, None)
    assert old.revoked_at is not None
    post = IdempotentPost.objects.get()
    assert (post.writer, post.key, post.answer) == (f"token:{proxy.pk}", "k1", {"accepted": 1})
    alice, bob = (User.objects.get(username=name) for name in ("alice", "bob"))
    hasher = PBKDF2PasswordHasher()
    assert hasher.verify("alice's password", alice.password)
    assert (alice.is_superuser, alice.email) == (True, "alice@example.com")
    assert (bob.is_superuser, bob.has_perm("usage.delete_usagemetric")) == (False, True)
    assert list(OneTimePassword.objects.values_list("user", flat=True)) == [bob.pk]
    readers = Group.objects.get(user=alice)
    assert readers.permissions.get().codename == "view_usagemetric"


def test_users_of_the_same_name_stay_as_they_are(portal):
    User.objects.create_user("alice", password="my own")
    said = run(portal)
    assert User.objects.get(username="alice").check_password("my own")
    assert "Took over 2 ingest tokens and 1 users. Here before, with passwords" in said


# --- What is not as it should be --------------------------------------------------------------


def test_rows_of_plain_sql_arrive_summed(portal):
    insert(portal, "2024-03-20T10:00:00Z", prompt_tokens=None)
    said = run(portal)
    assert figures(said)["requests"] == ["162", "162"]
    assert UsageMetric.objects.get(model="plain").is_summed


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"time": "2024-02-31 10:00:00"}, "timestamp: the calendar has no such time"),
        ({"model": "m" * 256}, "model: Expected `str` of length <= 255"),
        ({"total_tokens": "many"}, "total_tokens: Expected `int | null`, got `str`"),
        ({"latency_ms": "fast"}, "latency_ms: Expected `float | null`, got `str`"),
        ({"request_id": "a\0b"}, "a text holds a NUL character"),
        ({"request_id": b"\xff"}, "request_id: "),
    ],
)
def test_a_row_that_cannot_be_moved_is_named_and_nothing_is_proved(portal, bad, reason):
    insert(portal, **{"time": "2024-03-20 10:00:00", **bad})
    with pytest.raises(CommandError, match="The sums differ"):
        run(portal)
    assert f'"reason": "{reason}' in rejects_of(portal).read_text()
    assert UsageMetric.objects.count() == LEFT


def test_sums_that_do_not_arrive_are_found(portal, monkeypatch):
    monkeypatch.setattr(row_pages, "aggregate", lambda *_: Additions([], []))
    with pytest.raises(CommandError, match="The sums differ: see the lines that say so"):
        run(portal)


def test_a_file_whose_own_sums_are_wrong_is_found(portal):
    change(portal, "DELETE FROM usage_metrics WHERE timestamp > '2024-03-01'")
    with pytest.raises(CommandError, match="rebuild_rollups --check"):
        run(portal)


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("DELETE FROM django_migrations WHERE name = '0002_rollups'", "is of an older version"),
        (
            "INSERT INTO django_migrations (app, name, applied) VALUES ('usage', '9', '')",
            "is of a newer version",
        ),
    ],
)
def test_a_file_of_another_version_is_refused(portal, statement, error):
    change(portal, statement)
    with pytest.raises(CommandError, match=error) as caught:
        run(portal)
    assert str(caught.value).endswith("Nothing was imported.")
    assert not User.objects.exists()


def test_old_entries_of_the_ledger_are_left_behind(portal):
    old = timezone.now() - dt.timedelta(hours=49)
    change(portal, f"UPDATE usage_idempotentpost SET created_at = '{old:%Y-%m-%d %H:%M:%S}'")
    run(portal)
    assert not IdempotentPost.objects.exists()


def test_a_row_is_read_in_the_order_of_the_columns():
    assert PortalRow.__struct_fields__ == COLUMNS
