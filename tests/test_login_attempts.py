"""Guessing the Basic pair: ten failures a minute by address and by name, and what always opens."""

import base64

import pytest
from django.db import connection
from model_bakery import baker

from tests.read_only import read_only
from usage.access.attempts import WINDOW_SECONDS, counting, pair, slots
from usage.models import FailedLogins, IngestToken, ProvenAddress

SHORT, LONG = "open sesame", "open sesame, and more of it"
HERE = "192.0.2.1"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _pair(settings):
    settings.METRICS_BASIC_AUTH_USER = "alice"
    settings.METRICS_BASIC_AUTH_PASS = SHORT


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


RIGHT = basic("alice", SHORT)


def read(client, authorization, address=HERE):
    headers = {"Authorization": authorization}
    return client.get("/_qs/metrics", headers=headers, REMOTE_ADDR=address)


def write(client, authorization, path="/_qs/usage", body='{"model": "gpt-5"}'):
    return client.post(
        path,
        body,
        content_type="application/json",
        headers={"Authorization": authorization},
        REMOTE_ADDR=HERE,
    )


@pytest.fixture
def guess(client):
    """The statuses of wrong guesses; each has a name of its own unless one is given."""

    def guess(times, address=HERE, user=None):
        wrong = [basic(user or f"user {n}", f"guess {n}") for n in range(times)]
        return [read(client, header, address).status_code for header in wrong]

    return guess


def test_the_eleventh_wrong_password_is_told_to_wait(client, guess):
    assert guess(12, user="alice") == [401] * 10 + [429] * 2
    answer = read(client, basic("alice", "guess"))
    seconds = answer.headers["Retry-After"]
    assert 1 <= int(seconds) <= WINDOW_SECONDS + 1
    assert answer.json() == {"error": f"too many failed logins: try again in {seconds} s"}
    assert "WWW-Authenticate" not in answer.headers


def test_a_waiting_address_cannot_even_use_the_right_pair(client, guess):
    guess(10)
    assert read(client, RIGHT).status_code == 429


def test_an_address_waits_whatever_names_it_tries_and_no_other_does(client, guess):
    assert guess(11) == [401] * 10 + [429]
    assert read(client, RIGHT, "192.0.2.2").status_code == 200


def test_a_name_waits_whatever_addresses_it_is_tried_from_and_no_other_does(client, guess):
    statuses = [guess(1, f"198.51.100.{n}", "alice") for n in range(12)]
    assert statuses == [[401]] * 10 + [[429]] * 2
    assert guess(1, "198.51.100.99", "bob") == [401]


def test_who_was_right_before_from_this_address_stays_in(client, guess):
    assert read(client, RIGHT).status_code == 200
    assert guess(12, user="alice") == [401] * 10 + [429] * 2
    assert read(client, RIGHT).status_code == 200
    assert read(client, RIGHT, "192.0.2.2").status_code == 429


def test_another_pair_has_not_been_right_from_anywhere(client, guess, settings):
    assert read(client, RIGHT).status_code == 200
    settings.METRICS_BASIC_AUTH_PASS = "other"
    guess(10)
    assert read(client, basic("alice", "other")).status_code == 429


def test_being_right_counts_as_no_failure(client, guess):
    answers = [read(client, RIGHT, f"203.0.113.{n}").status_code for n in range(30)]
    assert (answers, guess(1)) == ([200] * 30, [401])


def test_a_long_pair_always_opens_and_its_failures_are_not_counted(client, guess, settings):
    settings.METRICS_BASIC_AUTH_PASS = LONG
    assert guess(30, user="alice") == [401] * 30
    assert read(client, basic("alice", LONG)).status_code == 200
    assert not FailedLogins.objects.exists()


def test_tokens_and_staff_sessions_always_open(client, guess):
    _, text = IngestToken.objects.issue("proxy")
    guess(11, user="alice")
    spans = "/api/public/otel/v1/traces"
    assert write(client, f"Bearer {text}").status_code == 201
    assert write(client, basic("alice", text), spans, '{"resourceSpans": []}').status_code == 200
    client.force_login(baker.make("auth.User", username="alice", is_staff=True))
    assert read(client, basic("alice", "guess")).status_code == 200


def test_writing_counts_too(client, guess):
    wrong = basic("alice", "guess")
    assert [write(client, wrong).status_code for _ in range(6)] == [401] * 6
    assert guess(6) == [401] * 4 + [429] * 2
    assert write(client, wrong).status_code == 429


