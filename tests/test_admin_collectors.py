"""Collectors in the admin: to be looked at, and nothing else."""

import pytest
from model_bakery import baker

from usage.models import CollectorState

pytestmark = pytest.mark.django_db
LIST = "/admin/usage/collectorstate/"


@pytest.fixture
def collector() -> CollectorState:
    return baker.make(
        CollectorState,
        name="east",
        url="http://10.0.0.1:8317",
        state="waiting",
        error="the proxy cannot be reached: Connection refused",
        last_loss="",
        records=1234,
    )


def test_it_tells_how_each_stands(admin_client, collector):
    page = admin_client.get(LIST).content.decode()
    assert [text in page for text in ("east", "Waiting", "1,234", "refused")] == [True] * 4
    page = admin_client.get(f"{LIST}{collector.pk}/change/").content.decode()
    assert [text in page for text in ("Connection refused", "http://10.0.0.1:8317")] == [True] * 2


def test_nothing_can_be_changed(admin_client, collector):
    assert admin_client.get(f"{LIST}add/").status_code == 403
    answer = admin_client.post(f"{LIST}{collector.pk}/change/", {"name": "west"})
    assert answer.status_code == 403
    assert CollectorState.objects.get().name == "east"
