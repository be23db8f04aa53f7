"""The audit trail: what is in it, that it stays, and who may read it."""

import datetime as dt
import getpass
import importlib
import io
import re

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone

from tests.api_keys import KEYS
from tests.factory import store
from usage import audit_trail
from usage.access.first_admin import make_first_admin
from usage.models import AuditEntry, IngestToken, PriceOverride, UsageMetric

pytestmark = pytest.mark.django_db

LIST = "/admin/usage/auditentry/"
OWN, NEW = "Aurora-7-lake", "Borealis-8-fjord"
PRICE = {
    "model_pattern": "gpt-4o*",
    "provider": "",
    "valid_from_0": "2024-01-15",
    "valid_from_1": "00:00:00",
    "prompt_usd_per_mtok": "2.5",
    "completion_usd_per_mtok": "10",
    "request_usd": "0",
}


def trail():
    """Oldest first: actor, via, action, kind, name of the object, detail."""
    return list(
        AuditEntry.objects.order_by("at", "id").values_list(
            "actor", "via", "action", "kind", "object_name", "detail"
        )
    )


@pytest.fixture
def alice(client):
    user = User.objects.create_superuser("alice", "", OWN)
    client.force_login(user)
    return user


def test_what_a_user_did_and_what_was_done_to_him_stays_when_he_is_deleted(client, alice):
    bob = User.objects.create_superuser("bob", "", OWN)
    client.force_login(bob)
    client.post("/admin/usage/ingesttoken/add/", {"name": "Kong"})
    client.force_login(alice)
    before = trail()
    client.post(f"/admin/auth/user/{bob.pk}/delete/", {"post": "yes"})
    assert not User.objects.filter(username="bob").exists()
    assert before == [("bob", "admin", "added", "usage.ingesttoken", "Kong", "Name: Kong")]
    assert trail() == [*before, ("alice", "admin", "deleted", "auth.user", "bob", "")]
    token = IngestToken.objects.get()
    history = client.get(f"/admin/usage/ingesttoken/{token.pk}/history/").content.decode()
    assert "bob" in history
    assert "Name: Kong" in history


def test_tokens_made_and_revoked_are_in_it_without_their_text(client, alice):
    shown = client.post("/admin/usage/ingesttoken/add/", {"name": "Kong"}).content.decode()
    token = IngestToken.objects.get()
    client.post(f"/admin/usage/ingesttoken/{token.pk}/change/", {"name": "Envoy"})
    data = {"action": "revoke_selected", "_selected_action": [token.pk], "post": "yes"}
    client.post("/admin/usage/ingesttoken/", data)
    of_token = ("alice", "admin", "changed", "usage.ingesttoken", "Envoy")
    assert trail() == [
        ("alice", "admin", "added", "usage.ingesttoken", "Kong", "Name: Kong"),
        (*of_token, "Name: Kong → Envoy"),
        (*of_token, "Revoked."),
    ]
    assert token.hint in shown
    assert token.hint not in str(trail())
    assert token.digest not in str(trail())


def test_prices_are_in_it_with_what_they_were(client, alice):
    path = "/admin/usage/priceoverride/"
    client.post(path + "add/", PRICE)
    price = PriceOverride.objects.get()
    client.post(f"{path}{price.pk}/change/", PRICE | {"prompt_usd_per_mtok": "3"})
    data = {"action": "delete_selected", "_selected_action": [price.pk], "post": "yes"}
    client.post(path, data)
    said = [(action, detail) for _, _, action, _, _, detail in trail()]
    assert said[0][0] == "added"
    assert "Prompt, $ a million tokens: 2.5" in said[0][1]
    assert said[1:] == [("changed", "Prompt, $ a million tokens: 2.500000 → 3"), ("deleted", "")]
    assert not PriceOverride.objects.exists()


