"""METRICS_HASH_USERS and `manage.py hash_users`: people by pseudonyms, on every way in."""

import io
import json
import re

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.factory import NOON, store
from tests.odd_values import ODD
from tests.otlp import as_json, request, span
from tests.sums import add_waiting_rows, assert_sums_equal_rows
from tests.test_erasing import every_sum
from tests.test_litellm import payload
from usage import recording
from usage.models import AuditEntry, QuotaWindow, UpstreamAccount, UsageMetric
from usage.pseudonyms import ERASED, changes, pseudonym
from usage.recording.account_states import keep_names
from usage.upstream_accounts import AccountName, UpstreamKey

pytestmark = pytest.mark.django_db
JANE, JOHN = "jane.doe@example.com", "John Smith"
PEOPLE = ("jane", "doe", "john", "smith", "example.com")


@pytest.fixture
def hashing(settings):
    settings.METRICS_HASH_USERS = True


def run(*arguments):
    out = io.StringIO()
    call_command("hash_users", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def everything():
    """All that the tables of the portal hold."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith("usage_"):
                cursor.execute(f'SELECT * FROM "{table}"')
                found += cursor.fetchall()
    return repr(found).lower()


def users():
    return set(UsageMetric.objects.values_list("user", flat=True))


def test_a_pseudonym_is_sixteen_letters_and_the_same_for_the_same_name(settings):
    made = pseudonym(JANE)
    assert re.fullmatch("[0-9a-f]{16}", made)
    assert pseudonym(JANE) == made != pseudonym(JANE.upper())
    assert pseudonym(made) == made
    settings.SECRET_KEY = "another-key-of-the-portal-" * 2
    assert pseudonym(JANE) != made
    assert pseudonym(made) != made


def test_letters_that_only_look_so_are_a_name():
    assert pseudonym("0123456789abcdef") != "0123456789abcdef"
    assert (pseudonym(ERASED), pseudonym("(other)")) == (ERASED, "(other)")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"user": JOHN}, {"user": pseudonym(JOHN)}),
        ({"user": None, "team": "research", "model": "m", "session": ""}, {}),
        ({"account": JANE, "team": f"of <{JANE}>, {JANE}"},
         {"account": pseudonym(JANE), "team": f"of <{pseudonym(JANE)}>, {pseudonym(JANE)}"}),
        ({"model": "claude@anthropic.com", "app": "claude-sonnet-4-5@20250929"}, {}),
        ({"session": "a@b.cz" + "x" * 0}, {"session": pseudonym("a@b.cz")}),
    ],
)  # fmt: skip
def test_what_names_people_is_changed_and_nothing_else(texts, expected):
    assert changes(texts) == expected
    assert changes({**texts, **changes(texts)}) == {}


@pytest.mark.parametrize("text", ["a@b.cz " * 36, "@" * 255, "a" * 250 + "@b.c", *ODD[:60]])
def test_texts_stay_within_their_columns(text):
    kept = changes({"team": text[:255], "api_key_hash": text[:64]})
    assert len(kept.get("team", "")) <= 255
    assert len(kept.get("api_key_hash", "")) <= 64


def test_every_way_in_keeps_pseudonyms(hashing, client):
    row = {"model": "m", "user": JANE, "account": JANE, "app": f"mail of {JANE}"}
    client.post("/_qs/usage", json.dumps([row, row]), content_type="application/json")
    client.post(
        "/_qs/usage", json.dumps(row), content_type="application/json",
        headers={"Idempotency-Key": "k"},
    )  # fmt: skip
    sent = json.dumps([payload(end_user=JANE, metadata={"user_api_key_user_id": JANE})])
    client.post("/_qs/litellm", sent, content_type="application/json")
    told = {"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 3, "user.id": JANE}
    client.post("/v1/traces", as_json(request(span(told))), content_type="application/json")
    recording.record_usage("m", user=JANE)
    UsageMetric.objects.create(model="m", timestamp=NOON, user=JANE)
    UsageMetric.objects.bulk_create([UsageMetric(model="m", timestamp=NOON, user=JANE)])
    UsageMetric.objects.filter(user=None).update(user=JANE)
    keep_names({UpstreamKey("cliproxy", JANE): AccountName(f"codex {JANE}")})
    assert UsageMetric.objects.count() >= 8
    assert users() == {pseudonym(JANE)}
    assert UpstreamAccount.objects.get().label == f"codex {pseudonym(JANE)}"
    assert [name for name in PEOPLE if name in everything()] == []
    assert_sums_equal_rows()


def test_without_the_setting_names_are_kept():
    store({"user": JANE})
    assert users() == {JANE}


def stored_in_clear():
    rows = [{"user": (JANE, JOHN, None)[n % 3], "total_tokens": n, "app": "a"} for n in range(30)]
    store(*rows, {"account": JANE, "excluded_as": "warm_up"}, {"user": JANE, "cost_usd": 0.1})
    UpstreamAccount.objects.create(source="s", account=JANE, label=JANE, named_at=NOON)
    for account in (JANE, pseudonym(JANE)):  # the second came since
        QuotaWindow.objects.create(source="s", account=account, span="5h", seen_at=NOON)


def test_what_is_there_is_gone_over_and_no_figure_changes(hashing, settings, client):
    settings.METRICS_HASH_USERS = False
    stored_in_clear()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO usage_metrics (timestamp, model, \"user\") VALUES (%s, 'm', %s)",
            [str(NOON)[:19], JOHN],
        )
    add_waiting_rows()
    before = client.get("/_qs/metrics").json()
    settings.METRICS_HASH_USERS = True
    said = run()
    assert re.match(r"Looked at 33 rows in [0-9.]+ s; took names of people out of 23 rows", said)
    assert client.get("/_qs/metrics").json() == before
    assert users() == {pseudonym(JANE), pseudonym(JOHN), None}
    assert [name for name in PEOPLE if name in everything()] == []
    assert_sums_equal_rows()
    assert AuditEntry.objects.get().action == "erased"
    sums = every_sum()
    assert "no name of a person is stored in clear" in run()
    assert every_sum() == sums


def test_a_dry_run_counts_and_changes_nothing():
    stored_in_clear()
    before = everything()
    assert "would take names of people out of 22 rows" in run("--dry-run")
    assert everything() == before


def test_it_is_refused_while_names_come_in_in_clear():
    stored_in_clear()
    with pytest.raises(CommandError, match="METRICS_HASH_USERS is false"):
        run()
    assert JANE in users()


def test_the_pseudonym_of_a_name_is_told_to_who_knows_the_key(hashing, client):
    store({"user": JANE})
    told = run("--tell", JANE).strip()
    assert len(client.get("/_qs/usage", {"user": told}).json()["usage"]) == 1
