"""Where settings come from, which source wins, and what a bad one says."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from qsmetrics import configuration
from qsmetrics import setting_types as types
from qsmetrics.configuration import Configuration

PROXY_FILE = """\
# The whole configuration of a proxy; only the metrics_ keys are ours.
host: ""
port: 8317
auth-dir: "~/.cli-proxy-api"
api-keys: [sk-one, sk-two]
remote-management: {allow-remote: false, secret-key: ""}
general_settings:
  master_key: os.environ/MASTER_KEY
token: !env SOME_TOKEN
when: 2024-01-15
defaults: &defaults {retries: 3}
other: {<<: *defaults}
usage_statistics_enabled: false
metrics_enabled: yes
metrics_retention_days: 30
metrics_storage_path: ./elsewhere/usage.db
metrics_allowed_hosts:
  - portal.example.com
  - metrics.example.com
metrics_basic_auth_user: 0123
metrics_basic_auth_pass: 1:30
metrics_time_zone:
metrics_threads: ~
secret_key: null
"""


@pytest.fixture
def from_file(tmp_path):
    def read(content, **environment):
        path = tmp_path / "config.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Configuration({"METRICS_CONFIG": str(path), **environment}, {})

    return read


def test_the_command_line_wins_over_the_environment_over_the_file_over_the_default(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("metrics_threads: 2\nmetrics_workers: 2\nmetrics_retention_days: 2\n")
    environment = {"METRICS_THREADS": "3", "METRICS_WORKERS": "3"}
    command_line = {"METRICS_CONFIG": str(path), "METRICS_THREADS": "4"}
    merged = Configuration(environment, command_line)
    names = ["METRICS_THREADS", "METRICS_WORKERS", "METRICS_RETENTION_DAYS", "METRICS_TIME_ZONE"]
    assert [merged.get(name, str) for name in names] == ["4", "3", "2", "UTC"]


def test_the_command_line_names_the_file_over_the_environment(tmp_path):
    (tmp_path / "a.yaml").write_text("metrics_threads: 1\n")
    (tmp_path / "b.yaml").write_text("metrics_threads: 2\n")
    merged = Configuration(
        {"METRICS_CONFIG": str(tmp_path / "a.yaml")}, {"METRICS_CONFIG": str(tmp_path / "b.yaml")}
    )
    assert merged.get("METRICS_THREADS", str) == "2"


def test_a_proxys_whole_file_may_be_given_and_values_stay_the_text_that_they_are(from_file):
    merged = from_file(PROXY_FILE)
    assert {setting.name: merged.get(setting.name, str) for setting in configuration.SETTINGS} == {
        "METRICS_CONFIG": merged.get("METRICS_CONFIG", str),
        "METRICS_ENABLED": "yes",
        "USAGE_STATISTICS_ENABLED": "false",
        "METRICS_STORAGE_PATH": "./elsewhere/usage.db",
        "DATABASE_URL": "",
        "METRICS_BIND_ADDRESS": "127.0.0.1:8081",
        "METRICS_BASIC_AUTH_USER": "0123",
        "METRICS_BASIC_AUTH_PASS": "1:30",
        "METRICS_ALLOWED_HOSTS": "portal.example.com,metrics.example.com",
        "METRICS_TRUSTED_PROXIES": "",
        "METRICS_HTTPS": "auto",
        "METRICS_RETENTION_DAYS": "30",
        "METRICS_TIME_ZONE": "UTC",
        "METRICS_MAX_BODY_MB": "32",
        "METRICS_SQLITE_SYNCHRONOUS": "FULL",
        "METRICS_CLIPROXY_URL": "",
        "METRICS_CLIPROXY_KEY": "",
        "METRICS_SOURCE_PRIORITY": "",
        "METRICS_MAX_NAMES": "10000",
        "METRICS_MAX_NEW_NAMES": "1000",
        "METRICS_HASH_USERS": "false",
        "METRICS_THREADS": "8",
        "METRICS_WORKERS": "2",
        "METRICS_DEBUG": "false",
        "SECRET_KEY": "",
    }


@pytest.mark.parametrize("content", ["", "# nothing\n", "---\n", "null\n", "{}\n", "\ufeff"])
def test_an_empty_file_sets_nothing(from_file, content):
    assert from_file(content).get("METRICS_THREADS", str) == "8"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("a: [1, 2", "this is not valid YAML (line 1: expected ',' or ']'"),
        ("a: 1\n\tb: 2\n", "this is not valid YAML (line 2: found character '\\t'"),
        ("a: 1\n---\nb: 2\n", "this is not valid YAML (line 2: but found another document)"),
        ("a: *nowhere\n", "this is not valid YAML (line 1: found undefined alias 'nowhere')"),
        (b"metrics_threads: \xff\xfe\n", "this is not valid YAML (it is not UTF-8 text)"),
        ("a: \x00\n", "this is not valid YAML ("),
        ("- a\n- list\n", "it must hold `key: value` lines; see README, Settings."),
        ("only words\n", "it must hold `key: value` lines; see README, Settings."),
    ],
)
def test_a_file_that_is_no_settings_file_stops_the_start(from_file, tmp_path, content, fault):
    with pytest.raises(ImproperlyConfigured) as refusal:
        from_file(content)
    assert str(refusal.value).startswith(f"METRICS_CONFIG is '{tmp_path / 'config.yaml'}': {fault}")


@pytest.mark.parametrize(
    ("content", "kind"),
    [("{a: 1}", "mapping"), ("[1, [2]]", "list"), ("[{a: 1}]", "list")],
)
def test_a_setting_of_many_values_stops_the_start(from_file, tmp_path, content, kind):
    with pytest.raises(ImproperlyConfigured) as refusal:
        from_file(f"metrics_basic_auth_pass: {content}\n")
    assert str(refusal.value) == (
        f"metrics_basic_auth_pass in {tmp_path / 'config.yaml'} must be a single value, "
        f"not a {kind}: write `metrics_basic_auth_pass: …`."
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.yaml", "No such file or directory"),
        (".", "Is a directory"),
        ("a-file/config.yaml", "Not a directory"),
    ],
)
def test_a_file_that_was_named_must_be_readable(tmp_path, name, reason):
    (tmp_path / "a-file").touch()
    path = tmp_path / name
    with pytest.raises(ImproperlyConfigured) as refusal:
        Configuration({"METRICS_CONFIG": str(path)}, {})
    assert str(refusal.value) == (
        f"METRICS_CONFIG is {str(path)!r}: {reason}; give a readable YAML file."
    )


@pytest.mark.parametrize("text", ["", " ", "\t\n"])
def test_an_empty_environment_variable_is_not_set(from_file, text):
    assert (
        from_file("metrics_threads: 3\n", METRICS_THREADS=text).get("METRICS_THREADS", str) == "3"
    )


def test_an_empty_option_empties_what_the_environment_set():
    merged = Configuration({"METRICS_ALLOWED_HOSTS": "a"}, {"METRICS_ALLOWED_HOSTS": ""})
    assert merged.get("METRICS_ALLOWED_HOSTS", types.host_names) == []


@pytest.mark.parametrize("password", ["$HOME", "$$", "\\$x", "ž%(x)s{y}", "a b", "#1"])
def test_a_password_is_taken_as_it_is(password):
    merged = Configuration({"METRICS_BASIC_AUTH_PASS": password}, {})
    assert merged.get("METRICS_BASIC_AUTH_PASS", str) == password


@pytest.mark.parametrize(
    ("arguments", "taken"),
    [
        (["--bind-address", "0.0.0.0:1"], {"METRICS_BIND_ADDRESS": "0.0.0.0:1"}),
        (["--bind-address=0.0.0.0:1", "--demo"], {"METRICS_BIND_ADDRESS": "0.0.0.0:1"}),
        (["--usage-statistics-enabled", "no"], {"USAGE_STATISTICS_ENABLED": "no"}),
        (["--bind", "0.0.0.0:1"], {}),
        (["--bind-address"], {}),
        (["--older-than", "90d", "--dry-run"], {}),
        (["--basic-auth-pass", "hush", "--secret-key", "hush", "--database-url", "hush"], {}),
    ],
)
def test_which_arguments_are_settings(monkeypatch, arguments, taken):
    monkeypatch.setattr(configuration, "_command_line", {})
    configuration.take_command_line(arguments)
    assert configuration._command_line == taken


def test_a_bad_value_is_named_with_its_remedy():
    with pytest.raises(ImproperlyConfigured) as refusal:
        Configuration({"METRICS_THREADS": "many"}, {}).get(
            "METRICS_THREADS", types.whole_number(1, 256)
        )
    assert str(refusal.value) == "METRICS_THREADS is 'many': write a whole number from 1 to 256."