def test_users_are_in_it_with_their_rights_and_without_their_passwords(client, alice):
    data = {"username": "bob", "password1": OWN, "password2": OWN, "usable_password": "true"}
    client.post("/admin/auth/user/add/", data)
    bob = User.objects.get(username="bob")
    readers = Group.objects.create(name="readers")
    view = Permission.objects.get(codename="view_usagemetric")
    form = {"username": "bob", "is_active": "on", "is_superuser": "on", "email": "b@e.org"}
    form |= {"groups": [readers.pk], "user_permissions": [view.pk]}
    form |= {"date_joined_0": "2024-01-15", "date_joined_1": "10:00:00"}
    client.post(f"/admin/auth/user/{bob.pk}/change/", form)
    new = {"password1": NEW, "password2": NEW, "usable_password": "true", "set-password": "1"}
    client.post(f"/admin/auth/user/{bob.pk}/password/", new)
    assert User.objects.get(pk=bob.pk).check_password(NEW)
    of_bob = {detail for *_, kind, name, detail in trail() if (kind, name) == ("auth.user", "bob")}
    added, changed, password = [detail for *_, detail in trail()]
    assert of_bob == {added, changed, password}
    assert password == "Password set"
    assert {"Password set", "Username: bob"} <= set(added.split("; "))
    parts = changed.split("; ")
    for part in (
        "Superuser status: no → yes",
        "Email address: b@e.org",
        "Groups: +readers",
        f"User permissions: +{view}",
    ):
        assert part in parts
    kept = User.objects.get(pk=bob.pk).password
    for secret in (OWN, NEW, kept):
        assert secret not in str(trail())


def test_rows_that_are_deleted_by_hand_are_in_it(client, alice, four_rows):
    row = four_rows[0]
    data = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    client.post("/admin/usage/usagemetric/", data)
    name = "gpt-4o at 2024-01-15 10:00:00"
    assert trail() == [("alice", "admin", "deleted", "usage.usagemetric", name, "")]


