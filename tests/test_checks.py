"""System checks: what works, but is a risk, and what to do about it."""

import pytest
from django.core import checks

from qsmetrics.setting_types import bind_address

GOOD_PASSWORD = "correct horse battery"
GOOD_KEY = "0123456789abcdef" * 4


def found(settings, **changes):
    for name, value in {"DEBUG": False, "SECRET_KEY": GOOD_KEY, **changes}.items():
        setattr(settings, name, value)
    messages = checks.run_checks(tags=[checks.Tags.security])
    return {message.id: message.level for message in messages}


def test_good_settings_pass(settings):
    assert found(settings, METRICS_BASIC_AUTH_PASS=GOOD_PASSWORD) == {}
    assert found(settings, METRICS_BASIC_AUTH_PASS="") == {}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:8081", {"usage.W001": checks.WARNING}),
        ("0.0.0.0:8081", {"usage.E001": checks.ERROR}),
    ],
)
def test_debug_mode_is_a_risk_and_beyond_loopback_an_error(settings, address, expected):
    assert found(settings, DEBUG=True, METRICS_BIND_ADDRESS=bind_address(address)) == expected


@pytest.mark.parametrize(
    "password", ["hush", "elevenchars", "aaaaaaaaaaaaaaaa", "abababababababab"]
)
def test_a_password_that_is_easy_to_guess_is_named(settings, password):
    assert found(settings, METRICS_BASIC_AUTH_PASS=password) == {"usage.W002": checks.WARNING}


@pytest.mark.parametrize("key", ["short", "x" * 64])
def test_a_key_that_is_easy_to_guess_is_named(settings, key):
    assert found(settings, SECRET_KEY=key) == {"usage.W003": checks.WARNING}


def test_no_message_shows_a_secret(settings):
    settings.SECRET_KEY = settings.METRICS_BASIC_AUTH_PASS = "hush"
    messages = checks.run_checks(tags=[checks.Tags.security])
    assert len(messages) == 2
    assert "hush" not in repr(messages)
    assert all(message.hint for message in messages)
