"""The admin's actions on usage metrics: export and deletion."""

import pytest

from tests.factory import read_csv
from usage.admin import listed_rows
from usage.models import UsageMetric

pytestmark = pytest.mark.django_db

LIST = "/admin/usage/usagemetric/"


def test_export_of_the_selection_holds_these_rows(admin_client, four_rows):
    data = {"action": "export_selected", "_selected_action": [four_rows[0].pk, four_rows[2].pk]}
    rows = read_csv(admin_client.post(LIST, data))
    assert [row["request_id"] for row in rows] == ["req-3", "req-1"]


def test_export_of_the_list_holds_every_match_beyond_what_pages_look_at(
    admin_client, monkeypatch, four_rows
):
    monkeypatch.setattr(listed_rows, "MOST_TOGETHER", 1)
    rows = read_csv(admin_client.get(LIST + "export/?status=error"))
    assert [row["request_id"] for row in rows] == ["req-3", "req-2"]
    link = admin_client.get(LIST + "?status=error").content.decode()
    assert f'{LIST}export/?status=error"' in link


def test_deleting_asks_with_a_count_and_then_deletes_the_selection(admin_client, four_rows):
    data = {"action": "delete_selected", "_selected_action": [row.pk for row in four_rows[:3]]}
    question = admin_client.post(LIST, data)
    assert "Delete 3 usage metrics?" in question.content.decode()
    assert UsageMetric.objects.count() == 4
    answer = admin_client.post(LIST, {**data, "post": "yes"}, follow=True)
    assert "3 rows deleted." in answer.content.decode()
    assert list(UsageMetric.objects.all()) == [four_rows[3]]


def test_deleting_everything_points_to_purge(admin_client, four_rows):
    data = {
        "action": "delete_selected",
        "select_across": "1",
        "post": "yes",
        "_selected_action": [four_rows[0].pk],
    }
    answer = admin_client.post(LIST, data, follow=True)
    assert "manage.py purge" in answer.content.decode()
    assert UsageMetric.objects.count() == 4


@pytest.mark.parametrize("chosen", ["abc", "-1", "9" * 30, "1.5", "²"])
def test_a_selection_that_is_no_id_is_refused(admin_client, four_rows, chosen):
    data = {"action": "delete_selected", "_selected_action": [chosen], "post": "yes"}
    answer = admin_client.post(LIST, data, follow=True)
    assert "The selection cannot be read" in answer.content.decode()
    assert UsageMetric.objects.count() == 4
