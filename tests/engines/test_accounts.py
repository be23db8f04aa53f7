"""Upstream accounts on each engine: windows by time, names that can be erased."""

import pytest
from django.test import Client

from tests.test_quota_windows import CLAUDE, HOUR, NOW, keep, payload, used
from usage.account_labels import accounts_named, forget_accounts
from usage.recording.account_states import forget_old_hours, keep_names
from usage.upstream_accounts import AccountName, UpstreamKey

pytestmark = pytest.mark.django_db(transaction=True)


def told() -> list[tuple[object, ...]]:
    accounts = Client().get("/_qs/metrics/now").json()["accounts"]
    return [
        (each["account"], each["label"], [window["used_ratio"] for window in each["windows"]])
        for each in accounts
    ]


def test_the_newest_of_a_window_is_kept_in_whatever_order_it_comes():
    newer = payload({**CLAUDE, **used("0.5")}, NOW, request_id="newer")
    for each in (newer, payload(CLAUDE, NOW - HOUR), newer):
        keep(each)
    assert told() == [("a1", None, [0.5, 0.9])]
    list(forget_old_hours())
    hours = Client().get("/_qs/metrics/now").json()["accounts"][0]["windows"][0]["history"]
    assert [hour["used_ratio"] for hour in hours] == [0.25, 0.5]


def test_a_name_is_shown_beside_rows_and_can_be_erased():
    keep_names({UpstreamKey("east", "a1"): AccountName("ann@example.com")})
    keep(payload({}, NOW))
    (row,) = Client().get("/_qs/usage").json()["usage"]
    assert (row["account"], row["account_label"]) == ("a1", "ann@example.com")
    forget_accounts(accounts_named("ann@example.com"))
    keep_names({UpstreamKey("east", "a1"): AccountName("ann@example.com")})
    assert told() == [("a1", None, [])]
