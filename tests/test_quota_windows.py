"""How much of an account's quota is used: as providers' headers told it last, and nothing else."""

import datetime as dt
import itertools
import json
from collections import Counter
from typing import Any

import msgspec
import pytest

from tests.cliproxy import record
from tests.odd_values import each_with_one
from usage.intake import cliproxy
from usage.models import QuotaHour, QuotaWindow, UsageMetric
from usage.queries import accounts_at
from usage.recording import account_states, record_checked
from usage.records import InvalidRow
from usage.upstream_accounts import AccountsTold, QuotaReading

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
HOUR = dt.timedelta(hours=1)
RESET = NOW + 2 * HOUR


def unix(moment: dt.datetime) -> str:
    return str(int(moment.timestamp()))


CLAUDE = {
    "Anthropic-Ratelimit-Unified-5h-Utilization": ["0.25"],
    "Anthropic-Ratelimit-Unified-5h-Reset": [unix(RESET)],
    "Anthropic-Ratelimit-Unified-5h-Status": ["allowed"],
    "Anthropic-Ratelimit-Unified-7d-Utilization": ["0.9"],
    "Anthropic-Ratelimit-Unified-7d-Reset": [unix(NOW + 48 * HOUR)],
    "Anthropic-Ratelimit-Unified-7d-Status": ["allowed_warning"],
    "Set-Cookie": ["SECRET COOKIE"],
}
CODEX = {
    "X-Codex-Primary-Used-Percent": ["35"],
    "X-Codex-Primary-Window-Minutes": ["10080"],
    "X-Codex-Primary-Reset-At": [unix(NOW + 48 * HOUR)],
    "X-Codex-Secondary-Used-Percent": ["12.5"],
    "X-Codex-Secondary-Window-Minutes": ["300"],
    "X-Codex-Secondary-Reset-At": [unix(RESET)],
}


def payload(headers: Any, at: dt.datetime = NOW, **fields: Any) -> bytes:
    """Of a call that was completed then."""
    return record(
        **{"timestamp": at.isoformat(), "latency_ms": 0, "auth_index": "a1", **fields},
        response_headers=headers,
    )


def told_by(*payloads: bytes, source: str = "east") -> tuple[list[Any], AccountsTold]:
    told, records = AccountsTold(), []
    for each in payloads:
        records.append(cliproxy.record_of(each, source, NOW))
        cliproxy.tell_of_account(each, records[-1], told)
    return records, told


def readings(*payloads: bytes) -> list[tuple[Any, ...]]:
    _, told = told_by(*payloads)
    return sorted(
        (each.span, each.used_ratio, each.resets_at, each.status) for each in told.states()
    )


