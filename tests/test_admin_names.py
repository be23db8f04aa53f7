"""Names in the admin: what counts as (other) is seen there, and released."""

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.management import call_command

from tests.factory import store
from tests.sums import assert_sums_equal_rows
from usage.admin import usage_name
from usage.models import AuditEntry, UsageName
from usage.rollups.name_entries import ALWAYS

pytestmark = pytest.mark.django_db
PATH = "/admin/usage/usagename/"


@pytest.fixture(autouse=True)
def _five_models(settings):
    settings.METRICS_MAX_NAMES = 3
    for model in ("a", "b", "c", "d", "e"):
        store({"model": model})


def release(client, *names: str):
    chosen = UsageName.objects.filter(name__in=names).values_list("pk", flat=True)
    data = {"action": "release_selected", ACTION_CHECKBOX_NAME: [str(pk) for pk in chosen]}
    return client.post(PATH, data, follow=True).content.decode()


def test_the_list_tells_what_counts_as_other(admin_client):
    page = admin_client.get(PATH, {"counts": "other", "dimension": "model"}).content.decode()
    assert ">d<" in page
    assert ">a<" not in page
    assert ">a<" in admin_client.get(PATH, {"counts": "itself", "q": "a"}).content.decode()


def test_names_are_released_where_there_is_room(admin_client, settings):
    assert "Nothing was released: 1 names would be told apart" in release(admin_client, "d")
    settings.METRICS_MAX_NAMES = 4
    assert "Released 1 names, whose 1 rows left (other)" in release(admin_client, "d", "a")
    assert UsageName.objects.get(name="d").counts_from == ALWAYS
    assert AuditEntry.objects.get(action="released").object_name == "model d"
    assert "told apart already" in release(admin_client, "d")
    assert_sums_equal_rows()


def test_names_of_several_kinds_are_released_all_or_none(admin_client, settings):
    for provider in ("p", "q", "r", "s", "t"):
        store({"model": "a", "provider": provider})
    settings.METRICS_MAX_NAMES = 4  # room for the model, and for one of two providers
    assert "Nothing was released: 2 names would be" in release(admin_client, "d", "s", "t")
    assert UsageName.objects.get(name="d").counts_from > ALWAYS
    assert not AuditEntry.objects.exists()
    assert_sums_equal_rows()


def test_names_with_many_rows_are_for_the_command(admin_client, settings, monkeypatch):
    settings.METRICS_MAX_NAMES = 10
    monkeypatch.setattr(usage_name, "MOST_ROWS", 1)
    store({"model": "d"})
    assert "fold_names --release" in release(admin_client, "d")
    assert UsageName.objects.get(name="d").counts_from > ALWAYS


def test_nobody_adds_or_deletes_one(admin_client):
    call_command("fold_names", "--rarer-than", "2", verbosity=0)
    entry = UsageName.objects.first()
    for path in ("add/", f"{entry.pk}/delete/"):
        assert admin_client.get(PATH + path).status_code == 403
