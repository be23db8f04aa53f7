"""The OpenAPI description and Swagger UI, served from here alone."""

import re

import pytest
import yaml
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator

from usage.api.urls import urlpatterns
from usage.incoming_row import IncomingRow
from usage.queries import Figures
from usage.rollups.declarations import SUMMED

KINDS = [
    *("application/vnd.oai.openapi", "application/yaml"),
    *("application/vnd.oai.openapi+json", "application/json"),
]

pytestmark = pytest.mark.django_db


def test_the_schema_is_valid_and_without_warnings(capsys):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null")
    assert capsys.readouterr().err == ""


def test_the_schema_names_every_operation_and_field(client):
    schema = client.get("/_qs/schema", headers={"Accept": "application/json"}).json()
    named = {each.name: f"/{each.pattern}" for each in urlpatterns}
    described = set(named) - {"docs", "missing", "schema"}
    assert set(schema["paths"]) == {named[name] for name in described}
    parts = schema["components"]["schemas"]
    assert set(parts["IncomingRow"]["properties"]) == set(IncomingRow.__struct_fields__) - {
        "api_key"
    }
    inner = {"latency_ms", "latency_count", "ttft_ms", "ttft_count"}
    sums = {name.replace("_sum", "") for name in Figures.__struct_fields__} - inner
    assert sums <= set(parts["ModelUsage"]["properties"])
    assert {p["name"] for p in schema["paths"]["/_qs/metrics"]["get"]["parameters"]} == {
        "from", "to", *SUMMED, *(f"not_{name}" for name in SUMMED),
        "range", "interval", "step", "tz", "group_by", "order_by", "limit", "compare", "fill",
        "series_by", "by", "top", "percentiles", "measure", "lang",
    }  # fmt: skip


def test_a_version_in_the_address_changes_nothing(client):
    answer = client.get("/_qs/schema?version=%0d%0aX-Header:1")
    assert (answer.status_code, answer.content) == (200, client.get("/_qs/schema").content)


def test_the_schema_is_made_once_per_process(client, monkeypatch):
    """It takes longer than any other answer, and is the same for everybody."""
    asked = [client.get("/_qs/schema", headers={"Accept": kind}) for kind in KINDS]
    monkeypatch.setattr(SchemaGenerator, "get_schema", None)
    again = [client.get("/_qs/schema", headers={"Accept": kind}) for kind in KINDS]
    assert [(answer.status_code, answer["Content-Type"]) for answer in again] == [
        (200, f"{kind}; charset=utf-8") for kind in KINDS
    ]
    assert [answer.content for answer in again] == [answer.content for answer in asked]
    assert yaml.safe_load(again[0].content) == again[2].json()


def test_swagger_loads_nothing_from_elsewhere(client):
    page = client.get("/_qs/docs").content.decode()
    assert "swagger" in page
    assert re.findall(r'(?:src|href)="(https?:)?//', page) == []