def forbid(change, table):
    """For as long as this test lasts."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMPORARY TRIGGER forbidden BEFORE {change} ON main.{table} "
            "BEGIN SELECT RAISE(ABORT, 'no'); END"
        )


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the trigger that forbids is SQLite's")
@pytest.mark.parametrize(
    ("model", "action", "change", "table"),
    [
        (PriceOverride, "delete_selected", "DELETE", "usage_priceoverride"),
        (UsageMetric, "delete_selected", "DELETE", "usage_metrics"),
        (IngestToken, "revoke_selected", "INSERT", "usage_auditentry"),
    ],
)
def test_an_action_is_done_and_in_it_or_neither(client, alice, model, action, change, table):
    store({})
    PriceOverride.objects.create(
        model_pattern="gpt-4o*", valid_from=timezone.now(), prompt_usd_per_mtok=1,
        completion_usd_per_mtok=1,
    )  # fmt: skip
    IngestToken.objects.issue("Kong")
    before = list(model.objects.values())
    forbid(change, table)
    data = {"action": action, "_selected_action": [before[0]["id"]], "post": "yes"}
    assert client.post(f"/admin/usage/{model._meta.model_name}/", data).status_code == 503
    assert (list(model.objects.values()), trail()) == (before, [])


def run(command, *arguments):
    out = io.StringIO()
    call_command(command, *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_commands_are_in_it_with_who_ran_them():
    old = timezone.now() - dt.timedelta(days=100)
    store({"timestamp": old}, {"model": "gpt-4o", "prompt_tokens": 10})
    text = run("create_ingest_token", "Kong").strip()
    run("create_ingest_token", "--revoke", "Kong")
    run("purge", "--older-than", "90d", "--no-vacuum")
    run("rebuild_rollups")
    me = getpass.getuser()
    assert {actor for actor, *_ in trail()} == {me}
    said = [entry[1:] for entry in trail()]
    token = ("manage.py create_ingest_token", "added", "usage.ingesttoken", "Kong", "")
    assert said[0] == token
    assert said[1] == (token[0], "changed", "usage.ingesttoken", "Kong", "Revoked.")
    assert said[2][:3] == ("manage.py purge", "removed", "")
    assert said[2][4].startswith("2 rows from before ")
    assert said[3][:2] == ("manage.py rebuild_rollups", "rebuilt")
    assert text not in str(trail())


OLD = ("purge", "--no-vacuum", "--older-than", "90d")
ROWS, SUMS = "usage_metrics", "usage_rollups"


def seen_by(table, change):
    """A list that fills with what the trail says when the table is first changed."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE seen (detail text)")
        cursor.execute(
            f"CREATE TEMPORARY TRIGGER watch BEFORE {change} ON main.{table} "
            "BEGIN INSERT INTO seen SELECT detail FROM usage_auditentry; END"
        )

    def read():
        with connection.cursor() as cursor:
            cursor.execute("SELECT detail FROM seen ORDER BY rowid LIMIT 1")
            return [detail for (detail,) in cursor.fetchall()]

    return read


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the trigger that looks is SQLite's")
@pytest.mark.parametrize(
    ("arguments", "table", "change", "plan", "at_the_end"),
    [
        (OLD, ROWS, "DELETE", "rows from before 20", "1 row from "),
        (
            (*OLD, "--summaries"),
            SUMS,
            "DELETE",
            "sums of days before 20",
            r"\d+ sums of days before 20",
        ),
        (
            ("purge", "--user", "eve"),
            ROWS,
            "UPDATE",
            "A person's name, of fingerprint ",
            "A person's name, of fingerprint ",
        ),
        (("reprice",), ROWS, "UPDATE", "rows of all models.", r"1 row, \$"),
        (("rebuild_rollups",), SUMS, "DELETE", "the sums of 1 day.", "The sums of 1 day."),
        (("redact_keys",), ROWS, "UPDATE", "API keys in clear.", "API keys in clear, from 1 row "),
    ],
    ids=["rows", "sums", "a name", "prices", "sums anew", "keys"],
)
def test_what_a_command_does_is_in_it_before_its_first_change(
    arguments, table, change, plan, at_the_end
):
    """So that it is told even of a command that is killed."""
    old = timezone.now() - dt.timedelta(days=100)
    store({"timestamp": old, "model": "gpt-4o", "prompt_tokens": 1_000, "user": "eve"})
    with connection.cursor() as cursor:  # which no guard looks at
        cursor.execute("UPDATE usage_metrics SET cost_usd = NULL, cost_source = NULL")
        cursor.execute("UPDATE usage_metrics SET request_id = %s", [KEYS["openai"]])
    seen = seen_by(table, change)
    run(*arguments)
    (during,) = seen()
    assert during.startswith(f"Begun: {plan}")
    assert re.match(at_the_end, trail()[0][5])


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the trigger that looks is SQLite's")
def test_an_import_is_in_it_before_its_first_row(tmp_path):
    path = tmp_path / "rows.ndjson"
    path.write_text(
        '{"model": "gpt-4o", "timestamp": "2024-01-15T10:00:00Z", "prompt_tokens": 5}\n'
    )
    seen = seen_by(ROWS, "INSERT")
    run("import_metrics", str(path), "--rejects", str(tmp_path / "rejects"))
    assert seen() == ["Begun: rows.ndjson."]
    assert [entry[1:] for entry in trail()] == [
        ("manage.py import_metrics", "imported", "", "", "1 rows of rows.ndjson.")
    ]


def test_what_broke_off_says_so():
    with (
        pytest.raises(KeyboardInterrupt),
        audit_trail.note_work("purge", "removed", "rows of 2024.", lambda: "5 rows."),
    ):
        raise KeyboardInterrupt
    assert [detail for *_, detail in trail()] == ["rows of 2024. Broken off; until then: 5 rows."]


