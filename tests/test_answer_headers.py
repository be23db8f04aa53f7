"""What every answer carries: policies, whether it may be kept, and TLS's own headers."""

import re

import pytest
from django.test import Client

from qsmetrics import answers
from tests.migrated import migrated
from tests.serving import manage, serving
from usage.access.first_admin import make_first_admin
from usage.api.health import HealthView

BEHIND_TLS = {"METRICS_TRUSTED_PROXIES": "127.0.0.1"}
FORWARDED = {"X-Forwarded-For": "198.51.100.1", "X-Forwarded-Proto": "https"}
PRIVATE = [
    ("/", answers.OURS),
    ("/_qs/metrics/ui", answers.OURS),
    ("/_qs/metrics/ui?from=nonsense", answers.OURS),
    ("/_qs/metrics", answers.OURS),
    ("/_qs/metrics/prometheus", answers.OURS),
    ("/_qs/usage", answers.OURS),
    ("/_qs/usage?format=csv", answers.OURS),
    ("/_qs/usage?format=ndjson", answers.OURS),
    ("/_qs/usage?nonsense=1", answers.OURS),
    ("/_qs/schema", answers.OURS),
    ("/_qs/docs", answers.DOCS),
    ("/_qs/docs?script=", answers.DOCS),
    ("/_qs/health", answers.OURS),
    ("/_qs/nothing", answers.OURS),
    ("/nothing", answers.OURS),
    ("/admin", answers.OURS),
    ("/admin/", answers.ADMIN),
    ("/admin/login/", answers.ADMIN),
    ("/admin/nothing/", answers.ADMIN),
    ("/static/nothing.js", answers.OURS),
]


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    with serving(migrated(tmp_path_factory.mktemp("headers")), **BEHIND_TLS) as portal:
        yield portal


@pytest.mark.parametrize(("path", "policy"), PRIVATE)
def test_an_answer_says_what_it_may_run_and_that_nobody_keeps_it(portal, path, policy):
    headers = portal.request("GET", path).headers
    vary = {name.strip() for name in headers["Vary"].split(",")}
    assert headers.get_all("Content-Security-Policy") == [policy]
    assert "no-store" in headers["Cache-Control"]
    assert {"Authorization", "Cookie"} <= vary


def test_posts_and_refusals_carry_the_same(portal):
    refused = {"Host": "evil.example"}
    for answer in (
        portal.request("POST", "/_qs/usage", {"model": "gpt-5"}),
        portal.request("POST", "/v1/traces", b""),
        portal.request("GET", "/", headers=refused),
        portal.request("GET", "/_qs/health", headers=refused),
        portal.request("POST", "/admin/login/", b"", {"Content-Type": "text/plain"}),
    ):
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "no-store" in answer.headers["Cache-Control"]


TOO_LONG = b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        (TOO_LONG, 414),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
    ],
    ids=["nonsense", "TLS", "no host", "a long address", "a long head"],
)
def test_what_is_refused_before_django_runs_nothing_and_is_kept_by_nobody(portal, sent, status):
    head, _, body = portal.raw(sent).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert int(first.split()[1]) == status
    assert headers.items() >= {
        ("Cache-Control", "no-store"),
        ("Content-Length", str(len(body))),
        ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
        ("Content-Type", "application/json"),
        ("X-Content-Type-Options", "nosniff"),
    }


@pytest.mark.parametrize("path", ["dashboards/icon.svg", "dashboards/page.css"])
def test_a_static_file_runs_nothing_and_may_be_kept(portal, path):
    headers = portal.request("GET", f"/static/{path}").headers
    assert headers["Content-Security-Policy"] == answers.STATIC
    assert "no-store" not in headers["Cache-Control"]
    assert "Cookie" not in headers.get("Vary", "")


def test_what_came_over_tls_gets_hsts_and_secure_cookies(portal):
    headers = portal.request("GET", "/admin/login/", headers=FORWARDED).headers
    assert headers["Strict-Transport-Security"] == "max-age=2592000"
    assert [c.partition("=")[0] for c in headers.get_all("Set-Cookie")] == ["qsmetrics_csrf"]
    assert "; Secure" in headers["Set-Cookie"]


def test_who_is_no_proxy_cannot_claim_tls(tmp_path):
    with serving(migrated(tmp_path), METRICS_TRUSTED_PROXIES="192.0.2.1") as portal:
        headers = portal.request("GET", "/admin/login/", headers=FORWARDED).headers
    assert "Strict-Transport-Security" not in headers


def test_without_a_proxy_people_sign_in_over_http(tmp_path):
    with serving(migrated(tmp_path)) as portal:
        headers = portal.request("GET", "/admin/login/", headers=FORWARDED).headers
    assert "Strict-Transport-Security" not in headers
    assert "Secure" not in headers["Set-Cookie"]


# Settings, and the warnings of `check --deploy`: W012 and W016 are cookies that are not Secure.
DEPLOYED = [
    (BEHIND_TLS, []),
    (BEHIND_TLS | {"METRICS_HTTPS": "false"}, ["security.W004", "security.W012", "security.W016"]),
    ({"METRICS_HTTPS": "true"}, ["usage.W004"]),
    ({}, ["security.W004", "security.W012", "security.W016"]),
]


@pytest.mark.parametrize(("given", "warnings"), DEPLOYED)
def test_what_a_deployment_is_told(tmp_path, given, warnings):
    done = manage(tmp_path, "check", "--deploy", **given)
    assert done.returncode == 0
    assert re.findall(r"\((\w+\.W\d+)\)", done.stderr) == warnings


@pytest.mark.django_db
def test_people_sign_in_behind_tls(client, settings):
    """Over HTTPS Django asks browsers where a form came from."""
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    name, password = make_first_admin()
    browser = Client(enforce_csrf_checks=True, headers={"Referer": "https://testserver/admin/"})
    browser.get("/admin/login/", secure=True)
    token = browser.cookies["qsmetrics_csrf"].value
    form = {"username": name, "password": password, "csrfmiddlewaretoken": token}
    answer = browser.post("/admin/login/", form, secure=True)
    assert answer.status_code == 302
    assert all(cookie["secure"] for cookie in answer.cookies.values())


@pytest.mark.django_db
@pytest.mark.parametrize("debug", [False, True])
def test_an_error_of_ours_is_json_for_programs_even_in_debug_mode(settings, monkeypatch, debug):
    settings.DEBUG = debug

    def fail(*args):
        raise ZeroDivisionError

    monkeypatch.setattr(HealthView, "get", fail)
    client = Client(raise_request_exception=False, headers={"Accept": "text/html,*/*"})
    answer = client.get("/_qs/health")
    error = {"error": "something failed here; the portal's log says what"}
    assert (answer.status_code, answer.json()) == (500, error)
