"""What nobody thought of, made from the description: no 5xx, and no answer that it does not say.

https://schemathesis.readthedocs.io; left out where only requirements.txt is installed.
"""

import base64
import importlib
import os
import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from tests.serving import manage, serving

pytestmark = pytest.mark.process

if os.environ.get("QSMETRICS_TESTS_MUST_RUN"):
    schemathesis = importlib.import_module("schemathesis")
else:
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

checks = importlib.import_module("schemathesis.checks")
checks.load_all_checks()
# More is taken than is described (bare dates, other fields of rows), and less (a call that cannot
# be stored, a cursor that is none, more buckets than may be), each as the documents say.
LENIENT = checks.CHECKS.get_by_names(["negative_data_rejection", "positive_data_acceptance"])

PAIR = "Basic " + base64.b64encode(b"reader:open sesame").decode()
CLOSED = {"METRICS_BASIC_AUTH_USER": "reader", "METRICS_BASIC_AUTH_PASS": "open sesame"}
# The same requests on every machine, and as many as thirty seconds take.
BOUNDED = settings(
    max_examples=8, derandomize=True, deadline=None, suppress_health_check=[*HealthCheck]
)
ROWS = [
    {"model": "gpt-5", "status": 429, "provider": "openai", "cost_usd": 1e-6, "latency_ms": 7},
    {"model": "ü", "timestamp": 1700000000, "total_tokens": 2**53, "user": "alice"},
]
OF_NULLS = """INSERT INTO usage_metrics
    (timestamp, model, prompt_tokens, completion_tokens, total_tokens)
    VALUES ('2024-01-15 11:00:00', 'm', NULL, NULL, NULL)"""


@pytest.fixture(scope="module", params=["open", "closed"])
def asked(request, tmp_path_factory):
    """The portal's operations, and the headers by method of everybody who may ask."""
    folder = tmp_path_factory.mktemp("described")
    is_open = request.param == "open"
    with serving(folder, **({} if is_open else CLOSED)) as portal:
        reader, writer = {}, {}
        if not is_open:
            token = manage(folder, "create_ingest_token", "p", **CLOSED).stdout.strip()
            reader, writer = {"Authorization": PAIR}, {"Authorization": f"Bearer {token}"}
        assert portal.request("POST", "/_qs/usage", ROWS, writer).status == 201
        with closing(sqlite3.connect(portal.database)) as database, database:
            database.execute(OF_NULLS)
        address = f"http://{portal.host}:{portal.port}/_qs/schema"
        schema = schemathesis.openapi.from_url(address, headers=reader)
        operations = [found.ok() for found in schema.get_all_operations()]
        assert len(operations) >= 10
        yield operations, [{}] if is_open else [{}, {"GET": reader, "POST": writer}]


def undescribed(operation, headers, mode):
    """What the portal answers to requests as described, or just not so, and is not described."""

    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        case.call_and_validate(headers=headers.get(case.method, {}), excluded_checks=LENIENT)

    try:
        ask()
    except Unsatisfiable:  # nothing that could be wrong: it takes no parameter
        return []
    except BaseExceptionGroup as faults:
        return [f"{operation.label}: {faults}"]
    return []


@pytest.mark.parametrize("mode", schemathesis.GenerationMode, ids=str)
def test_no_answer_is_undescribed(asked, mode):
    operations, everybody = asked
    found = [undescribed(each, who, mode) for each in operations for who in everybody]
    assert [fault for faults in found for fault in faults] == []
