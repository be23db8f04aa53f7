"""Where settings come from: command line over environment over config.yaml over default."""

import argparse
import os
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

T = TypeVar("T")
_command_line: dict[str, str] = {}


@dataclass(frozen=True)
class Setting:
    """One setting: its environment name, what it is when nobody sets it, one line of help."""

    name: str
    default: str
    help: str
    secret: bool = False

    @property
    def key(self) -> str:
        """Its name in config.yaml."""
        return self.name.lower()

    @property
    def option(self) -> str:
        """Its name on the command line: METRICS_BIND_ADDRESS is --bind-address."""
        return "--" + self.key.removeprefix("metrics_").replace("_", "-")


SETTINGS = (
    Setting("METRICS_CONFIG", "config.yaml", "The YAML file to read settings from."),
    Setting("METRICS_ENABLED", "true", "Accept usage; false answers 503 on ingest."),
    Setting(
        "USAGE_STATISTICS_ENABLED", "true", "The proxy's own name for the switch; false disables."
    ),
    Setting("METRICS_STORAGE_PATH", "./data/metrics.db", "The SQLite file."),
    Setting(
        "DATABASE_URL",
        "",
        "PostgreSQL instead of the file: postgres://user:pass@host/name.",
        secret=True,
    ),
    Setting("METRICS_BIND_ADDRESS", "127.0.0.1:8081", "Address and port to serve on."),
    Setting("METRICS_BASIC_AUTH_USER", "", "User for reading; needs METRICS_BASIC_AUTH_PASS."),
    Setting(
        "METRICS_BASIC_AUTH_PASS",
        "",
        "Password for reading; needs METRICS_BASIC_AUTH_USER.",
        secret=True,
    ),
    Setting(
        "METRICS_ALLOWED_HOSTS",
        "",
        "Host names the portal answers to, comma-separated; loopback and this machine always.",
    ),
    Setting(
        "METRICS_TRUSTED_PROXIES",
        "",
        "Reverse proxies whose X-Forwarded-For and -Proto count: 127.0.0.1,10.0.0.0/8.",
    ),
    Setting(
        "METRICS_HTTPS",
        "auto",
        "People come over HTTPS alone: true, false, or auto, which is true behind trusted proxies.",
    ),
    Setting("METRICS_RETENTION_DAYS", "90", "What `purge` keeps, in days; 0 keeps everything."),
    Setting("METRICS_TIME_ZONE", "UTC", "IANA zone that the dashboard and admin show times in."),
    Setting("METRICS_MAX_BODY_MB", "32", "Largest request body in MiB, after decompression."),
    Setting(
        "METRICS_SQLITE_SYNCHRONOUS",
        "FULL",
        "FULL survives a power cut; NORMAL, faster, survives a killed process.",
    ),
    Setting(
        "METRICS_CLIPROXY_URL",
        "",
        "CLIProxyAPI to collect usage from: http://HOST:8317, or NAME=URL,NAME=URL.",
    ),
    Setting(
        "METRICS_CLIPROXY_KEY",
        "",
        "Its management key; several in the order of the addresses, or one for all.",
        secret=True,
    ),
    Setting(
        "METRICS_SOURCE_PRIORITY",
        "",
        "Count a call that two sources report once, from the first of these: litellm,otel.",
    ),
    Setting(
        "METRICS_MAX_NAMES",
        "10000",
        "Most models, keys, … that figures tell apart, of each kind; others count as (other).",
    ),
    Setting("METRICS_MAX_NEW_NAMES", "1000", "Most of them that may be new on one UTC day."),
    Setting(
        "METRICS_HASH_USERS",
        "false",
        "Keep pseudonyms in the place of users and e-mail addresses of whatever comes in.",
    ),
    Setting("METRICS_THREADS", "8", "Request threads in each worker process."),
    Setting("METRICS_WORKERS", "2", "Worker processes on PostgreSQL; SQLite always has one."),
    Setting("METRICS_DEBUG", "false", "Django's debug mode, for developing qsmetrics itself."),
    Setting(
        "SECRET_KEY",
        "",
        "Signs sessions; made once and kept beside the database when not given.",
        secret=True,
    ),
)
_BY_NAME = {setting.name: setting for setting in SETTINGS}
_YAML_NULLS = ("", "~", "null", "Null", "NULL")


