"""The types of settings: each turns text into a value or raises ValueError with the remedy."""

import ipaddress
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import environ

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


@dataclass(frozen=True)
class BindAddress:
    """Where the portal listens. An empty host means every interface."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def boolean(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError("write true or false.")


def whole_number(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not least <= int(text[:12]) <= most:
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
    if not colon or not port.isascii() or not port.isdigit() or int(port[:6]) > 65535:
        raise ValueError("write address:port, for example 127.0.0.1:8081 or 0.0.0.0:8081.")
    if any(character.isspace() or character == "/" for character in host):
        raise ValueError("write only an address and a port, for example 127.0.0.1:8081.")
    return BindAddress(host, int(port))


def time_zone(text: str) -> str:
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("write an IANA name such as UTC or Europe/Prague.") from None
    return text


def comma_separated(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def file_path(base: Path) -> Callable[[str], Path]:
    """Relative paths start at the project's folder, so that cron and a shell agree."""

    def parse(text: str) -> Path:
        if not text or "\0" in text:
            raise ValueError("write the path of a file, for example ./data/metrics.db.")
        path = (base / Path(text).expanduser()).resolve()
        if path.is_dir():
            raise ValueError("that is a folder; write the path of a file in it.")
        return path

    return parse


def postgres_url(text: str) -> dict[str, Any] | None:
    """Django's connection settings for a PostgreSQL URL; None when no URL is given."""
    if not text:
        return None
    if not text.startswith(("postgres://", "postgresql://")):
        raise ValueError("write postgres://user:password@host:5432/name.")
    connection = dict(environ.Env.db_url_config(text))
    if not connection.get("NAME"):
        raise ValueError("the database's name is missing at the end of the URL.")
    return connection
