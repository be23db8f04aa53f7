"""The types of settings: what each accepts, and the remedy that it names for all else."""

from pathlib import Path

import pytest

from qsmetrics import setting_types as types
from qsmetrics.setting_types import BindAddress

NUMBER = types.whole_number(1, 64)
CHOICE = types.one_of("FULL", "NORMAL")
ADDRESS = "write address:port, for example 127.0.0.1:8081 or 0.0.0.0:8081."
SOURCES = "write each source once, the one that counts first: litellm,otel."
HOSTS = (
    "write host names without scheme and port, for example portal.example.com,.example.org,"
    "[fd00::1]."
)
NO_NAME = "no host can have that name; write one such as 127.0.0.1."
ZONE = "write an IANA name such as UTC or Europe/Prague."
URL = "write postgres://user:password@host:5432/name"


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (types.boolean, "true", True),
        (types.boolean, "Yes", True),
        (types.boolean, "on", True),
        (types.boolean, "1", True),
        (types.boolean, "FALSE", False),
        (types.boolean, "no", False),
        (types.boolean, "off", False),
        (types.boolean, "0", False),
        (NUMBER, "1", 1),
        (NUMBER, "64", 64),
        (NUMBER, "007", 7),
        (CHOICE, "normal", "NORMAL"),
        (types.bind_address, "127.0.0.1:8081", BindAddress("127.0.0.1", 8081)),
        (types.bind_address, ":8081", BindAddress("", 8081)),
        (types.bind_address, "[::1]:8081", BindAddress("::1", 8081)),
        (types.bind_address, "::1:8081", BindAddress("::1", 8081)),
        (types.bind_address, "localhost:0", BindAddress("localhost", 0)),
        (types.bind_address, "0.0.0.0:65535", BindAddress("0.0.0.0", 65535)),
        (types.time_zone, "Europe/Prague", "Europe/Prague"),
        (types.time_zone, "Asia/Kathmandu", "Asia/Kathmandu"),
        (types.host_names, "", []),
        (types.host_names, " a.example , ,.b.example,", ["a.example", ".b.example"]),
        (types.host_names, "*", ["*"]),
        (types.host_names, "[fd00::1],10.0.0.5", ["[fd00::1]", "10.0.0.5"]),
        (types.source_names, "", []),
        (types.source_names, " litellm, otel ,", ["litellm", "otel"]),
        (types.postgres_url, "", None),
    ],
)
def test_what_a_user_may_write(parse, text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("parse", "text", "remedy"),
    [
        (types.boolean, "", "write true or false."),
        (types.boolean, "2", "write true or false."),
        (types.boolean, "enabled", "write true or false."),
        (NUMBER, "", "write a whole number from 1 to 64."),
        (NUMBER, "0", "write a whole number from 1 to 64."),
        (NUMBER, "65", "write a whole number from 1 to 64."),
        (NUMBER, "-1", "write a whole number from 1 to 64."),
        (NUMBER, "1.5", "write a whole number from 1 to 64."),
        (NUMBER, "1e3", "write a whole number from 1 to 64."),
        (NUMBER, "٣", "write a whole number from 1 to 64."),
        (NUMBER, "0000000000010", "write a whole number from 1 to 64."),
        (NUMBER, "00000000000199", "write a whole number from 1 to 64."),
        (NUMBER, "9" * 5000, "write a whole number from 1 to 64."),
        (CHOICE, "OFF", "write FULL or NORMAL."),
        (CHOICE, "", "write FULL or NORMAL."),
        (types.bind_address, "", ADDRESS),
        (types.bind_address, "8081", ADDRESS),
        (types.bind_address, "127.0.0.1", ADDRESS),
        (types.bind_address, "127.0.0.1:", ADDRESS),
        (types.bind_address, "127.0.0.1:http", ADDRESS),
        (types.bind_address, "127.0.0.1:65536", ADDRESS),
        (types.bind_address, "127.0.0.1:000000080811", ADDRESS),
        (types.bind_address, "127.0.0.1:-1", ADDRESS),
        (types.bind_address, "[::1]", ADDRESS),
        (
            types.bind_address,
            "http://127.0.0.1:8081",
            "write only an address and a port, for example 127.0.0.1:8081.",
        ),
        (
            types.bind_address,
            "two words:8081",
            "write only an address and a port, for example 127.0.0.1:8081.",
        ),
        (types.bind_address, "x" * 70 + ":1", NO_NAME),
        (types.bind_address, "a..b:1", NO_NAME),
        (types.time_zone, "", ZONE),
        (types.time_zone, "Prague", ZONE),
        (types.time_zone, "Europe", ZONE),
        (types.time_zone, "+02:00", ZONE),
        (types.time_zone, "../../etc/passwd", ZONE),
        (types.time_zone, "UTC\0", ZONE),
        (types.host_names, "https://portal.example.com", HOSTS),
        (types.host_names, "portal.example.com:8443", HOSTS),
        (types.host_names, "a.example b.example", HOSTS),
        (types.host_names, "fd00::1", HOSTS),
        (types.host_names, "*.example.com", HOSTS),
        (types.source_names, "otel,litellm,otel", SOURCES),
        (types.source_names, "a" * 65, SOURCES),
        (types.postgres_url, "mysql://user:password@host/name", URL + "."),
        (types.postgres_url, "sqlite:///metrics.db", URL + "."),
        (types.postgres_url, "/data/metrics.db", URL + "."),
        (
            types.postgres_url,
            "postgres://user:password@host",
            "the database's name is missing at the end of the URL.",
        ),
        (
            types.postgres_url,
            "postgres://user:password@host/",
            "the database's name is missing at the end of the URL.",
        ),
    ],
)
def test_anything_else_is_refused_with_what_to_write(parse, text, remedy):
    with pytest.raises(ValueError, match=r".") as refusal:
        parse(text)
    assert str(refusal.value) == remedy