class TestReading:
    def test_anthropics_two_windows(self):
        assert readings(payload(CLAUDE)) == [
            ("5h", 0.25, RESET, "allowed"),
            ("7d", 0.9, NOW + 48 * HOUR, "allowed_warning"),
        ]

    def test_codexs_windows_go_by_their_minutes(self):
        assert readings(payload(CODEX)) == [
            ("5h", 0.125, RESET, None),
            ("7d", 0.35, NOW + 48 * HOUR, None),
        ]

    def test_names_in_any_case_and_values_in_any_wrapping(self):
        headers = {name.upper(): values[0] for name, values in CLAUDE.items()}
        assert readings(payload(headers)) == readings(payload(CLAUDE))
        headers = {f"llm_provider-{name.lower()}": values for name, values in CLAUDE.items()}
        assert readings(payload(headers)) == readings(payload(CLAUDE))

    def test_only_the_last_call_of_an_hour_is_told_on(self):
        _, told = told_by(*(payload(CLAUDE, NOW - n * dt.timedelta(seconds=1)) for n in range(9)))
        assert len(told.hours) <= 4
        assert {each.at for each in told.states()} == {NOW}

    @pytest.mark.parametrize(
        ("minutes", "span"),
        [("300", "5h"), ("299", "5h"), ("10080", "7d"), ("10079", "7d"), ("1440", "1d"),
         ("45", "45m"), ("43200", "30d"), (300, "5h"), ("300.0", "5h")],
    )  # fmt: skip
    def test_a_window_is_named_by_its_length(self, minutes, span):
        headers = {**CODEX, "X-Codex-Primary-Window-Minutes": [minutes]}
        headers = {name: value for name, value in headers.items() if "Primary" in name}
        assert [found for found, *_ in readings(payload(headers))] == [span]

    @pytest.mark.parametrize("minutes", ["0", "-300", "x", "", "1e9", "NaN", None, [], {}])
    def test_a_window_of_unknown_length_is_none(self, minutes):
        headers = {**CODEX, "X-Codex-Primary-Window-Minutes": [minutes]}
        assert [found for found, *_ in readings(payload(headers))] == ["5h"]

    @pytest.mark.parametrize(
        "used", ["", "x", "-0.1", "NaN", "Infinity", "1e400", "35", None, True, [], {}, "9" * 5000]
    )
    def test_what_is_no_ratio_is_no_figure(self, used):
        headers = {**CLAUDE, "Anthropic-Ratelimit-Unified-5h-Utilization": [used]}
        assert readings(payload(headers))[0] == ("5h", None, RESET, "allowed")

    @pytest.mark.parametrize(
        ("reset", "moment"),
        [
            (unix(RESET), RESET),
            (int(RESET.timestamp()), RESET),
            (f"{unix(RESET)}000", RESET),
            (RESET.isoformat(), RESET),
            (unix(NOW - HOUR), NOW - HOUR),
            *((odd, None) for odd in ("", "soon", "0", "-1", "1e300", "NaN", None, [], {})),
            (unix(NOW + 7 * HOUR), None),  # later than any window of five hours
        ],
        ids=itertools.count(),  # the same in each process
    )
    def test_a_time_of_reset(self, reset, moment):
        headers = {**CLAUDE, "Anthropic-Ratelimit-Unified-5h-Reset": [reset]}
        assert readings(payload(headers))[0] == ("5h", 0.25, moment, "allowed")

    @pytest.mark.parametrize(
        ("status", "word"),
        [("Rejected", "rejected"), ("allowed_warning", "allowed_warning"), ("two words", None),
         ("s" * 33, None), ("<b>", None), (7, None), ("sk-ant-api03-abcdefghijklmnopqrs", None)],
    )  # fmt: skip
    def test_a_status_is_a_word(self, status, word):
        headers = {**CLAUDE, "Anthropic-Ratelimit-Unified-5h-Status": [status]}
        assert readings(payload(headers))[0] == ("5h", 0.25, RESET, word)

    def test_a_time_of_reset_alone_tells_nothing(self):
        assert readings(payload({"Anthropic-Ratelimit-Unified-5h-Reset": [unix(RESET)]})) == []

    def test_no_other_header_is_read(self):
        others = {
            "Anthropic-Ratelimit-Unified-Status": ["rejected"],
            "Anthropic-Ratelimit-Tokens-Remaining": ["5"],
            "X-Codex-Plan-Type": ["pro"],
            "X-Ratelimit-Remaining-Requests": ["9"],
        }
        assert readings(payload(others)) == []
        _, told = told_by(payload(CLAUDE))
        assert "COOKIE" not in repr(told)

    @pytest.mark.parametrize("headers", [None, [], "x", 7, {}, {"": None}, [CLAUDE]])
    def test_what_are_no_headers_tell_nothing(self, headers):
        assert readings(payload(headers)) == []

    def test_without_an_account_nobody_is_told_of(self):
        assert readings(payload(CLAUDE, provider="claude").replace(b'"a1"', b'""')) == []

    def test_no_odd_value_costs_the_row_or_makes_an_impossible_state(self):
        whole, seen = payload("hole").decode(), Counter()
        for headers in each_with_one({**CLAUDE, **CODEX}):
            body = whole.replace(json.dumps("hole"), headers)
            # What is no JSON at all, such as NaN, cannot be read under any name.
            if not is_read(body.replace("response_headers", "of_no_meaning")):
                continue
            (_,), told = told_by(body.encode())
            seen["read"] += 1
            for each in told.states():
                assert each.used_ratio is None or 0 <= each.used_ratio <= 10
                assert each.used_ratio is not None or each.status is not None
                msgspec.json.encode(each)
        assert seen["read"] > 500


def is_read(body: str) -> bool:
    try:
        cliproxy.record_of(body.encode(), "east", NOW)
    except InvalidRow:
        return False
    return True


pytestmark = pytest.mark.django_db


def keep(*payloads: bytes, source: str = "east") -> None:
    records, told = told_by(*payloads, source=source)
    record_checked(records, told=told)


def states(now: dt.datetime = NOW) -> dict[str, Any]:
    return {
        window.span: (window.used_ratio, window.status, window.unknown_since)
        for account in accounts_at(now)
        for window in account.windows
    }


