"""Every page of the admin takes the look-ups that it offers, and refuses all others with 400."""

from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.thorough import some
from usage.admin.portal_model_admin import PortalModelAdmin
from usage.models import IngestToken, PriceOverride

pytestmark = pytest.mark.django_db

REGISTERED = sorted(admin.site._registry.items(), key=lambda pair: pair[0]._meta.label)
EVERY_ADMIN = pytest.mark.parametrize(
    ("model", "pages"), REGISTERED, ids=[model._meta.label_lower for model, _ in REGISTERED]
)
# Slow for a regular expression that goes back over what it has read.
SLOW = "(a+)+$"
OPERATORS = (
    *("exact", "icontains", "startswith", "regex", "iregex", "in", "gt", "isnull"),
    *("year__gt", "pk__regex", "nothing"),
)
OFFERED = {"is_staff__exact", "is_superuser__exact", "is_active__exact"}
OFFERED |= {f"{name}__isnull" for name in ("is_staff", "is_superuser", "is_active", "groups")}
OFFERED |= {"groups__id__exact"}
ODD = [
    {"user__password__startswith": "p"},
    {"user__password__regex": SLOW},
    {"logentry__user__password__regex": SLOW},
    {"groups__user__password__startswith": "p"},
    {"groups__permissions__codename": "add_user"},
    {"user_permissions__content_type__model": "user"},
    {"one_time_password__user__password__regex": SLOW},
    {"digest__startswith": "a"},
    {"password__startswith": "pbkdf2"},
    {"password": "x"},
    {"pk__in": "1,2"},
    {"id__in": ",".join("1" * 100_000)},
    {"id__in": "9" * 30},
    {"pk": "1"},
    {"timestamp__year": "0"},
    {"at__year": "9999"},
    {"nothing": "1"},
    {"": "1"},
    {"__": "1"},
    {"a\0b": "1"},
    {"nothing": "\0"},
    {"q": "\0"},
    {"q": "x" * 256},
    {"q": " ".join("x" * 100)},
    {"o": "banana"},
    {"o": "99"},
    {"o": "password"},
    {"o": ".".join("1" * 2_000)},
    {"o": "?"},
    {"p": "0"},
    {"p": "-1"},
    {"p": "abc"},
    {"p": "9" * 5_000},
    {"e": "2"},
    {"_popup": "x" * 300},
    {"_to_field": "password"},
    {"_to_field": "digest"},
    {"_to_field": "username"},
    {"_to_field": "nothing__regex"},
    {"_source_model": "auth.user"},
    [("q", "a"), ("q", "b")],
    [(f"a{number}", "1") for number in range(30)],
    [(f"a{number}", "1") for number in range(2_000)],
]


def address(name, model, *arguments):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=arguments)


def refused(client, path, query):
    """What is said, as a page; asserts that nothing was looked up on the way."""
    answer = client.get(f"{path}?{urlencode(query)}")
    shown = str(query)[:120]
    assert answer.status_code == 400, f"{path} {shown} {answer.get('Location')}"
    page = answer.content.decode()
    assert "<h1>" in page, shown
    assert "message-status" in page, shown
    assert "cannot be understood" not in page, shown
    assert "cannot be reached" not in page, shown
    return page


def test_every_admin_of_the_site_is_one_of_ours():
    others = [model for model, pages in REGISTERED if not isinstance(pages, PortalModelAdmin)]
    assert others == []
    assert {User, Group, IngestToken, PriceOverride} <= {model for model, _ in REGISTERED}


@EVERY_ADMIN
def test_no_list_takes_a_look_up_that_it_does_not_offer(admin_client, model, pages):
    columns = [field.name for field in model._meta.get_fields()]
    columns += [f"{field.name}__id" for field in model._meta.get_fields() if field.is_relation]
    names = {f"{column}__{operator}" for column in columns for operator in OPERATORS}
    for name in some(sorted(names - OFFERED)):
        refused(admin_client, address("changelist", model), {name: SLOW})


@EVERY_ADMIN
def test_no_list_takes_an_odd_address(admin_client, model, pages):
    for query in some(ODD):
        refused(admin_client, address("changelist", model), query)


@EVERY_ADMIN
@pytest.mark.parametrize("name", ["add", "change", "delete", "history"])
def test_no_other_page_takes_a_column_from_its_address(admin_client, model, pages, name):
    path = address(name, model) if name == "add" else address(name, model, 1)
    odd = [*ODD, {"is_superuser": "on"}, {"user_permissions": "1"}, {"valid_from": "x"}]
    for query in some([*odd, *({field.name: "x"} for field in model._meta.get_fields())]):
        refused(admin_client, path, query)


@pytest.mark.parametrize(
    "path",
    [
        "auth/user/1/password/",
        "usage/ingesttoken/1/revoke/",
        "usage/usagemetric/export/",
    ],
)
def test_pages_of_our_own_take_no_column_either(admin_client, path):
    for query in some(ODD):
        refused(admin_client, "/admin/" + path, query)