@pytest.mark.parametrize(
    ("text", "is_loopback"),
    [
        ("127.0.0.1:1", True),
        ("127.8.9.10:1", True),
        ("localhost:1", True),
        ("LOCALHOST:1", True),
        ("[::1]:1", True),
        (":1", False),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("192.168.1.5:1", False),
        ("localhost.example.com:1", False),
    ],
)
def test_which_addresses_only_this_machine_can_reach(text, is_loopback):
    assert types.bind_address(text).is_loopback is is_loopback


@pytest.mark.parametrize("text", ["127.0.0.1:8081", "[fd00::1]:8081", ":8081"])
def test_an_address_is_shown_as_it_was_written(text):
    assert str(types.bind_address(text)) == text


def test_a_relative_path_starts_at_the_base_and_not_at_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    assert types.file_path(tmp_path)("./data/metrics.db") == tmp_path / "data" / "metrics.db"


def test_an_absolute_path_stays_and_a_tilde_is_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    parse = types.file_path(Path("/elsewhere"))
    assert parse(str(tmp_path / "žluťoučký kůň.db")) == tmp_path / "žluťoučký kůň.db"
    assert parse("~/metrics.db") == tmp_path / "metrics.db"


def test_paths_that_cannot_be_files_are_refused_with_what_to_write(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    cannot = "that path cannot be followed; write one such as ./data/metrics.db."
    table = {
        "": "write the path of a file, for example ./data/metrics.db.",
        "a\0b": "write the path of a file, for example ./data/metrics.db.",
        ".": "that is a folder; write the path of a file in it.",
        str(tmp_path): "that is a folder; write the path of a file in it.",
        "~nobody-has-this-name/metrics.db": cannot,
        "loop/metrics.db": cannot,
        "x" * 5000: cannot,
    }
    refusals = {}
    for text in table:
        with pytest.raises(ValueError, match=r".") as refusal:
            types.file_path(tmp_path)(text)
        refusals[text] = str(refusal.value)
    assert refusals == table


def test_a_postgres_url_becomes_connection_settings():
    url = "postgresql://us%40er:p%2Fa%23ss@db.example:6543/usage?sslmode=require"
    assert types.postgres_url(url) == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "usage",
        "USER": "us@er",
        "PASSWORD": "p/a#ss",
        "HOST": "db.example",
        "PORT": 6543,
        "OPTIONS": {
            "connect_timeout": 10,
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 60_000,
            "sslmode": "require",
        },
    }


def test_how_long_a_silent_server_is_waited_for_can_be_said_in_the_url():
    url = "postgres://db.example/usage?connect_timeout=3&tcp_user_timeout=0"
    options = types.postgres_url(url)["OPTIONS"]
    assert {name: str(value) for name, value in options.items()} == {
        "connect_timeout": "3",
        "keepalives_idle": "30",
        "keepalives_interval": "10",
        "keepalives_count": "3",
        "tcp_user_timeout": "0",
    }


@pytest.mark.parametrize("password", ["hush/hush", "hush?hush", "1#hush/"])
def test_a_password_that_breaks_the_url_is_not_quoted_in_the_refusal(password):
    with pytest.raises(ValueError, match="special characters in the password as %40") as refusal:
        types.postgres_url(f"postgres://user:{password}@host/name")
    assert "hush" not in str(refusal.value)
