"""`usage.identity`: hashes that identify."""

import pytest

from usage.identity import bare_key, event_identity, hash_api_key
from usage.live_keys import begins_as_key


def test_a_key_is_hashed_with_sha256():
    expected = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
    assert hash_api_key("foo") == expected


def test_an_event_keeps_its_identity_across_releases():
    """Stored in databases: a change would double events that are resent after an upgrade."""
    assert event_identity("litellm", "call-1") == 3250680622056801337
    assert event_identity(None, "call-1") == event_identity("", "call-1")


def test_sources_keep_their_ids_apart():
    identities = {event_identity(s, i) for s, i in [("a", "bc"), ("ab", "c"), (None, "abc")]}
    assert len(identities) == 3
    assert all(0 <= identity < 2**63 for identity in identities)


@pytest.mark.parametrize(
    "value",
    [
        "sk-proj-abc",
        "sk-ant-api03-x",
        "SK-upper",
        "Bearer abc",
        "AIzaSyExample",
        "gsk_x",
        "xai-1",
        "eyJhbGciOi",
        "  sk-spaces",
        '"sk-quoted"',
        "Authorization: Bearer abc",
    ],
)
def test_live_keys_are_recognised(value: str):
    assert begins_as_key(value)


@pytest.mark.parametrize(
    "value", ["sk-x", " sk-x\n", "Bearer sk-x", "'sk-x'", "authorization: bearer sk-x"]
)
def test_a_key_is_the_same_however_it_is_wrapped(value: str):
    assert bare_key(value) == "sk-x"


@pytest.mark.parametrize("value", [hash_api_key("sk-1"), "abc", "team-a", "d41d8cd9", "task-7"])
def test_hashes_and_labels_are_no_keys(value: str):
    assert not begins_as_key(value)