def command_line_settings() -> list[Setting]:
    """Settings that are options too; secrets are not, since `ps` shows a command line."""
    return [setting for setting in SETTINGS if not setting.secret]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare one option for each setting, for parsing and for `--help`."""
    group = parser.add_argument_group("settings (over environment and config.yaml)")
    for setting in command_line_settings():
        group.add_argument(setting.option, dest=setting.name, metavar="VALUE", help=setting.help)


def take_command_line(arguments: Sequence[str]) -> None:
    """Note the settings among a command's arguments; call it before Django's settings load."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    add_arguments(parser)
    try:
        known, _ = parser.parse_known_args(arguments)
    except argparse.ArgumentError:
        return  # the command's own parser reports it
    _command_line.update({name: value for name, value in vars(known).items() if value is not None})


class Configuration:
    """The merged sources. `get` returns one value, or stops the start with a clear message."""

    def __init__(self, environment: Mapping[str, str], command_line: Mapping[str, str]) -> None:
        given = {name: value for name, value in environment.items() if value.strip()}
        layers = ChainMap(dict(command_line), given)
        from_file = _read_yaml(layers.get("METRICS_CONFIG"))
        # Not environ.Env: it reads a password that begins with "$" as another variable's name.
        self._values = ChainMap(dict(command_line), given, from_file)

    def get(self, name: str, parse: Callable[[str], T]) -> T:
        """The value of setting `name`; ImproperlyConfigured names it and says what to write."""
        setting = _BY_NAME[name]
        text = self._values.get(name, setting.default).strip()
        try:
            return parse(text)
        except ValueError as error:
            shown = "(hidden)" if setting.secret else repr(text)
            raise ImproperlyConfigured(f"{name} is {shown}: {error}") from None


def load() -> Configuration:
    return Configuration(os.environ, _command_line)


def _read_yaml(given: str | None) -> dict[str, str]:
    """Our keys of the YAML file; a proxy's whole configuration may stand round them."""
    path = BASE_DIR / (given or _BY_NAME["METRICS_CONFIG"].default)
    if given is None and not path.exists():
        return {}
    try:
        # Every value stays the text that it is: the password 0123 is no octal number, and a
        # proxy's own tags such as `!env` are passed over. The base loader makes no objects.
        content = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506
    except OSError as error:
        raise ImproperlyConfigured(
            f"METRICS_CONFIG is {str(path)!r}: {error.strerror}; give a readable YAML file."
        ) from None
    except (yaml.YAMLError, ValueError) as error:
        raise ImproperlyConfigured(
            f"METRICS_CONFIG is {str(path)!r}: this is not valid YAML ({_reason(error)}); mend it."
        ) from None
    if content is None or content in _YAML_NULLS:
        return {}
    if not isinstance(content, dict):
        raise ImproperlyConfigured(
            f"METRICS_CONFIG is {str(path)!r}: it must hold `key: value` lines; see README, "
            "Settings."
        )
    values = {
        setting.name: _scalar(path, setting, content[setting.key])
        for setting in SETTINGS
        if setting.key in content
    }
    return {name: text for name, text in values.items() if text.strip() not in _YAML_NULLS}


def _reason(error: Exception) -> str:
    """What the reader found and where, without the text around it, which may be secret."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "it is not UTF-8 text"
    return f"line {mark.line + 1}: {problem}" if mark else problem


def _scalar(path: Path, setting: Setting, value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    if isinstance(value, str):
        return value
    kind = "list" if isinstance(value, list) else "mapping"
    raise ImproperlyConfigured(
        f"{setting.key} in {path} must be a single value, not a {kind}: write `{setting.key}: …`."
    )
