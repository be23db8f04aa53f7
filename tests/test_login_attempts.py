"""Guessing passwords: after ten failures an address waits, and nobody else does."""

import base64

import pytest
from model_bakery import baker

from usage import login_attempts
from usage.models import IngestToken

PATHS = ("/_qs/metrics", "/_qs/usage")


@pytest.fixture(autouse=True)
def _pair(settings):
    settings.METRICS_BASIC_AUTH_USER = "alice"
    settings.METRICS_BASIC_AUTH_PASS = "open sesame"


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def read(client, authorization, address="192.0.2.1", **extra):
    headers = {"Authorization": authorization, **extra}
    return client.get("/_qs/metrics", headers=headers, REMOTE_ADDR=address)


@pytest.fixture
def guess(client):
    def guess(times, address="192.0.2.1", **extra):
        wrong = [basic("alice", f"guess {number}") for number in range(times)]
        return [read(client, header, address, **extra).status_code for header in wrong]

    return guess


@pytest.mark.django_db
def test_the_eleventh_wrong_password_is_told_to_wait(client, guess):
    assert guess(12) == [401] * 10 + [429] * 2
    answer = read(client, basic("alice", "guess"))
    seconds = answer.headers["Retry-After"]
    assert 1 <= int(seconds) <= login_attempts.WINDOW_SECONDS + 1
    assert answer.json() == {"error": f"too many failed logins: try again in {seconds} s"}
    assert "WWW-Authenticate" not in answer.headers


@pytest.mark.django_db
def test_a_waiting_address_cannot_even_use_the_right_password(client, guess):
    guess(10)
    assert read(client, basic("alice", "open sesame")).status_code == 429


@pytest.mark.django_db
def test_another_address_is_not_affected(client, guess):
    guess(11)
    assert read(client, basic("alice", "open sesame"), "192.0.2.2").status_code == 200


@pytest.mark.django_db
def test_a_right_token_and_a_staff_session_are_not_affected(client, guess):
    _, text = IngestToken.objects.issue("proxy")
    guess(11)
    posted = client.post(
        "/_qs/usage",
        '{"model": "gpt-5"}',
        content_type="application/json",
        headers={"Authorization": f"Bearer {text}"},
        REMOTE_ADDR="192.0.2.1",
    )
    assert posted.status_code == 201
    client.force_login(baker.make("auth.User", username="alice", is_staff=True))
    assert read(client, basic("alice", "guess")).status_code == 200


@pytest.mark.django_db
def test_writing_counts_too(client, guess):
    def post():
        return client.post(
            "/_qs/usage",
            '{"model": "gpt-5"}',
            content_type="application/json",
            headers={"Authorization": basic("alice", "guess")},
            REMOTE_ADDR="192.0.2.1",
        ).status_code

    assert [post() for _ in range(6)] == [401] * 6
    assert guess(6) == [401] * 4 + [429] * 2
    assert post() == 429


@pytest.mark.django_db
def test_a_request_without_a_password_is_no_guess(client, guess):
    for _ in range(20):
        assert client.get("/_qs/metrics", REMOTE_ADDR="192.0.2.1").status_code == 401
    assert guess(1) == [401]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "authorization",
    ["Basic", "Basic ", "Basic !!!", "Basic žluť", "Basic YWxpY2U=", "Basic " + "A" * 4000],
)
def test_a_malformed_header_is_a_401(client, authorization):
    authorization = authorization.encode().decode("latin-1")
    assert read(client, authorization).status_code == 401


@pytest.mark.django_db
def test_behind_a_proxy_on_this_machine_each_visitor_waits_alone(client, guess):
    first = {"X-Forwarded-For": "198.51.100.1, 192.0.2.9"}
    assert guess(11, "127.0.0.1", **first) == [401] * 10 + [429]
    right = basic("alice", "open sesame")
    second = {"X-Forwarded-For": "198.51.100.1, 192.0.2.10"}
    assert read(client, right, "127.0.0.1", **second).status_code == 200


@pytest.mark.django_db
def test_a_distant_client_cannot_escape_by_naming_other_addresses(client):
    statuses = [
        read(
            client, basic("alice", "guess"), **{"X-Forwarded-For": f"198.51.100.{number}"}
        ).status_code
        for number in range(11)
    ]
    assert statuses == [401] * 10 + [429]


@pytest.mark.django_db
def test_the_wait_ends(client, guess, monkeypatch):
    monkeypatch.setattr(login_attempts, "WINDOW_SECONDS", 0.05)
    now = login_attempts.time.time
    guess(11)
    monkeypatch.setattr(login_attempts.time, "time", lambda: now() + 120)
    assert read(client, basic("alice", "open sesame")).status_code == 200
