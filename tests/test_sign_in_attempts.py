"""Guessing people's passwords: who may try, what a browser that is known may, two at a time."""

import threading
import time

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client

from tests.read_only import read_only
from usage.access.attempts import PasswordsBusy, counting, passwords
from usage.access.attempts.known_browser import COOKIE
from usage.models import FailedLogins

LOGIN, CHANGE = "/admin/login/", "/admin/password_change/"
OWN, NEXT = "Aurora-7-lake", "Borealis-8-lake"
HERE, ELSEWHERE = "192.0.2.1", "198.51.100.1"

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return User.objects.create_superuser("alice", "", OWN)


def log_in(client, name, password, address=HERE):
    return client.post(LOGIN, {"username": name, "password": password}, REMOTE_ADDR=address)


def guess(name, times=11, address=ELSEWHERE):
    browser = Client()
    return [log_in(browser, name, f"guess {n}", address).status_code for n in range(times)]


def is_in(answer):
    return answer.status_code == 302


def test_an_address_waits_and_others_do_not(client, alice):
    User.objects.create_superuser("bob", "", OWN)
    assert guess("nobody", 11, HERE) == [200] * 10 + [429]
    refused = log_in(client, "bob", OWN)
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 61
    assert "Too many failed logins from your address or with this name" in refused.content.decode()
    assert client.get(LOGIN, REMOTE_ADDR=HERE).status_code == 200
    assert is_in(log_in(client, "bob", OWN, "192.0.2.7"))


@pytest.mark.parametrize("spelled", ["alice", "ALICE", " alice", "ａlice"])
def test_a_name_waits_from_everywhere_however_it_is_written(client, alice, spelled):
    assert [guess(spelled, 1, f"203.0.113.{n}") for n in range(11)] == [[200]] * 10 + [[429]]
    assert log_in(client, "alice", OWN).status_code == 429


def test_who_signed_in_before_in_this_browser_still_may(client, alice):
    assert is_in(log_in(client, "alice", OWN))
    cookie = client.cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    client.post("/admin/logout/")
    guess("alice")
    assert log_in(client, "alice", "wrong").status_code == 200
    assert is_in(log_in(client, "alice", OWN))


def test_a_browser_is_known_for_one_user_and_one_password(client, alice):
    User.objects.create_superuser("bob", "", OWN)
    log_in(client, "bob", OWN)
    known_for_bob = client.cookies[COOKIE].value
    guess("alice")
    guess("bob", 11, "203.0.113.1")
    stranger = Client()
    for forged in (known_for_bob, known_for_bob[:-1], "", "x", "[1]:x:y"):
        stranger.cookies[COOKIE] = forged
        assert log_in(stranger, "alice", OWN).status_code == 429
    stranger.cookies[COOKIE] = known_for_bob
    assert is_in(log_in(stranger, "bob", OWN))
    bob = User.objects.get(username="bob")
    bob.set_password(NEXT)
    bob.save()
    stranger = Client()
    stranger.cookies[COOKIE] = known_for_bob
    assert log_in(stranger, "bob", NEXT).status_code == 429


def change(client, old):
    data = {"old_password": old, "new_password1": NEXT, "new_password2": NEXT}
    return client.post(CHANGE, data)


def test_saying_ones_password_again_is_no_way_to_guess_it(client, alice):
    client.force_login(alice)
    assert [change(client, f"guess {n}").status_code for n in range(10)] == [200] * 10
    refused = change(client, OWN)
    assert (refused.status_code, "Retry-After" in refused) == (429, True)
    assert User.objects.get().check_password(OWN)


def test_strangers_cannot_keep_anybody_from_another_password(client, alice):
    client.force_login(alice)
    guess("alice")
    assert is_in(change(client, OWN))
    client.post("/admin/logout/")
    assert is_in(log_in(client, "alice", NEXT))  # and the browser knows her with that one


def test_a_form_without_a_password_is_no_guess(client, alice):
    for name, password in [("alice", ""), ("", OWN), ("al\0ice", OWN), ("x" * 500, OWN)] * 5:
        assert log_in(client, name, password).status_code == 200
    assert is_in(log_in(client, "alice", OWN))


def test_a_database_that_takes_no_writes_makes_no_error_of_a_guess(client, alice):
    with read_only():
        assert guess("alice") == [200] * 10 + [429]
    assert not FailedLogins.objects.exists()


def wrong_password(check):
    with check:
        raise ValidationError("wrong")


def test_what_fails_for_another_reason_is_no_guess(alice):
    def break_down():
        with passwords.password_check(alice):
            raise ZeroDivisionError

    for _ in range(20):
        with pytest.raises(ZeroDivisionError):
            break_down()
    for _ in range(10):
        with pytest.raises(ValidationError):
            wrong_password(passwords.password_check(alice))
    with pytest.raises(counting.TooManyFailures):
        wrong_password(passwords.password_check(alice))


@pytest.mark.django_db(transaction=True)
def test_two_passwords_are_checked_at_a_time_and_two_wait(settings, tmp_path, monkeypatch):
    settings.METRICS_STORAGE_PATH = tmp_path / "m.db"
    monkeypatch.setattr(passwords, "_PATIENCE_SECONDS", 0.2)
    running, most, outcomes, all_came = set(), [], [], threading.Event()

    def check():
        from django.db import connections

        try:
            with passwords._turn():
                running.add(threading.get_ident())
                most.append(len(running))
                all_came.wait(20)
                running.remove(threading.get_ident())
            outcomes.append("checked")
        except PasswordsBusy:
            outcomes.append("busy")
        connections.close_all()

    threads = [threading.Thread(target=check) for _ in range(8)]
    for thread in threads:
        thread.start()
    while len(outcomes) < 6:
        time.sleep(0.01)
    all_came.set()
    for thread in threads:
        thread.join()
    assert (max(most), sorted(outcomes)) == (2, ["busy"] * 6 + ["checked"] * 2)


def test_a_password_that_has_no_turn_is_told_to_come_again_and_counts_as_nothing(
    client, alice, settings, tmp_path
):
    settings.METRICS_STORAGE_PATH = tmp_path / "m.db"
    with passwords._turn(), passwords._turn(), passwords._waiting_here, passwords._waiting_here:
        refused = log_in(client, "alice", OWN)
    assert (refused.status_code, refused["Retry-After"]) == (503, "3")
    assert "Other people are signing in" in refused.content.decode()
    assert [row.times for row in FailedLogins.objects.all()] == [[], []]
    assert is_in(log_in(client, "alice", OWN))
