"""Exports and dear questions hold all threads but two; beyond it: 503, come again."""

import gc

import pytest

from tests.factory import store
from usage import long_requests
from usage.long_requests import NoPlaceFree, Places, places

pytestmark = pytest.mark.django_db
BUSY = "as many exports and large questions as may be are being answered: try again shortly"
ADMIN_EXPORT = "/admin/usage/usagemetric/export/"


@pytest.fixture(name="two")
def _two_places(monkeypatch):
    two = Places(2)
    monkeypatch.setattr("usage.export.places", two)
    return two


def taken(of: Places) -> int:
    return of._taken


def test_a_place_can_be_had_again_once_it_is_given_back():
    some = Places(2)
    first = some.take()
    with some.hold(), pytest.raises(NoPlaceFree):
        some.take()
    first.give_back()
    first.give_back()
    assert taken(some) == 0
    with pytest.raises(ZeroDivisionError), some.hold():
        raise ZeroDivisionError
    assert taken(some) == 0


def test_a_place_of_an_answer_that_nobody_sent_is_found_again():
    some = Places(1)
    place = some.take()
    del place
    gc.collect()
    assert taken(some) == 0


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
    assert client.get("/_qs/health").status_code == 200
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
    assert taken(two) == 0


def test_an_export_that_cannot_begin_gives_its_place_back(client, monkeypatch, two):
    def broken(_):
        raise ZeroDivisionError
        yield

    monkeypatch.setattr("usage.export.csv_lines", broken)
    with pytest.raises(ZeroDivisionError):
        client.get("/_qs/usage?format=csv")
    assert taken(two) == 0
