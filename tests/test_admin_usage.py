"""The admin's list of usage metrics: filters, search, paging, export and deletion."""

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from model_bakery import baker

from tests.factory import ALICE, read_csv
from usage.admin import listed_rows, paginator
from usage.admin.drill_down import DateSpan
from usage.admin.search import SearchTerm, understand
from usage.identity import hash_api_key
from usage.models import UsageMetric

pytestmark = pytest.mark.django_db

LIST = "/admin/usage/usagemetric/"


def shown(client, query=""):
    response = client.get(LIST + query)
    assert response.status_code == 200
    return [row.request_id for row in response.context["cl"].result_list]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [None, "req-3", "req-2", "req-1"]),
        ("?when=2024", ["req-3", "req-2", "req-1"]),
        ("?when=2024-01", ["req-2", "req-1"]),
        ("?when=2024-01-15T10", ["req-1"]),
        ("?when=2023", []),
        ("?model=gpt-4o", [None, "req-3", "req-1"]),
        ("?model=nothing", []),
        ("?status=error", ["req-3", "req-2"]),
        ("?status=4xx", ["req-2"]),
        ("?status=500&model=gpt-4o", ["req-3"]),
        ("?q=req-2", ["req-2"]),
        ("?q=req-", []),
        (f"?q={ALICE}", ["req-3", "req-1"]),
        (f"?q={ALICE[:6]}", ["req-3", "req-1"]),
        (f"?q={ALICE[:6].upper()}", ["req-3", "req-1"]),
        (f"?q={ALICE[:5]}", []),
        (f"?q={ALICE}&model=claude", []),
        (f"?q={ALICE}&status=500&when=2024-02", ["req-3"]),
        ("?o=3", [None, "req-3", "req-2", "req-1"]),
        ("?p=2", []),
        ("?_facets=True&all=", [None, "req-3", "req-2", "req-1"]),
    ],
)
def test_filters_and_search_show_what_they_name(admin_client, four_rows, query, expected):
    assert shown(admin_client, query) == expected


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?when=2024-13", 400),
        ("?when=banana", 400),
        ("?when=9999", 400),
        ("?when=2024%00", 400),
        ("?model=a%00b", 400),
        ("?status=%00", 400),
        ("?status=" + "9" * 33, 400),
        ("?p=201", 400),
        ("?p=-1", 400),
        ("?p=" + "9" * 40, 400),
        ("?p=abc", 400),
        ("?q=a%00b", 400),
        ("?q=" + "f" * 300, 400),
        ("?e=1", 200),
        ("?request_id__contains=e", 400),
        ("?status__regex=.*", 400),
        ("?_to_field=model", 400),
        ("99999999999999999999999/change/", 302),
        ("abc/change/", 302),
        ("add/", 403),
    ],
)
def test_odd_addresses_never_fail(admin_client, four_rows, query, status):
    assert admin_client.get(LIST + query).status_code == status


def test_a_list_page_counts_nothing_and_takes_few_queries(admin_client, four_rows):
    admin_client.get(LIST)
    with CaptureQueriesContext(connection) as queries:
        admin_client.get(LIST)
    on_metrics = [q["sql"] for q in queries if "usage_metrics" in q["sql"]]
    assert len(on_metrics) == 1 + 1 + 2  # the page; the models; oldest and newest
    assert not [sql for sql in on_metrics if "COUNT(" in sql]


def test_paging_reads_newer_and_older_pages(admin_client, monkeypatch, four_rows):
    from usage.admin.usage_metric import UsageMetricAdmin

    monkeypatch.setattr(UsageMetricAdmin, "list_per_page", 3)
    first = admin_client.get(LIST).content.decode()
    assert "Older →" in first
    assert "← Newer" not in first
    assert shown(admin_client, "?p=2") == ["req-1"]
    second = admin_client.get(LIST + "?p=2").content.decode()
    assert "Page 2, the last" in second
    assert "← Newer" in second


def test_the_last_page_says_that_paging_ends(admin_client, monkeypatch, four_rows):
    from usage.admin import change_list
    from usage.admin.usage_metric import UsageMetricAdmin

    monkeypatch.setattr(UsageMetricAdmin, "list_per_page", 1)
    monkeypatch.setattr(paginator, "MOST_PAGES", 2)
    monkeypatch.setattr(change_list, "MOST_PAGES", 2)
    page = admin_client.get(LIST + "?p=2")
    assert page.context["cl"].notes == [
        "The list ends after 2 pages. Choose a day or an hour to see older rows, or export them."
    ]
    assert "Older →" not in page.content.decode()


