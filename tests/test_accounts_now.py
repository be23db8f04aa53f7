"""`accounts` of `GET /_qs/metrics/now`: who answers upstream, and what is used of each."""

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.description import Description
from tests.test_quota_windows import CLAUDE, CODEX, HOUR, NOW, RESET, keep, payload, reset, used
from usage.account_labels import accounts_named, forget_accounts
from usage.models import QuotaWindow
from usage.recording.account_states import keep_names
from usage.upstream_accounts import AccountName, UpstreamKey

pytestmark = pytest.mark.django_db
PATH = "/_qs/metrics/now"
WEEK = NOW + 48 * HOUR


def text(moment: dt.datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def hour_of(moment: dt.datetime) -> str:
    return text(moment.replace(minute=0, second=0))


def accounts(client: Any) -> list[Any]:
    answer = client.get(PATH)
    assert answer.status_code == 200
    described = Description(
        client.get("/_qs/schema", headers={"Accept": "application/json"}).json()
    )
    assert described.faults("get", PATH, answer) == []
    found: list[Any] = answer.json()["accounts"]
    return found


def ann() -> None:
    name = AccountName("ann@example.com", "claude", "oauth")
    keep_names({UpstreamKey("east", "a1"): name})


def test_a_portal_that_was_told_of_nobody_has_no_accounts(client):
    keep(payload({}))
    assert accounts(client) == []


def test_an_account_with_its_name_and_each_window_with_its_hours(client):
    ann()
    keep(payload(CLAUDE, NOW - HOUR), payload({**CLAUDE, **used("0.5")}))
    keep(payload(CODEX, NOW, auth_index="b2", provider="codex"))
    five, week = "5h", "7d"
    known = {"seen_at": text(NOW), "unknown_since": None}

    def history(resets_at: dt.datetime, *ratios: float) -> dict[str, Any]:
        hours = [NOW - HOUR, NOW][-len(ratios) :]
        return {
            "history": [
                {"hour": hour_of(hour), "used_ratio": ratio, "resets_at": text(resets_at)}
                for hour, ratio in zip(hours, ratios, strict=True)
            ]
        }

    assert accounts(client) == [
        {
            "account": "a1", "label": "ann@example.com", "source": "east",
            "provider": "claude", "kind": "oauth",
            "windows": [
                {"window": five, "used_ratio": 0.5, "resets_at": text(RESET), "status": "allowed",
                 **known, **history(RESET, 0.25, 0.5)},
                {"window": week, "used_ratio": 0.9, "resets_at": text(WEEK),
                 "status": "allowed_warning", **known, **history(WEEK, 0.9, 0.9)},
            ],
        },
        {
            "account": "b2", "label": None, "source": "east",
            "provider": "codex", "kind": None,
            "windows": [
                {"window": five, "used_ratio": 0.125, "resets_at": text(RESET), "status": None,
                 **known, **history(RESET, 0.125)},
                {"window": week, "used_ratio": 0.35, "resets_at": text(WEEK), "status": None,
                 **known, **history(WEEK, 0.35)},
            ],
        },
    ]  # fmt: skip


def test_a_window_that_was_reset_is_told_as_unknown(client):
    over = NOW - dt.timedelta(seconds=5)
    keep(payload({**CLAUDE, **used("1.0"), **reset(over)}, NOW - HOUR))
    window = accounts(client)[0]["windows"][0]
    assert (window["used_ratio"], window["status"], window["unknown_since"]) == (
        *(None, None, text(over)),
    )
    assert [hour["used_ratio"] for hour in window["history"]] == [1.0]


def test_an_erased_name_is_not_told(client):
    ann()
    forget_accounts(accounts_named("ann@example.com"))
    assert b"ann@" not in client.get(PATH).content
    assert [each["label"] for each in accounts(client)] == [None]


def test_the_list_is_bounded(client):
    for n in range(5):
        keep(payload(CLAUDE, NOW, auth_index=f"a{n}"))
    answer = client.get(PATH, {"limit": 2}).json()
    assert [each["account"] for each in answer["accounts"]] == ["a0", "a1"]
    assert answer["more_accounts"] == 3


@pytest.mark.parametrize("ratio", [0.0, 1.0, 1.25])
def test_any_share_is_told_as_it_was(client, ratio):
    keep(payload({**CLAUDE, **used(str(ratio))}))
    assert accounts(client)[0]["windows"][0]["used_ratio"] == ratio


def test_asking_is_few_queries_whatever_the_number(client, django_assert_num_queries):
    for n in range(4):
        keep(payload(CLAUDE, NOW, auth_index=f"a{n}"))
    assert QuotaWindow.objects.count() == 8
    with CaptureQueriesContext(connection) as asked:
        client.get(PATH)
    for n in range(4, 9):
        keep(payload(CLAUDE, NOW, auth_index=f"a{n}"))
    with django_assert_num_queries(len(asked)):
        client.get(PATH)
