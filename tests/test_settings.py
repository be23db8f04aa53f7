"""Django's settings as they load from an environment: what a bad value says, who wins."""

import runpy

import pytest
from django.core.exceptions import ImproperlyConfigured

import qsmetrics.settings


@pytest.fixture
def load_settings(monkeypatch, tmp_path):
    """Django's settings module as it would load with these environment variables."""

    def load(**environment):
        monkeypatch.delenv("DATABASE_URL", raising=False)
        monkeypatch.setenv("METRICS_STORAGE_PATH", str(tmp_path / "metrics.db"))
        for name, text in environment.items():
            monkeypatch.setenv(name, text)
        return runpy.run_path(qsmetrics.settings.__file__)

    return load


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"METRICS_ENABLED": "maybe"}, "METRICS_ENABLED is 'maybe': write true or false."),
        (
            {"USAGE_STATISTICS_ENABLED": "2"},
            "USAGE_STATISTICS_ENABLED is '2': write true or false.",
        ),
        ({"METRICS_DEBUG": "x"}, "METRICS_DEBUG is 'x': write true or false."),
        (
            {"METRICS_STORAGE_PATH": "/"},
            "METRICS_STORAGE_PATH is '/': that is a folder; write the path of a file in it.",
        ),
        (
            {"METRICS_BIND_ADDRESS": "8081"},
            (
                "METRICS_BIND_ADDRESS is '8081': write address:port, for example 127.0.0.1:8081 or "
                "0.0.0.0:8081."
            ),
        ),
        (
            {"METRICS_RETENTION_DAYS": "90d"},
            "METRICS_RETENTION_DAYS is '90d': write a whole number from 0 to 36500.",
        ),
        (
            {"METRICS_MAX_BODY_MB": "0"},
            "METRICS_MAX_BODY_MB is '0': write a whole number from 1 to 1024.",
        ),
        (
            {"METRICS_WORKERS": "65"},
            "METRICS_WORKERS is '65': write a whole number from 1 to 64.",
        ),
        (
            {"METRICS_TIME_ZONE": "Mars/Olympus"},
            "METRICS_TIME_ZONE is 'Mars/Olympus': write an IANA name such as UTC or Europe/Prague.",
        ),
        (
            {"METRICS_SQLITE_SYNCHRONOUS": "off"},
            "METRICS_SQLITE_SYNCHRONOUS is 'off': write FULL or NORMAL.",
        ),
        (
            {"METRICS_ALLOWED_HOSTS": "http://x"},
            (
                "METRICS_ALLOWED_HOSTS is 'http://x': write host names without scheme and port, "
                "for example portal.example.com,.example.org,[fd00::1]."
            ),
        ),
        (
            {"DATABASE_URL": "mysql://root:hush@host/name"},
            "DATABASE_URL is (hidden): write postgres://user:password@host:5432/name.",
        ),
        (
            {"METRICS_BASIC_AUTH_USER": "alice"},
            (
                "METRICS_BASIC_AUTH_PASS is not set but its other half is: set both "
                "METRICS_BASIC_AUTH_USER and METRICS_BASIC_AUTH_PASS, or neither."
            ),
        ),
        (
            {"METRICS_BASIC_AUTH_PASS": "hush"},
            (
                "METRICS_BASIC_AUTH_USER is not set but its other half is: set both "
                "METRICS_BASIC_AUTH_USER and METRICS_BASIC_AUTH_PASS, or neither."
            ),
        ),
        (
            {"METRICS_BASIC_AUTH_USER": "al:ice", "METRICS_BASIC_AUTH_PASS": "hush"},
            (
                "METRICS_BASIC_AUTH_USER holds a colon, which Basic authentication cannot carry: "
                "choose a name without one."
            ),
        ),
    ],
)
def test_a_bad_setting_stops_the_start_with_name_value_and_remedy(
    load_settings, environment, message
):
    with pytest.raises(ImproperlyConfigured) as refusal:
        load_settings(**environment)
    assert str(refusal.value) == message


def test_the_database_url_wins_over_the_path_and_makes_no_folder(load_settings, tmp_path):
    loaded = load_settings(
        DATABASE_URL="postgres://alice:hush@db.example/usage",
        METRICS_STORAGE_PATH=str(tmp_path / "never" / "metrics.db"),
    )
    assert loaded["DATABASES"]["default"] == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "usage",
        "USER": "alice",
        "PASSWORD": "hush",
        "HOST": "db.example",
        "PORT": "",
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 10,
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 60_000,
        },
    }
    assert not (tmp_path / "never").exists()


def test_sqlite_keeps_acknowledged_rows_through_a_power_cut_unless_told_otherwise(load_settings):
    commands = [
        load_settings(METRICS_SQLITE_SYNCHRONOUS=text)["DATABASES"]["default"]["OPTIONS"]
        for text in ("", "normal")
    ]
    assert ["synchronous=FULL" in commands[0]["init_command"]] == [True]
    assert ["synchronous=NORMAL" in commands[1]["init_command"]] == [True]


@pytest.mark.parametrize(
    ("enabled", "statistics", "expected"),
    [("", "", True), ("false", "", False), ("", "false", False), ("false", "true", False)],
)
def test_either_switch_turns_statistics_off(load_settings, enabled, statistics, expected):
    loaded = load_settings(METRICS_ENABLED=enabled, USAGE_STATISTICS_ENABLED=statistics)
    assert loaded["USAGE_STATISTICS_ENABLED"] is expected


@pytest.mark.parametrize(
    ("environment", "added"),
    [
        ({"METRICS_BIND_ADDRESS": "0.0.0.0:1"}, set()),
        ({"METRICS_BIND_ADDRESS": "[::]:1"}, set()),
        ({"METRICS_BIND_ADDRESS": "10.0.0.5:1"}, {"10.0.0.5"}),
        ({"METRICS_BIND_ADDRESS": "[fd00::1]:1"}, {"[fd00::1]"}),
        ({"METRICS_ALLOWED_HOSTS": ".example.com"}, {".example.com"}),
    ],
)
def test_which_host_names_the_portal_answers_to(load_settings, environment, added):
    usual = set(load_settings()["ALLOWED_HOSTS"])
    assert {"localhost", "127.0.0.1", "[::1]"} <= usual
    assert set(load_settings(**environment)["ALLOWED_HOSTS"]) - usual == added