@pytest.mark.parametrize(
    "query",
    [
        {"is_staff__exact": "banana"},
        {"is_staff__exact": ""},
        {"is_superuser__exact": "1,0"},
        {"is_active__exact": "\0"},
        {"groups__id__exact": "abc"},
        {"groups__id__exact": "1,2"},
        {"groups__id__exact": "9" * 5_000},
        [("groups__id__exact", number) for number in range(900)],
    ],
    ids=lambda query: str(query)[:40],
)
def test_a_filter_refuses_a_value_that_it_cannot_have(admin_client, query):
    Group.objects.create(name="readers")
    refused(admin_client, "/admin/auth/user/", query)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["admin", "bob"]),
        ("?is_superuser__exact=1", ["admin"]),
        ("?is_staff__exact=0&is_active__exact=1", ["bob"]),
        ("?groups__id__exact={group}", ["bob"]),
        ("?groups__isnull=True", ["admin"]),
        ("?groups__id__exact=99999999999999999999999", []),
        ("?q=bob", ["bob"]),
        ("?o=-1", ["bob", "admin"]),
        ("?o=", ["admin", "bob"]),
        ("?all=&e=1", ["admin", "bob"]),
        ("?_popup=1&_to_field=id", ["admin", "bob"]),
    ],
)
def test_what_the_list_of_users_offers_works(admin_client, query, expected):
    group = Group.objects.create(name="readers")
    User.objects.create_user("bob").groups.add(group)
    answer = admin_client.get("/admin/auth/user/" + query.format(group=group.pk))
    assert [user.username for user in answer.context["cl"].result_list] == expected


def test_a_column_that_cannot_be_sorted_by_is_not_sorted_by(admin_client):
    for name in ("b", "a", "c"):
        IngestToken.objects.issue(name)
    for query in ("", "?o=0", "?o=1", "?o=-1.2"):
        answer = admin_client.get("/admin/usage/ingesttoken/" + query)
        assert [token.name for token in answer.context["cl"].result_list] == ["c", "a", "b"]


def test_a_member_of_staff_who_may_view_reads_no_secret(client):
    token, _ = IngestToken.objects.issue("Kong")
    viewer = User.objects.create_user("viewer", is_staff=True, password="Aurora-7-lake")
    viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(viewer)
    for query in ({"username__regex": SLOW}, {"password__startswith": "md5"}):
        refused(client, "/admin/auth/user/", query)
    refused(client, "/admin/usage/ingesttoken/", {"digest__startswith": token.digest[:1]})
    page = client.get(f"/admin/auth/user/{viewer.pk}/change/").content.decode()
    assert viewer.password not in page


def test_a_look_up_that_is_refused_reads_no_row(admin_client):
    with CaptureQueriesContext(connection) as queries:
        refused(admin_client, "/admin/usage/ingesttoken/", {"digest__regex": SLOW})
    assert [q["sql"] for q in queries if "ingesttoken" in q["sql"].split("WHERE")[0]] == []


def test_completion_answers_for_no_field_of_tables_that_no_page_completes(admin_client):
    for app, model, field in (
        ("admin", "logentry", "user"),
        ("usage", "onetimepassword", "user"),
        ("auth", "user", "groups"),
        ("auth", "user", "password"),
        ("sessions", "session", "session_key"),
        ("a\nb", "", ""),
    ):
        query = {"term": "a", "app_label": app, "model_name": model, "field_name": field}
        refused(admin_client, "/admin/autocomplete/", query)


@pytest.mark.parametrize("query", [{"s": "x" * 300}, {"s": "\0"}, [("s", "a"), ("s", "b")]])
def test_the_search_of_the_sidebar_is_bounded(admin_client, query):
    refused(admin_client, "/admin/search/", query)


def test_the_way_back_to_a_list_is_kept_and_checked_where_it_leads(admin_client):
    user = User.objects.create_user("bob")
    change = f"/admin/auth/user/{user.pk}/change/"
    kept = urlencode({"_changelist_filters": "is_staff__exact=0"})
    data = {"username": "bob", "date_joined_0": "2024-01-15", "date_joined_1": "10:00:00"}
    answer = admin_client.post(f"{change}?{kept}", data)
    assert answer["Location"] == "/admin/auth/user/?is_staff__exact=0"
    bad = urlencode({"_changelist_filters": urlencode({"username__regex": SLOW})})
    answer = admin_client.post(f"{change}?{bad}", data)
    assert admin_client.get(answer["Location"]).status_code == 400
    refused(admin_client, change, {"_changelist_filters": "x" * 2_001})


def test_who_is_not_signed_in_learns_nothing_of_what_is_offered(client):
    for query in ("?username__regex=.", "?is_staff__exact=1"):
        assert client.get("/admin/auth/user/" + query).status_code == 302
