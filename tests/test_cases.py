"""What senders of many kinds really send becomes the right rows, however it is delivered."""

import io
import json
from typing import Any

import pytest
from django.core.management import call_command

from tests.cases import Case, cases, whole
from usage.models import UsageMetric

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("portal_folder")]

ALL = [pytest.param(case, id=case.name) for case in cases()]


def test_every_case_is_here_and_known():
    numbers = [case.number for case in cases()]
    assert len(numbers) == len(set(numbers)) == 31


@pytest.mark.parametrize("case", ALL)
def test_a_case_becomes_its_rows(client, case: Case):
    deliver(client, case, case.body)
    agrees(case)


@pytest.mark.parametrize("case", ALL)
def test_a_second_delivery_adds_nothing(client, case: Case):
    for _ in range(2):
        deliver(client, case, case.body)
    agrees(case)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("case", ALL)
def test_a_record_a_post_makes_the_same_rows_in_both_orders(client, case: Case, backwards: bool):
    if not case.path:
        pytest.skip("a file is imported whole")
    bodies = case.one_by_one()
    for body in reversed(bodies) if backwards else bodies:
        deliver(client, case, body)
    agrees(case)


def deliver(client: Any, case: Case, body: bytes) -> None:
    if not case.path:
        call_command("import_metrics", str(case.file), stdout=io.StringIO(), stderr=io.StringIO())
        return
    headers = {f"HTTP_{name.upper()}": value for name, value in case.headers.items()}
    headers.pop("HTTP_CONTENT-TYPE")
    answer = client.post(case.path, body, content_type=case.headers["Content-Type"], **headers)
    assert answer.status_code in (200, 201), answer.content
    if "v1" in case.path:
        assert answer.json() == {}  # nothing was rejected


def agrees(case: Case) -> None:
    """The rows that count, in order of time: what must be so, and whole."""
    rows = UsageMetric.objects.counted().order_by("timestamp", "event_id").values()
    found = [whole(row) for row in rows]
    fields = case.expected["fields"]
    assert len(found) == case.expected["rows"] == len(fields)
    for must in fields:
        assert [row for row in found if has_all(row, must)], (must, found)
    assert found == json.loads(case.rows_file.read_bytes())


def has_all(row: dict[str, Any], must: dict[str, Any]) -> bool:
    """Costs are worked out in another order here."""
    return all(row[name] == pytest.approx(value) for name, value in must.items())
