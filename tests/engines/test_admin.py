"""The admin on each engine: lists, filters, search, exports, deletion, prices, tokens, people."""

import pytest
from django.contrib.auth.models import Group, User

from tests.factory import ALICE, BOB, read_csv, store
from tests.sums import assert_sums_equal_rows
from tests.test_admin_prices import FORM
from usage.models import IngestToken, PriceOverride, UsageMetric

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/usage/usagemetric/"


@pytest.fixture(autouse=True)
def _rows():
    store(
        *(
            {"timestamp": f"2024-0{n % 3 + 1}-15T10:00:00Z", "model": f"m{n % 2}",
             "status": ("200", "429")[n % 2], "api_key_hash": (ALICE, BOB)[n % 2],
             "request_id": f"r{n}", "event_id": str(n) if n % 2 else None, "total_tokens": n}
            for n in range(12)
        )
    )  # fmt: skip


def shown(client, query):
    page = client.get(LIST + query)
    assert page.status_code == 200, page
    return {row.request_id for row in page.context["cl"].result_list}


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", range(12)),
        ("?when=2024", range(12)),
        ("?when=2024-02", [1, 4, 7, 10]),
        ("?when=2024-02-15T10", [1, 4, 7, 10]),
        ("?model=m1", [1, 3, 5, 7, 9, 11]),
        ("?status=error&when=2024-01", [3, 9]),
        ("?q=r7", [7]),
        (f"?q={ALICE}", [0, 2, 4, 6, 8, 10]),
        (f"?q={BOB[:6]}&model=m0", []),
        ("?o=3", range(12)),
    ],
)
def test_the_list_is_filtered_and_searched(admin_client, query, numbers):
    assert shown(admin_client, query) == {f"r{number}" for number in numbers}


def test_a_row_is_shown_and_deleted(admin_client):
    row = UsageMetric.objects.get(request_id="r5")
    assert admin_client.get(f"{LIST}{row.pk}/change/").status_code == 200
    assert admin_client.get(f"{LIST}{row.pk}/delete/").status_code == 200
    assert admin_client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 302
    assert admin_client.get(f"{LIST}{row.pk}/history/").status_code in {200, 302}
    assert UsageMetric.objects.count() == 11
    assert_sums_equal_rows()


def test_chosen_rows_are_deleted(admin_client):
    chosen = UsageMetric.objects.filter(model="m1").values_list("pk", flat=True)
    data = {"action": "delete_selected", "_selected_action": [str(pk) for pk in chosen]}
    assert admin_client.post(LIST, data).status_code == 200
    assert admin_client.post(LIST, {**data, "post": "yes"}).status_code == 302
    assert UsageMetric.objects.filter(model="m0").count() == UsageMetric.objects.count() == 6
    assert_sums_equal_rows()


def test_the_list_is_exported(admin_client):
    assert len(read_csv(admin_client.get(LIST + "export/?model=m1"))) == 6


def test_prices_are_made_changed_and_deleted(admin_client):
    url = "/admin/usage/priceoverride/"
    assert admin_client.post(f"{url}add/", FORM).status_code == 302
    made = PriceOverride.objects.get()
    changed = {**FORM, "request_usd": "2"}
    assert admin_client.post(f"{url}{made.pk}/change/", changed).status_code == 302
    store({"model": "my-model", "prompt_tokens": 1_000_000})
    assert UsageMetric.objects.get(model="my-model").cost_usd == 3.25
    assert admin_client.post(f"{url}{made.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not PriceOverride.objects.exists()


def test_tokens_are_made_renamed_and_revoked(admin_client):
    url = "/admin/usage/ingesttoken/"
    assert admin_client.post(f"{url}add/", {"name": "Kong"}).status_code == 200
    token = IngestToken.objects.get()
    assert admin_client.post(f"{url}{token.pk}/change/", {"name": "Tyk"}).status_code == 302
    data = {"action": "revoke_selected", "_selected_action": [token.pk], "post": "yes"}
    admin_client.post(url, data)
    token.refresh_from_db()
    assert (token.name, token.revoked_at is None) == ("Tyk", False)


def test_people_are_made_and_deleted(admin_client):
    group = Group.objects.create(name="readers")
    alice = User.objects.create_user("alice", is_staff=True)
    alice.groups.add(group)
    assert admin_client.get("/admin/auth/user/").status_code == 200
    answer = admin_client.post(f"/admin/auth/user/{alice.pk}/delete/", {"post": "yes"})
    assert answer.status_code == 302
    assert not User.objects.filter(username="alice").exists()


@pytest.mark.parametrize("path", ["", "usage/", "usage/suppressedpair/", "usage/usagemetric/"])
def test_pages_open(admin_client, path):
    assert admin_client.get(f"/admin/{path}").status_code == 200
