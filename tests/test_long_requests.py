"""Exports and dear questions hold all threads but two; beyond it: 503, come again."""

import gc

import pytest

from tests.factory import store
from usage import long_requests
from usage.long_requests import NoPlaceFree, ThreadPlaces, WhileSent, places

pytestmark = pytest.mark.django_db
BUSY = "as many exports and large questions as may be are being answered: try again shortly"
ADMIN_EXPORT = "/admin/usage/usagemetric/export/"


@pytest.fixture(name="two")
def _two_places(monkeypatch):
    two = ThreadPlaces(2)
    monkeypatch.setattr("usage.export.places", two)
    return two


def test_a_place_can_be_had_again_once_it_is_given_back():
    some = ThreadPlaces(2)
    first = some.take()
    with some.hold(), pytest.raises(NoPlaceFree):
        some.take()
    first.give_back()
    first.give_back()
    assert some.taken == 0
    with pytest.raises(ZeroDivisionError), some.hold():
        raise ZeroDivisionError
    assert some.taken == 0


def test_a_place_of_an_answer_that_nobody_sent_is_found_again():
    some = ThreadPlaces(1)
    answer = WhileSent(iter(["a"]), some.take())
    assert (some.taken, some.are_held_here) == (1, True)
    del answer
    gc.collect()
    assert (some.taken, some.are_held_here) == (0, False)


def test_large_bodies_and_long_requests_together_leave_a_thread_and_do_not_shut_each_other_out():
    some = ThreadPlaces(6)  # of 8 threads
    assert [some.begin_large_body() for _ in range(7)] == [True] * 6 + [False]
    place = some.take()
    with pytest.raises(NoPlaceFree):
        some.take()
    place.give_back()
    for _ in range(6):
        some.end_large_body()
    places = [some.take() for _ in range(6)]
    assert [some.begin_large_body() for _ in range(2)] == [True, False]
    assert some.taken == len(places)


def test_two_threads_are_always_left():
    assert places.most == 8 - long_requests.FREE_THREADS


@pytest.mark.parametrize("path", ["/_qs/usage?format=csv", "/_qs/usage?format=ndjson"])
def test_an_export_too_many_is_told_to_come_again(client, path, two):
    store({"model": "m"})
    read = [client.get(path) for _ in range(2)]
    refused = client.get(path)
    assert (refused.status_code, refused["Retry-After"], refused.json()) == (
        503,
        "5",
        {"error": BUSY},
    )
    assert client.get("/_qs/usage").status_code == 200
    for answer in read:
        assert b"".join(answer.streaming_content)
    assert client.get(path).status_code == 200


def test_the_admins_exports_count_too(admin_client, two):
    store({"model": "m"})
    read = [admin_client.get(ADMIN_EXPORT) for _ in range(2)]
    refused = admin_client.get(ADMIN_EXPORT)
    assert (refused.status_code, refused["Retry-After"]) == (503, "5")
    assert BUSY[1:] in refused.content.decode()
    for answer in read:
        assert b"".join(answer.streaming_content)
    assert two.taken == 0


def test_an_export_that_cannot_begin_gives_its_place_back(client, monkeypatch, two):
    def broken(_):
        raise ZeroDivisionError
        yield

    monkeypatch.setattr("usage.export.csv_lines", broken)
    with pytest.raises(ZeroDivisionError):
        client.get("/_qs/usage?format=csv")
    assert two.taken == 0
