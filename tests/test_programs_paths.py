"""Programs get JSON: every way in, however it is written, over a socket, whatever goes wrong."""

import http.client
import time

import pytest
from django.urls import URLPattern, get_resolver
from django.urls.resolvers import RoutePattern

from qsmetrics.answers import DASHBOARD_PATH, DOCS_PATH
from qsmetrics.front_door import is_for_programs
from tests.migrated import migrated
from tests.serving import launch, serving

pytestmark = pytest.mark.process

PAGES = {DASHBOARD_PATH, DOCS_PATH}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]
UNKNOWN = ["/_qs", "/_qs/nothing", "/_qs/%00%ff", "/_qs/../admin/", "/v1", "/v1/x", "/api/public/x"]
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def routes(patterns, before="/"):
    for each in patterns:
        if isinstance(each, URLPattern):
            if isinstance(each.pattern, RoutePattern):
                yield before + str(each.pattern)
        else:
            yield from routes(each.url_patterns, before + str(each.pattern))


def known_paths():
    return sorted({path for path in routes(get_resolver().url_patterns) if is_for_programs(path)})


def spellings(path):
    return [path + "/", "/" + path, path.replace("/", "//", 3), "//" + path + "//"]


@pytest.fixture(scope="module", params=["false", "true"], ids=["plain", "debug"])
def portal(request, tmp_path_factory):
    folder = migrated(tmp_path_factory.mktemp("programs"))
    with serving(folder, METRICS_DEBUG=request.param) as portal:
        yield portal


def media_type(answer):
    return answer.headers.get("Content-Type", "").partition(";")[0]


@pytest.mark.parametrize("method", METHODS)
def test_no_method_gets_html_on_any_way_in(portal, method):
    html = []
    for path in known_paths() + UNKNOWN:
        for spelled in [path, *spellings(path)]:
            if method in {"GET", "HEAD"} and path in PAGES:
                continue
            for headers in (BROWSER, {"Content-Type": "application/x-www-form-urlencoded"}):
                answer = portal.request(method, spelled, b"a=b", headers)
                if media_type(answer) == "text/html" or b"<html" in answer.body.lower():
                    html.append((method, spelled, answer.status))
    assert html == []


@pytest.mark.parametrize("path", known_paths())
def test_what_is_refused_is_refused_in_a_json_sentence(portal, path):
    """Even where the answer is YAML or a page, and OTLP's own, unless they speak protobuf."""
    for method, headers in (
        ("DELETE", {}),
        ("PUT", BROWSER),
        ("PUT", {"Accept": "application/yaml"}),
        ("GET", {"Accept": "audio/ogg"}),
    ):
        answer = portal.request(method, path, b"{}", headers)
        if answer.status >= 400:
            assert media_type(answer) == "application/json"
            assert answer.json()["error"]


@pytest.mark.parametrize("path", known_paths())
def test_each_spelling_is_answered_like_the_plain_one(portal, path):
    for method, body in (("GET", None), ("POST", b"{"), ("PUT", b"{}")):
        plain = portal.request(method, path, body)
        others = [portal.request(method, spelled, body) for spelled in spellings(path)]
        assert {(a.status, media_type(a)) for a in others} == {(plain.status, media_type(plain))}


@pytest.mark.parametrize("path", ["/_qs/usage/", "//_qs/usage", "/_qs//usage//"])
def test_rows_are_stored_under_each_spelling(portal, path):
    answer = portal.request("POST", path, {"model": "gpt-5"})
    assert (answer.status, answer.json()) == (201, {"accepted": 1, "duplicates": 0})


GOOD = b"GET /_qs/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
# What is sent, and the status.
RAW = [
    (b"GET /_qs/health HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
    (b"POST /v1/traces HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", 400),
    (b"GET /_qs/health HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", 400),
    (GOOD + b"Host: localhost\r\n\r\n", 400),
    (b"GET /_qs/health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 400),
    (b"GET /_qs/docs HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 400),
    (b"GET /_qs/health HTTP/1.0\r\n\r\n", 200),
    (b"GET /_qs/health HTTP/1.0\r\nHost: localhost\r\n\r\n", 200),
    (GOOD + b"\r\n", 200),
    # Headers with which a gateway would move or dress up a request.
    (GOOD + b"SCRIPT_NAME: /_qs\r\n\r\n", 200),
    (GOOD + b"SCRIPT_NAME: /evil\r\n\r\n", 200),
    (GOOD + b"Script-Name: /_qs\r\nPath-Info: /admin/\r\nPATH_INFO: /admin/\r\n\r\n", 200),
    (GOOD + b"X-Forwarded-Proto: https\r\nX-Forwarded-SSL: off\r\n\r\n", 200),
    (GOOD + b"X-Forwarded-Prefix: /x\r\nX-Original-URL: /admin/\r\n\r\n", 200),
    # What gunicorn itself refuses.
    (GOOD + b"Expect: everything\r\n\r\n", 417),
    (GOOD + b"Transfer-Encoding: gzip\r\n\r\n", 400),
    (GOOD + b"Bad Name: x\r\n\r\n", 400),
    (b"GET /_qs/health?" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
    (b"nonsense\r\n\r\n", 400),
]


@pytest.mark.parametrize(("sent", "status"), RAW, ids=[str(n) for n in range(len(RAW))])
def test_each_answer_to_bare_bytes_is_json(portal, sent, status):
    head, _, body = portal.raw(sent, then_close=True).partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status
    assert b"content-type: application/json" in head.lower()
    assert b"<html" not in body.lower()


def test_a_page_tells_nobody_that_it_moved(portal):
    """Neither forged prefix nor doubled slashes end up in a redirect."""
    for sent in (b"SCRIPT_NAME: /admin\r\n", b"X-Forwarded-Host: evil.example\r\n"):
        head = portal.raw(
            b"GET /admin HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + sent + b"\r\n"
        ).lower()
        assert b"location: /admin/\r\n" in head
    connection = http.client.HTTPConnection(portal.host, portal.port)
    connection.request("GET", "//evil.example/admin")
    assert "//evil" not in (connection.getresponse().headers.get("Location") or "")
    connection.close()


def test_a_portal_below_a_path_answers_json_beside_it(tmp_path):
    portal = launch(migrated(tmp_path), SCRIPT_NAME="/usage")
    try:
        deadline = time.monotonic() + 30
        while not portal.port and time.monotonic() < deadline:
            time.sleep(0.05)
        inside = portal.request("GET", "/usage//_qs/health/")
        beside = portal.request("GET", "/_qs/health", headers=BROWSER)
        admin = portal.request("GET", "/usage/admin")
    finally:
        portal.stop()
        portal.process.stdout.close()
    assert inside.status == 200
    assert admin.headers["Location"] == "/usage/admin/"
    error = {"error": "nothing is here: the portal lives below another path"}
    assert (beside.status, beside.json()) == (404, error)
