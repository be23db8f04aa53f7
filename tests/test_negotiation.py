"""What clients like to read decides how they are answered, and whether only where it must."""

from functools import partial

import pytest

from tests.api_routes import ROUTES
from usage.api.posts import PostView
from usage.models import UsageMetric

pytestmark = pytest.mark.django_db
# Of probes, scrapers, browsers and libraries, and some that nobody could answer.
ACCEPTS = [
    "*/*",
    "application/json",
    "application/json; indent=4",
    "application/json, text/plain, */*",
    "application/*",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "text/html",
    "text/plain",
    "text/plain;version=0.0.4;q=0.3",
    "application/openmetrics-text; version=1.0.0; charset=utf-8,text/plain;q=0.5",
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily",
    "text/csv",
    "image/png",
    "application/json+foo",
    "application/json;q=0",
    "nonsense",
    "/",
    ";;,,=",
    "",
]
OTHERS = {
    *("text/csv", "image/png", "application/json+foo", "nonsense", "/", ";;,,="),
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily",
}
OPENMETRICS = "application/openmetrics-text"
JSON = "application/json"
PROTOBUF = "application/x-protobuf"
BODIES = {JSON: b'{"model":"m"}', PROTOBUF: b"\x0a\x00"}


def each_accept(send):
    """Status and media type for each header."""
    answers = {accept: send(headers={"Accept": accept}) for accept in ACCEPTS}
    return {
        accept: (answer.status_code, answer["Content-Type"].partition(";")[0])
        for accept, answer in answers.items()
    }


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize(
    "path", [route.path for route in ROUTES if issubclass(route.view, PostView)]
)
def test_no_post_is_refused_for_what_its_sender_likes_to_read(client, path, kind):
    answers = set(each_accept(partial(client.post, path, BODIES[kind], content_type=kind)).values())
    assert answers in ({(200, kind)}, {(201, JSON)}, {(400, JSON)}, {(415, JSON)})
    is_row = (path, kind) == ("/_qs/usage", JSON)
    assert UsageMetric.objects.count() == (len(ACCEPTS) if is_row else 0)


@pytest.mark.django_db(transaction=True)  # the probe of health has a connection of its own
@pytest.mark.parametrize(
    ("path", "kind"),
    [("/_qs/health", "application/json"), ("/_qs/metrics/prometheus", OPENMETRICS)],
)
def test_probes_and_scrapers_are_answered_whatever_they_ask_for(client, path, kind):
    assert each_accept(partial(client.get, path)) == dict.fromkeys(ACCEPTS, (200, kind))


@pytest.mark.parametrize("path", ["/_qs/metrics", "/_qs/usage"])
def test_readers_of_other_data_alone_are_told_that_this_is_json(client, path):
    expected = {accept: 406 if accept in OTHERS else 200 for accept in ACCEPTS}
    if path == "/_qs/usage":
        expected["text/csv"] = 200  # an export
    answers = each_accept(partial(client.get, path))
    assert {accept: status for accept, (status, _) in answers.items()} == expected


@pytest.mark.parametrize("path", ["/_qs/schema", "/_qs/docs"])
def test_the_description_comes_in_what_there_is(client, path):
    answers = each_accept(partial(client.get, path))
    assert {status for status, _ in answers.values()} == {200}
    assert answers["application/json"][1] == (
        "application/json" if path == "/_qs/schema" else "text/html"
    )


def test_a_wrong_method_is_told_so_whatever_it_would_read(client):
    answer = client.put("/_qs/metrics", b"{}", headers={"Accept": "image/png"})
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD, OPTIONS")
