"""Ingest tokens in the admin: shown once, renamed, revoked, never deleted."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session

from tests.factory import writer_with
from usage.models import IngestToken

pytestmark = pytest.mark.django_db

LIST = "/admin/usage/ingesttoken/"


@pytest.fixture
def token():
    return IngestToken.objects.issue("Kong")[0]


def test_a_new_tokens_text_is_in_the_answer_and_nowhere_else(admin_client):
    answer = admin_client.post(LIST + "add/", {"name": "Kong in Prague"})
    text = re.search(r'value="(qsm_[\w-]{43})"', answer.content.decode())[1]
    token = IngestToken.objects.get()
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert writer_with(text) == f"token:{token.pk}"
    assert token.name == "Kong in Prague"
    kept = [session.get_decoded() for session in Session.objects.all()]
    kept += [cookie.OutputString() for cookie in answer.cookies.values()]
    kept += list(LogEntry.objects.values_list("object_repr", "change_message"))
    kept += [vars(token)]
    assert text not in str(kept)
    for page in ("", f"{token.pk}/change/", f"{token.pk}/history/"):
        assert text not in admin_client.get(LIST + page).content.decode()


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\0b"])
def test_a_name_that_is_none_makes_no_token(admin_client, name):
    answer = admin_client.post(LIST + "add/", {"name": name})
    assert answer.context["errors"]
    assert not IngestToken.objects.exists()


def test_posting_the_form_again_makes_no_second_token(admin_client):
    for _ in range(2):
        answer = admin_client.post(LIST + "add/", {"name": "Kong"})
    assert "A live token has this name" in answer.content.decode()
    token = IngestToken.objects.get()
    token.revoke()
    admin_client.post(LIST + "add/", {"name": "Kong"})
    assert IngestToken.objects.filter(name="Kong", revoked_at=None).count() == 1


def test_the_list_shows_name_beginning_and_state(admin_client, token):
    page = admin_client.get(LIST).content.decode()
    assert "Kong" in page
    assert f"{token.hint}…" in page
    assert "tokens cannot be deleted" in page
    assert token.digest not in page


def test_only_the_name_can_be_edited(admin_client, token):
    data = {"name": "Envoy", "digest": "0" * 64, "revoked_at": "2020-01-01"}
    admin_client.post(f"{LIST}{token.pk}/change/", data)
    edited = IngestToken.objects.get()
    assert (edited.name, edited.digest, edited.revoked_at) == ("Envoy", token.digest, None)


def test_revoking_asks_first_and_is_a_post(admin_client, token):
    button = admin_client.get(f"{LIST}{token.pk}/change/").content.decode()
    assert f"{LIST}{token.pk}/revoke/" in button
    question = admin_client.get(f"{LIST}{token.pk}/revoke/").content.decode()
    assert f"Revoke Kong ({token.hint}…)?" in " ".join(question.split())
    data = {"action": "revoke_selected", "_selected_action": [token.pk]}
    admin_client.post(LIST, data)
    assert IngestToken.objects.get().revoked_at is None
    answer = admin_client.post(LIST, {**data, "post": "yes"}, follow=True)
    assert "Revoked: Kong." in answer.content.decode()
    assert IngestToken.objects.get().revoked_at is not None


def test_a_revoked_token_cannot_be_revoked_again(admin_client, token):
    token.revoke()
    assert "/revoke/" not in admin_client.get(f"{LIST}{token.pk}/change/").content.decode()
    data = {"action": "revoke_selected", "_selected_action": [token.pk], "post": "yes"}
    assert "revoked already" in admin_client.post(LIST, data, follow=True).content.decode()
    assert IngestToken.objects.get().revoked_at == token.revoked_at


@pytest.mark.parametrize("path", ["9999/revoke/", "abc/revoke/", "9999/change/"])
def test_missing_tokens_are_no_failure(admin_client, path):
    assert admin_client.get(LIST + path).status_code in {302, 404}


def test_nobody_can_delete_a_token(admin_client, token):
    assert admin_client.post(f"{LIST}{token.pk}/delete/", {"post": "yes"}).status_code == 403
    data = {"action": "delete_selected", "_selected_action": [token.pk], "post": "yes"}
    admin_client.post(LIST, data)
    assert IngestToken.objects.count() == 1


@pytest.mark.parametrize(
    ("permissions", "expected"),
    [
        ([], {"": 403, "add/": 403, "revoke/": 403}),
        (["view_ingesttoken"], {"": 200, "add/": 403, "revoke/": 403}),
        (["view_ingesttoken", "add_ingesttoken"], {"": 200, "add/": 200, "revoke/": 403}),
        (["view_ingesttoken", "change_ingesttoken"], {"": 200, "add/": 403, "revoke/": 200}),
    ],
)
def test_staff_may_do_what_they_have_permissions_for(client, token, permissions, expected):
    alice = User.objects.create_user("alice", is_staff=True)
    alice.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(alice)
    pages = {"": LIST, "add/": LIST + "add/", "revoke/": f"{LIST}{token.pk}/revoke/"}
    assert {name: client.get(url).status_code for name, url in pages.items()} == expected
