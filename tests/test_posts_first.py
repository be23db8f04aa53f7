"""Posts of usage go round what pages need, and nobody can tell except by the clock."""

import gzip
import json
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.test import Client

from tests.streams import LONG_LINE, MEGABYTE, Stream, peak_while
from usage.api.posts_first import PostsFirst
from usage.models import IdempotentPost, IngestToken, UsageMetric

pytestmark = pytest.mark.django_db
URL = "/_qs/usage"
NDJSON = "application/x-ndjson"
ROW = '{"model":"m"}'


def post(client: Client, body: Any = ROW, content_type: str = "application/json", **headers: str):
    return client.post(URL, body, content_type=content_type, headers=headers)


CASES = [
    ({}, ROW, {}, 201),
    ({}, "[]", {}, 201),
    ({}, '{"model":5}', {}, 400),
    ({}, "{}\n{", {}, 400),
    ({"QUERY_STRING": "partial=true"}, f"[{ROW},5]", {}, 201),
    ({"QUERY_STRING": "partial=maybe"}, ROW, {}, 400),
    ({"QUERY_STRING": "parital=true"}, ROW, {}, 400),
    ({}, "", {}, 400),
    ({"CONTENT_TYPE": "text/plain"}, ROW, {}, 415),
    ({}, ROW, {"Content-Encoding": "br"}, 415),
    ({}, ROW, {"Content-Encoding": "gzip"}, 400),
    ({}, ROW, {"Authorization": "Bearer wrong"}, 201),
    ({"REMOTE_ADDR": "192.0.2.1"}, ROW, {}, 401),
    ({}, ROW, {"Idempotency-Key": "k" * 256}, 400),
    ({}, ROW, {"Idempotency-Key": "k"}, 201),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_both_ways_answer_the_same(client, settings, case):
    environ, body, headers, status = case
    said = []
    for is_quick in (True, False):
        if not is_quick:
            settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if "PostsFirst" not in each]
        kind = environ.get("CONTENT_TYPE", "application/json")
        answer = Client().post(URL, body, content_type=kind, headers=headers, **environ)
        names = ("Content-Type", "Retry-After", "WWW-Authenticate", "Content-Length")
        said.append((answer.status_code, answer.json(), [answer.get(name) for name in names]))
        UsageMetric.objects.all().delete()
        IdempotentPost.objects.all().delete()
    assert said[0] == said[1]
    assert said[0][0] == status


@pytest.mark.parametrize("body", [ROW, "{", "[{}]"])
def test_every_answer_has_the_headers_that_protect_browsers(client, body):
    answer = post(client, body)
    assert {
        name: answer[name]
        for name in ("X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy")
    } == {
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    }


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "x y"])
def test_a_host_that_is_not_ours_stores_nothing(client, host):
    answer = post(client, Host=host)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/json")
    assert UsageMetric.objects.count() == 0


def test_other_methods_are_refused_with_those_that_are_not(client):
    answer = client.put(URL, ROW, content_type="application/json")
    assert (answer.status_code, answer["Allow"]) == (405, "GET, POST, HEAD, OPTIONS")


def test_a_session_neither_opens_nor_closes_anything(admin_client):
    IngestToken.objects.issue("proxy")
    assert post(admin_client).status_code == 401
    assert not post(admin_client).cookies


@pytest.mark.parametrize("has_token", [True, False])
def test_a_post_asks_the_database_once_whether_it_may_write(
    client, has_token, django_assert_num_queries
):
    headers = {}
    if has_token:
        headers["Authorization"] = f"Bearer {IngestToken.objects.issue('proxy')[1]}"
    with django_assert_num_queries(1):
        assert post(client, "[]", **headers).status_code == 201


def test_a_revoked_token_and_a_first_one_act_at_once(client):
    assert post(client).status_code == 201
    token, text = IngestToken.objects.issue("proxy")
    assert post(client).status_code == 401
    assert post(client, Authorization=f"Bearer {text}").status_code == 201
    token.revoke()
    assert post(client, Authorization=f"Bearer {text}").status_code == 401


def test_the_same_lines_compressed_are_the_same_body(client):
    lines = f"{ROW}\n\n{ROW}\n".encode()
    first = post(client, lines, NDJSON, **{"Idempotency-Key": "k"})
    packed = {"Idempotency-Key": "k", "Content-Encoding": "gzip"}
    again = post(client, gzip.compress(lines), NDJSON, **packed)
    other = post(client, lines + b"\n", NDJSON, **{"Idempotency-Key": "k"})
    assert [first.status_code, again.status_code, other.status_code] == [201, 201, 409]
    assert again["Idempotency-Replayed"] == "true"
    assert UsageMetric.objects.count() == 2


def test_a_large_post_is_stored_while_little_of_it_is_in_memory():
    stream = Stream(iter([LONG_LINE] * 2000))  # 20 MB
    request = WSGIRequest(
        {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": URL,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": NDJSON,
            "CONTENT_LENGTH": str(2000 * len(LONG_LINE)),
            "wsgi.input": stream,
        }
    )
    answer, peak = peak_while(lambda: PostsFirst(lambda _: None)(request))
    assert json.loads(answer.content) == {"accepted": 2000, "duplicates": 0}
    assert peak < 6 * MEGABYTE
