"""The types of settings: each turns text into a value or raises ValueError with the remedy."""

import ipaddress
import re
import socket
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import environ

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}
_MOST_DIGITS = 12
_HOST_NAME = re.compile(r"\*|\.?[\w-]+(\.[\w-]+)*\.?|\[[0-9a-fA-F:.]+\]")


@dataclass(frozen=True)
class BindAddress:
    """Where the portal listens. An empty host means every interface."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        if self.host.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def url_host(self) -> str:
        """The host as URLs and Host headers write it: IPv6 in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host

    def __str__(self) -> str:
        return f"{self.url_host}:{self.port}"


def own_addresses() -> list[str]:
    """This machine's addresses as Host headers write them: probes ask for a pod by its IP."""
    try:
        found = socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        return []
    addresses = {str(info[4][0]) for info in found}
    return [BindAddress(address, 0).url_host for address in sorted(addresses)]


def boolean(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError("write true or false.")


def true_false_or_auto(text: str) -> bool | None:
    """None for auto."""
    try:
        return None if text.lower() == "auto" else boolean(text)
    except ValueError:
        raise ValueError("write true, false or auto.") from None


def whole_number(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        is_number = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
        if not is_number or not least <= int(text) <= most:
            raise ValueError(f"write a whole number from {least} to {most}.")
        return int(text)

    return parse


def one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.upper() not in choices:
            raise ValueError(f"write {' or '.join(choices)}.")
        return text.upper()

    return parse


def bind_address(text: str) -> BindAddress:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    is_port = port.isascii() and port.isdigit() and len(port) <= _MOST_DIGITS
    if not colon or not is_port or int(port) > 65535:
        raise ValueError("write address:port, for example 127.0.0.1:8081 or 0.0.0.0:8081.")
    if any(character.isspace() or character == "/" for character in host):
        raise ValueError("write only an address and a port, for example 127.0.0.1:8081.")
    try:
        host.encode("idna")
    except UnicodeError:
        raise ValueError("no host can have that name; write one such as 127.0.0.1.") from None
    return BindAddress(host, int(port))


def time_zone(text: str) -> str:
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("write an IANA name such as UTC or Europe/Prague.") from None
    return text


def comma_separated(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def host_names(text: str) -> list[str]:
    """Comma-separated names as browsers send them, without the port; `*` is any."""
    names = comma_separated(text)
    for name in names:
        if not _HOST_NAME.fullmatch(name):
            raise ValueError(
                "write host names without scheme and port, for example "
                "portal.example.com,.example.org,[fd00::1]."
            )
    return names


def source_names(text: str) -> list[str]:
    """Comma-separated names as rows have them in `source`, each once."""
    names = comma_separated(text)
    if len(set(names)) < len(names) or any(len(name) > 64 for name in names):
        raise ValueError("write each source once, the one that counts first: litellm,otel.")
    return names


def path_as_given(base: Path) -> Callable[[str], Path]:
    """Absolute, with its links as they are: they may lead elsewhere one day."""
    return lambda text: base / Path(text).expanduser()


def file_path(base: Path) -> Callable[[str], Path]:
    """Relative paths start at the project's folder, so that cron and a shell agree."""

    def parse(text: str) -> Path:
        if not text or "\0" in text:
            raise ValueError("write the path of a file, for example ./data/metrics.db.")
        try:
            path = path_as_given(base)(text).resolve()
            is_folder = path.is_dir()
        except (OSError, RuntimeError):  # a name too long, a loop of links, ~nobody
            raise ValueError(
                "that path cannot be followed; write one such as ./data/metrics.db."
            ) from None
        if is_folder:
            raise ValueError("that is a folder; write the path of a file in it.")
        return path

    return parse


# Of libpq, which waits for minutes or for ever otherwise; in the URL each can be set otherwise.
_NOTICE_SILENCE = {
    "connect_timeout": 10,  # seconds, for each address of the server
    "keepalives_idle": 30,  # seconds; a server that is gone is noticed a minute after it spoke last
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds until what was sent must have arrived
}


def postgres_url(text: str) -> dict[str, Any] | None:
    """Django's connection settings for a PostgreSQL URL; None when no URL is given."""
    if not text:
        return None
    if not text.startswith(("postgres://", "postgresql://")):
        raise ValueError("write postgres://user:password@host:5432/name.")
    try:
        connection = dict(environ.Env.db_url_config(text))
    except ValueError:  # its own message quotes a part of the password
        raise ValueError(
            "write postgres://user:password@host:5432/name, and special characters in the "
            "password as %40 for @, %2F for /, %23 for # and %3F for ?."
        ) from None
    if not connection.get("NAME"):
        raise ValueError("the database's name is missing at the end of the URL.")
    connection["OPTIONS"] = {**_NOTICE_SILENCE, **connection.get("OPTIONS", {})}
    return connection
