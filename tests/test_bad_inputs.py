"""Every bad input gets its status and a JSON sentence, and stores nothing."""

import json

import pytest
from django.test import Client

from tests.bad_inputs import BAD_INPUTS, BadInput
from usage.models import UsageMetric

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("bad", BAD_INPUTS, ids=lambda bad: bad.name)
def test_a_bad_input_is_refused_with_a_sentence(client: Client, bad: BadInput):
    headers = dict(bad.headers)
    content_type = headers.pop("Content-Type", "")
    client.raise_request_exception = False
    answer = client.generic(
        bad.method, bad.path, bad.body, content_type=content_type, headers=headers
    )
    said = answer.json()
    assert answer.status_code == bad.status, said
    assert bad.message in json.dumps(said, ensure_ascii=False)
    assert said["error"].strip()
    assert UsageMetric.objects.count() == 0


def test_no_two_bad_inputs_share_a_name():
    assert len({bad.name for bad in BAD_INPUTS}) == len(BAD_INPUTS)


def test_what_a_client_sent_is_never_repeated_to_it(client: Client):
    secret = "SECRET PROMPT TEXT"
    rows = [{"model": [secret]}, {"model": "m", "status": secret * 3}, {"model": secret + "\n"}]
    for body in [json.dumps(rows), f'{{"model": {secret}', f"{secret}\n{secret}"]:
        answer = client.post("/_qs/usage", body, content_type="application/json")
        assert answer.status_code == 400
        assert secret not in answer.content.decode()