class TestKeeping:
    def test_the_last_state_of_each_window_of_an_account(self):
        keep(payload(CLAUDE, NOW - HOUR), payload({**CLAUDE, **used("0.5")}))
        (account,) = accounts_at(NOW)
        assert (account.key, account.label, account.provider) == (("east", "a1"), None, "openai")
        first, second = account.windows
        assert (first.span, first.used_ratio, first.resets_at, first.status, first.seen_at) == (
            *("5h", 0.5, RESET, "allowed", NOW),
        )
        assert [hour.used_ratio for hour in first.hours] == [0.25, 0.5]
        assert (second.span, second.used_ratio) == ("7d", 0.9)

    def test_one_that_comes_late_does_not_overwrite_a_newer_one(self):
        payloads = [payload({**CLAUDE, **used(f"0.{n}")}, NOW - n * HOUR) for n in range(1, 6)]
        for each in (*payloads[2:], *payloads[:2]):
            keep(each)
        (account,) = accounts_at(NOW)
        window = account.windows[0]
        assert (window.used_ratio, window.seen_at) == (0.1, NOW - HOUR)
        assert [hour.used_ratio for hour in window.hours] == [0.5, 0.4, 0.3, 0.2, 0.1]

    def test_in_whatever_batches_and_order_they_come(self):
        one, two = payload(CLAUDE, NOW - HOUR), payload({**CLAUDE, **used("0.7")})
        for batches in ([[one, two]], [[two, one]], [[one], [two]], [[two], [one]]):
            QuotaWindow.objects.all().delete()
            QuotaHour.objects.all().delete()
            for batch in batches:
                keep(*batch)
            assert states()["5h"] == (0.7, "allowed", None)
            assert QuotaHour.objects.filter(span="5h").count() == 2

    def test_a_window_that_was_reset_is_unknown_and_not_full(self):
        keep(payload({**CLAUDE, **used("1.0")}))
        assert states()["5h"] == (1.0, "allowed", None)
        assert states(RESET - dt.timedelta(seconds=1))["5h"] == (1.0, "allowed", None)
        assert states(RESET)["5h"] == (None, None, RESET)
        keep(payload({**CLAUDE, **used("0.01"), **reset(RESET + 5 * HOUR)}, NOW + HOUR / 60))
        assert states()["5h"][0] == 0.01

    def test_of_unknown_reset_it_is_unknown_after_its_length(self):
        keep(payload({**CLAUDE, "Anthropic-Ratelimit-Unified-5h-Reset": []}))
        assert states(NOW + 4 * HOUR)["5h"] == (0.25, "allowed", None)
        assert states(NOW + 5 * HOUR)["5h"] == (None, None, NOW + 5 * HOUR)

    def test_a_call_without_headers_changes_nothing(self):
        keep(payload(CLAUDE, NOW - HOUR), payload({}))
        assert states()["5h"] == (0.25, "allowed", None)
        assert UsageMetric.objects.count() == 2

    def test_accounts_are_told_apart_by_their_proxies(self):
        keep(payload(CLAUDE))
        keep(payload({**CLAUDE, **used("0.75")}), source="west")
        assert [(each.key, each.windows[0].used_ratio) for each in accounts_at(NOW)] == [
            (("east", "a1"), 0.25),
            (("west", "a1"), 0.75),
        ]

    def test_what_is_older_than_the_history_is_no_news(self):
        keep(payload(CLAUDE, NOW - dt.timedelta(days=8)))
        assert (accounts_at(NOW), UsageMetric.objects.count()) == ([], 1)

    def test_a_clock_that_is_ahead_does_not_outlast_what_comes_after_it(self):
        ahead = QuotaReading("east", "a1", "5h", NOW + 20 * HOUR, 0.9, RESET)
        told = AccountsTold()
        told.add(ahead)
        record_checked([], told=told)
        assert abs(QuotaWindow.objects.get().seen_at - NOW) < dt.timedelta(minutes=10)

    def test_accounts_are_bounded_and_the_longest_unseen_goes(self, monkeypatch):
        monkeypatch.setattr(account_states, "MOST_WINDOWS", 3)
        for n in range(5):
            told = AccountsTold()
            told.add(QuotaReading("east", f"a{n}", "5h", NOW - n * HOUR / 60, 0.5))
            record_checked([], told=told)
        assert {each.key.account for each in accounts_at(NOW)} == {"a0", "a1", "a2"}
        assert QuotaHour.objects.count() == 5
        list(account_states.forget_old_hours())
        assert QuotaHour.objects.count() == 3

    def test_hours_older_than_the_history_are_forgotten(self):
        keep(payload(CLAUDE, NOW - HOUR), payload(CLAUDE))
        QuotaHour.objects.filter(hour=QuotaHour.objects.order_by("hour")[0].hour).update(
            hour=int((NOW - dt.timedelta(days=8)).timestamp())
        )
        list(account_states.forget_old_hours())
        assert QuotaHour.objects.count() == 2


def used(ratio: str) -> dict[str, Any]:
    return {"Anthropic-Ratelimit-Unified-5h-Utilization": [ratio]}


def reset(moment: dt.datetime) -> dict[str, Any]:
    return {"Anthropic-Ratelimit-Unified-5h-Reset": [unix(moment)]}
