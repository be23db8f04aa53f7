"""The admin's front door: throttled logins, one-time passwords, sidebar and search."""

import pytest
from django.contrib.auth.models import User

from usage.access.first_admin import make_first_admin
from usage.models import OneTimePassword

pytestmark = pytest.mark.django_db

LOGIN, CHANGE = "/admin/login/", "/admin/password_change/"
OWN = "Aurora-7-lake"


def log_in(client, name, password, **extra):
    return client.post(LOGIN, {"username": name, "password": password}, **extra)


def test_signing_in_leads_to_the_index_or_to_the_page_asked_for(client):
    User.objects.create_superuser("alice", "", OWN)
    assert log_in(client, "alice", OWN)["Location"] == "/admin/"
    client.logout()
    asked = client.get("/admin/usage/ingesttoken/")["Location"]
    answer = client.post(asked, {"username": "alice", "password": OWN})
    assert answer["Location"] == "/admin/usage/ingesttoken/"


def test_a_member_without_staff_rights_stays_outside(client):
    User.objects.create_user("bob", password=OWN)
    assert log_in(client, "bob", OWN).status_code == 200
    assert client.get("/admin/").status_code == 302


def test_the_first_admin_is_made_once():
    name, password = make_first_admin()
    user = User.objects.get()
    assert (name, user.is_superuser, user.is_staff) == ("admin", True, True)
    assert user.check_password(password)
    assert make_first_admin() is None


def test_the_first_admin_takes_nobodys_name():
    User.objects.create_user("admin")
    name, _ = make_first_admin()
    assert name.startswith("admin-")


def test_a_one_time_password_opens_only_the_page_that_replaces_it(client):
    name, password = make_first_admin()
    log_in(client, name, password)
    for path in ("/admin/", "/admin/usage/usagemetric/", "/admin/auth/user/add/"):
        assert client.get(path)["Location"] == CHANGE
    assert "one-time password" in client.get(CHANGE).content.decode()
    for old, new in (("wrong", OWN), (password, password), (password, "short")):
        data = {"old_password": old, "new_password1": new, "new_password2": new}
        assert client.post(CHANGE, data).context["form"].errors
    assert client.get("/admin/")["Location"] == CHANGE
    data = {"old_password": password, "new_password1": OWN, "new_password2": OWN}
    assert client.post(CHANGE, data)["Location"] == "/admin/password_change/done/"
    assert client.get("/admin/").status_code == 200
    assert not OneTimePassword.objects.exists()
    assert "one-time password" not in client.get(CHANGE).content.decode()


def test_somebody_with_a_one_time_password_can_sign_out(client):
    log_in(client, *make_first_admin())
    assert client.post("/admin/logout/").status_code == 200


def test_the_sidebar_shows_what_a_user_may_view(client, admin_client):
    User.objects.create_user("alice", password=OWN, is_staff=True)
    log_in(client, "alice", OWN)
    assert "/admin/usage/usagemetric/" not in client.get("/admin/").content.decode()
    everything = admin_client.get("/admin/").content.decode()
    for link in ("/admin/usage/usagemetric/", "/admin/usage/ingesttoken/", "/_qs/docs"):
        assert f'href="{link}"' in everything


@pytest.mark.parametrize("query", ["?s=usage", "?s=usage&page=abc", "?s=x&page=99&extended=1", ""])
def test_the_search_of_the_sidebar_never_fails(admin_client, query):
    assert admin_client.get("/admin/search/" + query).status_code == 200


@pytest.mark.parametrize("path", ["auth/user/", "auth/user/add/", "auth/group/", "auth/group/add/"])
def test_accounts_have_pages(admin_client, path):
    assert admin_client.get("/admin/" + path).status_code == 200


def test_a_user_added_in_the_admin_can_sign_in(admin_client, client):
    data = {"username": "bob", "password1": OWN, "password2": OWN, "usable_password": "true"}
    admin_client.post("/admin/auth/user/add/", data)
    User.objects.filter(username="bob").update(is_staff=True)
    assert log_in(client, "bob", OWN)["Location"] == "/admin/"


@pytest.mark.parametrize(
    "address",
    [
        "/admin/usage/ingesttoken/?revoked_at=9999-12-31T23:59:59-23:59",
        "/admin/usage/ingesttoken/?revoked_at=0001-01-01T00:00:00%2B23:59",
        "/admin/auth/user/?id__in=999999999999999999999999",
    ],
)
def test_a_value_that_no_column_can_hold_is_refused_or_matches_nothing(admin_client, address):
    assert admin_client.get(address).status_code in {200, 400}