def test_filters_without_an_index_look_at_the_newest_rows_and_say_so(
    admin_client, monkeypatch, four_rows
):
    monkeypatch.setattr(listed_rows, "MOST_TOGETHER", 1)
    page = admin_client.get(LIST + "?status=error")
    assert [row.request_id for row in page.context["cl"].result_list] == ["req-3"]
    (note,) = page.context["cl"].notes
    assert note == (
        "These are the matches among the newest 1 rows, back to 2024-02-01 00:00:00. Choose a "
        "day or an hour to look further back, or export to look at all rows."
    )
    assert shown(admin_client, "?status=error&when=2024-01-15") == ["req-2"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's query plans")
@pytest.mark.parametrize(
    "filters",
    [
        {"model": "gpt-4o"},
        {"key_hash": ALICE},
        {"key_hash": ALICE, "model": "gpt-4o"},
        {"period": DateSpan((2024, 1)).period()},
        {"period": DateSpan((2024, 1)).period(), "status": "error"},
        {"period": DateSpan((2024, 1)).period(), "request_id": "req-1"},
        {"model": "gpt-4o", "period": DateSpan((2024,)).period(), "status": "4xx"},
    ],
)
def test_every_selection_goes_through_an_index(four_rows, filters):
    rows, _ = listed_rows.ListedRows(**filters).newest_rows()
    plan = rows[:50].explain()
    assert "SEARCH usage_metrics USING INDEX idx_" in plan
    assert "SCAN" not in plan


def test_a_search_for_several_keys_names_them(admin_client):
    hashes = ["abcdef" + "0" * 58, "abcdef" + "1" * 58]
    for each in hashes:
        baker.make(UsageMetric, timestamp=timezone.now(), model="m", api_key_hash=each)
    page = admin_client.get(LIST + "?q=abcdef")
    assert page.context["cl"].result_list == []
    assert page.context["cl"].notes == [
        f"Several API key hashes begin so, search for one of them: {hashes[0]}, {hashes[1]}"
    ]
    assert understand("abcdef0").key_hash == hashes[0]


def test_a_request_id_that_looks_like_a_hash_is_still_found():
    assert understand("0123456789abcdef") == SearchTerm(request_id="0123456789abcdef")


def test_a_pasted_api_key_leaves_the_address_and_finds_its_hash(admin_client):
    baker.make(
        UsageMetric,
        timestamp=timezone.now(),
        model="m",
        api_key_hash=hash_api_key("sk-secret-1234"),
        request_id="mine",
    )
    response = admin_client.get(LIST + "?q=sk-secret-1234&model=m", follow=True)
    assert response.redirect_chain == [(f"{LIST}?q={hash_api_key('sk-secret-1234')}&model=m", 302)]
    assert [row.request_id for row in response.context["cl"].result_list] == ["mine"]
    assert "sk-secret-1234" not in response.content.decode()
    assert "That was an API key" in response.content.decode()


def test_the_detail_page_is_read_only_with_separated_thousands(admin_client, four_rows):
    page = admin_client.get(f"{LIST}{four_rows[0].pk}/change/").content.decode()
    assert "1,234" in page
    assert "2024-01-15 10:00:00.000000 UTC" in page
    assert ALICE in page
    assert 'name="_save"' not in page
    assert admin_client.post(f"{LIST}{four_rows[0].pk}/change/", {"model": "x"}).status_code == 403


def test_rows_of_nulls_are_shown(admin_client):
    row = UsageMetric.objects.create(
        timestamp=timezone.now(),
        model="日本 <b>",
        prompt_tokens=None,
        completion_tokens=None,
        total_tokens=None,
    )
    assert "日本 &lt;b&gt;" in admin_client.get(LIST).content.decode()
    assert admin_client.get(f"{LIST}{row.pk}/change/").status_code == 200


def test_an_empty_portal_has_an_index_and_a_list(admin_client):
    assert "Nothing is recorded yet." in admin_client.get(LIST).content.decode()
    assert "none yet" in admin_client.get("/admin/").content.decode()
    assert len(read_csv(admin_client.get(LIST + "export/"))) == 0


@pytest.mark.parametrize(
    ("permissions", "list_status", "export_status", "may_delete"),
    [
        ([], 403, 403, False),
        (["view_usagemetric"], 200, 200, False),
        (["view_usagemetric", "delete_usagemetric"], 200, 200, True),
    ],
)
def test_staff_may_do_what_they_have_permissions_for(
    client, four_rows, permissions, list_status, export_status, may_delete
):
    alice = User.objects.create_user("alice", is_staff=True)
    alice.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(alice)
    assert client.get("/admin/").status_code == 200
    assert client.get(LIST).status_code == list_status
    assert client.get(LIST + "export/").status_code == export_status
    data = {"action": "delete_selected", "_selected_action": [four_rows[0].pk], "post": "yes"}
    client.post(LIST, data)
    assert UsageMetric.objects.count() == (3 if may_delete else 4)
