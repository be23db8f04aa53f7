"""An operator's own prices in the admin, and the counts of suppressed duplicates."""

import datetime as dt
from decimal import Decimal

import pytest
from model_bakery import baker

from usage.models import PriceOverride, SuppressedPair, UsageMetric
from usage.recording import record_usage

pytestmark = pytest.mark.django_db
URL = "/admin/usage/priceoverride/"
FORM = {
    "model_pattern": "my-*",
    "provider": "",
    "valid_from_0": "2000-01-01",
    "valid_from_1": "00:00:00",
    "prompt_usd_per_mtok": "1.25",
    "completion_usd_per_mtok": "10",
    "cached_usd_per_mtok": "",
    "cache_write_usd_per_mtok": "",
    "request_usd": "0",
}


def test_a_price_that_is_made_here_counts_for_the_next_request(admin_client):
    assert admin_client.post(f"{URL}add/", FORM).status_code == 302
    override = PriceOverride.objects.get()
    assert (override.prompt_usd_per_mtok, override.cached_usd_per_mtok) == (Decimal("1.25"), None)
    record_usage("my-llama", prompt_tokens=1_000_000)
    row = UsageMetric.objects.get()
    assert (row.cost_usd, row.cost_source) == (1.25, "override")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prompt_usd_per_mtok", "-1"),
        ("prompt_usd_per_mtok", ""),
        ("completion_usd_per_mtok", "NaN"),
        ("request_usd", "1e300"),
        ("model_pattern", ""),
        ("model_pattern", "a\x00b"),
        ("model_pattern", "a\nb"),
        ("valid_from_0", "yesterday"),
    ],
)
def test_what_is_no_price_is_refused(admin_client, name, value):
    answer = admin_client.post(f"{URL}add/", {**FORM, name: value})
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors
    assert not PriceOverride.objects.exists()


def test_two_prices_for_the_same_from_the_same_time_are_refused(admin_client):
    admin_client.post(f"{URL}add/", FORM)
    answer = admin_client.post(f"{URL}add/", FORM)
    assert "already exists" in answer.content.decode()
    assert PriceOverride.objects.count() == 1


def test_a_price_that_is_deleted_in_the_list_counts_no_longer(admin_client):
    admin_client.post(f"{URL}add/", FORM)
    record_usage("my-llama", prompt_tokens=1_000_000)
    chosen = [str(PriceOverride.objects.get().pk)]
    data = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    admin_client.post(URL, data)
    assert not PriceOverride.objects.exists()
    record_usage("my-llama", prompt_tokens=1_000_000)
    assert UsageMetric.objects.filter(cost_usd=None).count() == 1


def test_the_list_shows_prices_without_needless_digits(admin_client):
    baker.make(
        PriceOverride,
        model_pattern="gpt-*",
        provider="azure",
        valid_from=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        prompt_usd_per_mtok=Decimal("2.125"),
        completion_usd_per_mtok=10,
        request_usd=0,
    )
    page = admin_client.get(URL).content.decode()
    assert all(text in page for text in ("gpt-*", "azure", "2026-01-01", "2.125", "10.00"))


def test_duplicates_are_shown_and_cannot_be_changed(admin_client):
    pair = baker.make(SuppressedPair, counted_source="litellm", suppressed_source="", calls=12345)
    page = admin_client.get("/admin/usage/suppressedpair/").content.decode()
    assert all(text in page for text in ("litellm", "(no source)", "12,345"))
    for path in ("add/", f"{pair.pk}/delete/"):
        assert admin_client.get(f"/admin/usage/suppressedpair/{path}").status_code == 403


def test_a_row_tells_whose_price_it_has_and_whether_it_counts(admin_client):
    row = baker.make(
        UsageMetric,
        timestamp=dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
        model="m",
        status="200",
        cost_usd=0.5,
        cost_source="genai-prices",
        excluded_as="duplicate",
    )
    page = admin_client.get(f"/admin/usage/usagemetric/{row.pk}/change/").content.decode()
    assert "genai-prices" in page
    assert "no: another source&#x27;s report of the call is" in page
    assert "200, not counted" in admin_client.get("/admin/usage/usagemetric/").content.decode()
