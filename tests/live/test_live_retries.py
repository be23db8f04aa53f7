"""Clients that find no portal, or one that refuses, deliver by their own retries."""

import re
import time
from contextlib import ExitStack, contextmanager

import pytest

from tests.cliproxy import free_port
from tests.live import spans
from tests.live.comparing import all_rows, differences, leaks
from tests.live.programs import new_token, program, reporting_to
from tests.serving import serving

OTEL = [("otel_spans.py", "protobuf"), ("otel_spans.py", "json")]
OTEL += [("otel_spans.cjs", "protobuf"), ("otel_spans.cjs", "json")]
# LiteLLM is told to retry; by itself it sends a batch once.
CALLS = [
    {"model": "gpt-4o-mini", "mock_response": "…", "litellm_call_id": f"c{n}"} for n in range(5)
]
LITELLM = {"max_retries": 6, "waves": [{"log_format": "json_array", "calls": CALLS}]}
FIRST_TRIES = 3.0  # seconds
# As OpenTelemetry for Python and LiteLLM call it, and as that for Node does.
RETRIES = re.compile("retrying|Scheduling export retry")


@contextmanager
def no_portal(folder, **settings):
    yield


@contextmanager
def refusing(folder, **settings):
    """A portal that takes nothing: it answers 503 with Retry-After."""
    with serving(folder, METRICS_ENABLED="false", **settings):
        yield


@pytest.mark.parametrize("trouble", [no_portal, refusing])
def test_what_cannot_be_delivered_at_once_arrives_later(tmp_path, trouble):
    address = f"127.0.0.1:{free_port()}"
    with serving(tmp_path, METRICS_BIND_ADDRESS=address):
        settings = reporting_to(f"http://{address}", new_token(tmp_path))
    with ExitStack() as started:
        exporters = [started.enter_context(program(*each, **settings)) for each in OTEL]
        litellm = started.enter_context(program("litellm_calls.py", **settings))
        with trouble(tmp_path, METRICS_BIND_ADDRESS=address):
            litellm.tell(LITELLM)
            for each in exporters:
                each.tell(spans.asked(many=10))
            time.sleep(FIRST_TRIES)
            assert all(each.is_running() for each in (litellm, *exporters))
        with serving(tmp_path, METRICS_BIND_ADDRESS=address) as portal:
            for each in (litellm, *exporters):
                each.finish()
                assert RETRIES.search(each.complaints), each.complaints
            rows = all_rows(portal)
            assert leaks(tmp_path, portal) == []
    assert len([row for row in rows if row["source"] == "litellm"]) == len(CALLS)
    otel = [row for row in rows if row["source"] == "otel"]
    assert differences(otel, spans.rows(many=10) * len(OTEL)) == []