def test_accounts_of_the_command_line_are_in_it(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", OWN)
    run("createsuperuser", "--noinput", "--username", "carol", "--email", "c@example.org")
    monkeypatch.setattr(getpass, "getpass", lambda prompt: NEW)
    run("changepassword", "carol")
    me, carol = getpass.getuser(), User.objects.get(username="carol")
    assert carol.is_superuser
    assert carol.check_password(NEW)
    assert trail() == [
        (me, "manage.py createsuperuser", "added", "auth.user", "carol", "A superuser."),
        (me, "manage.py changepassword", "changed", "auth.user", "carol", "Password set"),
    ]


@pytest.mark.django_db(transaction=True)
def test_no_account_is_made_of_which_nothing_can_be_said(monkeypatch):
    def fail(*args):
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(audit_trail, "note_command", fail)
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", OWN)
    with pytest.raises(OperationalError):
        run("createsuperuser", "--noinput", "--username", "carol", "--email", "c@example.org")
    assert not User.objects.exists()


def test_commands_that_change_nothing_are_not_in_it():
    store({})
    for command in (
        ("purge", "--older-than", "36500d", "--no-vacuum"),
        ("purge", "--older-than", "1d", "--dry-run"),
        ("rebuild_rollups", "--check"),
        ("reprice", "--dry-run"),
        ("create_ingest_token", "--list"),
    ):
        run(*command)
    assert trail() == []


def test_the_first_superuser_is_in_it_without_the_password():
    name, password = make_first_admin()
    assert trail() == [
        (getpass.getuser(), "manage.py serve", "added", "auth.user", name, "The first superuser.")
    ]
    assert password not in str(trail())


@pytest.mark.parametrize(
    ("permissions", "status"),
    [([], 403), (["view_usagemetric"], 403), (["view_auditentry"], 200)],
)
def test_who_may_reads_it(client, permissions, status):
    token, _ = IngestToken.objects.issue("Kong")
    audit_trail.note_command("create_ingest_token", audit_trail.ADDED, of=token)
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(viewer)
    entry = AuditEntry.objects.get()
    for path in (LIST, f"{LIST}{entry.pk}/change/"):
        answer = client.get(path)
        assert answer.status_code == status
        assert ("Kong" in answer.content.decode()) == (status == 200)
    assert (f'href="{LIST}"' in client.get("/admin/").content.decode()) == (status == 200)


def test_nobody_changes_it(client, alice):
    client.post("/admin/usage/ingesttoken/add/", {"name": "Kong"})
    (entry,) = AuditEntry.objects.all()
    before = trail()
    chosen = {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"}
    for path, data in (
        (LIST + "add/", {"actor": "x", "via": "x", "action": "x"}),
        (f"{LIST}{entry.pk}/change/", {"actor": "bob"}),
        (f"{LIST}{entry.pk}/delete/", {"post": "yes"}),
    ):
        assert client.post(path, data).status_code == 403
    client.post(LIST, chosen)
    assert trail() == before


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Envoy", "Kong"]),
        ("?action=added", ["Kong"]),
        ("?action=changed&kind=usage.ingesttoken", ["Envoy"]),
        ("?kind=auth.user", []),
        ("?q=kong", ["Envoy", "Kong"]),
        ("?q=nobody", []),
    ],
)
def test_it_can_be_searched(client, alice, query, expected):
    client.post("/admin/usage/ingesttoken/add/", {"name": "Kong"})
    token = IngestToken.objects.get()
    client.post(f"/admin/usage/ingesttoken/{token.pk}/change/", {"name": "Envoy"})
    answer = client.get(LIST + query)
    assert [entry.object_name for entry in answer.context["cl"].result_list] == expected


def test_long_names_are_cut_and_markup_is_text(client, alice):
    group = Group(pk=1, name="<script>x</script>" + "é" * 500)
    audit_trail.note_in_admin(alice, audit_trail.CHANGED, [group], "y" * 5_000)
    entry = AuditEntry.objects.get()
    assert (len(entry.object_name), len(entry.detail)) == (200, 2_000)
    for path in (LIST, f"{LIST}{entry.pk}/change/", "/admin/"):
        assert "<script>x" not in client.get(path).content.decode()


def test_it_begins_with_what_djangos_own_log_holds(alice):
    token, _ = IngestToken.objects.issue("Kong")
    messages = ['[{"changed": {"fields": ["Name"]}}]', "Revoked.", ""]
    for message in messages:
        LogEntry.objects.log_actions(alice.pk, [token], CHANGE, message, single_object=True)
    migration = importlib.import_module("usage.migrations.0007_audit_trail")
    migration.take_over_djangos_log(apps, None)
    of_token = ("alice", "admin", "changed", "usage.ingesttoken", "Kong")
    assert trail() == [
        (*of_token, "Changed Name."),
        (*of_token, "Revoked."),
        (*of_token, ""),
    ]
    assert UsageMetric.objects.count() == 0


def test_an_api_key_in_a_name_is_not_kept_in_it(alice):
    key = "sk-ant-api03-" + "Ab1" * 20
    audit_trail.note_in_admin(alice, audit_trail.ADDED, [Group(pk=1, name=key)], f"Name: {key}")
    entry = AuditEntry.objects.get()
    assert entry.object_name.startswith("sk-…")
    assert key[13:] not in entry.object_name + entry.detail