def test_without_a_pair_nothing_can_be_guessed(client, settings, guess):
    settings.METRICS_BASIC_AUTH_USER = settings.METRICS_BASIC_AUTH_PASS = ""
    assert guess(20) == [401] * 20
    assert not FailedLogins.objects.exists()


def test_a_request_without_a_password_is_no_guess(client, guess):
    for _ in range(20):
        assert client.get("/_qs/metrics", REMOTE_ADDR=HERE).status_code == 401
    assert guess(1) == [401]


@pytest.mark.parametrize(
    "authorization",
    ["Basic", "Basic ", "Basic !!!", "Basic žluť", "Basic YWxpY2U=", "Basic " + "A" * 4000],
)
def test_a_malformed_header_is_a_401(client, authorization):
    authorization = authorization.encode().decode("latin-1")
    assert read(client, authorization).status_code == 401


# Addresses that one host can have, and ones of others.
HOSTS = [
    ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
    ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
    ("::ffff:192.0.2.1", "192.0.2.1", True),
    ("192.0.2.1", "192.0.2.2", False),
    ("fe80::1%eth0", "fe80::2%eth0", True),
    ("", "127.0.0.1", False),
]


@pytest.mark.parametrize(("first", "second", "same"), HOSTS)
def test_a_host_waits_under_each_address_that_it_may_choose(guess, first, second, same):
    guess(10, first)
    assert guess(1, second) == [429 if same else 401]


@pytest.mark.parametrize(
    ("name", "other"),
    [("alice", "ALICE"), ("alice", " alice "), ("alice", "ａｌｉｃｅ"), ("straße", "STRASSE")],
)
def test_a_name_is_the_same_however_it_is_written(name, other):
    assert slots.of_person(HERE, name) == slots.of_person(HERE, other)


@pytest.mark.parametrize("name", ["", "x" * 100_000, "\ud800", "\0", "ﷺ" * 5_000, "'; --"])
def test_names_of_any_kind_are_numbers(name):
    found = [
        slots.of_person("no address", name),
        slots.of_pair("", name.encode("utf-8", "replace")),
    ]
    assert all(0 <= slot < 4 * slots.NUMBERS for pair in found for slot in pair)


def test_the_table_holds_as_many_rows_as_there_are_numbers(guess, monkeypatch):
    monkeypatch.setattr(slots, "NUMBERS", 4)
    monkeypatch.setattr(slots, "_slot", lambda kind, text: 4 * kind + len(text) % 4)
    for n in range(40):
        guess(3, f"198.51.100.{n}", "u" * n)
    assert FailedLogins.objects.count() <= 12
    assert max(len(row.times) for row in FailedLogins.objects.all()) == 10


def test_proven_addresses_are_bounded(client, monkeypatch):
    monkeypatch.setattr(pair, "_MOST_ADDRESSES", 3)
    answers = [read(client, RIGHT, f"192.0.2.{n}").status_code for n in range(9)]
    assert (answers, ProvenAddress.objects.count()) == ([200] * 9, 3)


@pytest.fixture
def clock(monkeypatch):
    """Moves the time that failures are counted at."""
    now = counting.time.time
    return lambda ahead: monkeypatch.setattr(counting.time, "time", lambda: now() + ahead)


def test_the_wait_ends_a_minute_after_the_first_of_ten(client, guess, clock):
    guess(9)
    clock(30)
    assert guess(2) == [401, 429]
    clock(59)
    assert guess(1) == [429]
    clock(61)
    assert guess(10) == [401] * 9 + [429]  # the tenth of then is half a minute old
    assert read(client, RIGHT).status_code == 429


def test_a_clock_that_is_set_back_shuts_nobody_out(client, guess, clock):
    clock(7200)
    guess(10)
    clock(0)
    assert read(client, RIGHT).status_code == 200


def test_a_database_that_takes_no_writes_stops_neither_counting_nor_the_right_pair(client, guess):
    with read_only():
        assert read(client, RIGHT, "192.0.2.2").status_code == 200
        assert guess(12, user="bob") == [401] * 10 + [429] * 2
        assert read(client, RIGHT).status_code == 429
        assert read(client, RIGHT, "192.0.2.3").status_code == 200
    assert not FailedLogins.objects.exists()


def test_a_database_without_the_table_is_told_so(client):
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE usage_provenaddress")
    answer = read(client, RIGHT)
    assert answer.status_code == 503
    assert "run `manage.py migrate`" in answer.json()["error"]
