"""A portal's file brings the names and windows of upstream accounts along, and what was erased."""

import datetime as dt
from typing import Any

import pytest

from tests.old_files import run
from tests.portal_file import change
from usage.models import UpstreamAccount
from usage.queries import accounts_at
from usage.recording.account_states import keep_names
from usage.upstream_accounts import AccountName, UpstreamKey

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("portal_folder")]
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
SEEN = NOW - dt.timedelta(hours=1)


def stored(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


@pytest.fixture(autouse=True)
def _accounts(portal):
    names = "source, account, label, provider, kind, is_forgotten, named_at"
    windows = "source, account, span, used_ratio, resets_at, status, seen_at"
    reset, hour = NOW + dt.timedelta(hours=2), int(SEEN.timestamp()) // 3600 * 3600
    values = f"'east', 'a1', '5h', 0.25, '{stored(reset)}', 'allowed', '{stored(SEEN)}'"
    change(
        portal,
        f"INSERT INTO usage_upstreamaccount ({names}) VALUES ('east', 'a1', 'ann@example.com', "
        "'claude', 'oauth', 0, '2026-01-01 00:00:00'), "
        "('east', 'b2', '', '', '', 1, '2026-01-01 00:00:00')",
        f"INSERT INTO usage_quotawindow ({windows}, provider) VALUES ({values}, 'claude')",
        f"INSERT INTO usage_quotahour ({windows}, hour) VALUES ({values}, {hour})",
    )


def found() -> list[tuple[Any, ...]]:
    return [
        (
            each.key.account,
            each.label,
            each.provider,
            [(window.span, window.used_ratio, window.seen_at) for window in each.windows],
            [hour.used_ratio for window in each.windows for hour in window.hours],
        )
        for each in accounts_at(NOW)
    ]


ANN = ("a1", "ann@example.com", "claude", [("5h", 0.25, SEEN)], [0.25])


def test_they_arrive_once_however_often_the_file_is_imported(portal):
    for _ in range(2):
        run(portal)
        assert found() == [ANN, ("b2", None, None, [], [])]


def test_what_was_erased_there_is_erased_here_and_not_learnt_again(portal):
    keep_names({UpstreamKey("east", "b2"): AccountName("bob@example.com")})
    run(portal)
    keep_names({UpstreamKey("east", "b2"): AccountName("bob@example.com")})
    assert [label for _, label, *_ in found()] == ["ann@example.com", None]


def test_a_name_that_is_known_here_stays(portal):
    keep_names({UpstreamKey("east", "a1"): AccountName("ann@example.org", "claude")})
    run(portal)
    assert UpstreamAccount.objects.get(account="a1").label == "ann@example.org"
