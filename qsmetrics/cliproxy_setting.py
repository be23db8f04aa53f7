"""Which proxies there are: METRICS_CLIPROXY_URL and METRICS_CLIPROXY_KEY."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from qsmetrics.setting_types import comma_separated

_PORTS = {"http": 80, "https": 443}
_NAMED = re.compile(r"([A-Za-z0-9_.-]{1,64})=(.*)")


@dataclass(frozen=True)
class Proxy:
    """Where one proxy's management API is; `url` ends before /v0."""

    name: str
    url: str
    key: str = field(repr=False)

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or _PORTS[parts.scheme]

    @property
    def is_encrypted(self) -> bool:
        return self.url.startswith("https:")


def proxies_of(urls: str, keys: str) -> list[Proxy]:
    """One for each address; keys belong to them in turn, or one key to all.

    ValueError says what to write instead.
    """
    addresses, secrets = comma_separated(urls), comma_separated(keys)
    if not addresses:
        return []
    if not secrets:
        raise ValueError("METRICS_CLIPROXY_KEY is missing: write the proxy's management key.")
    if len(secrets) == 1:
        secrets *= len(addresses)
    if len(secrets) != len(addresses):
        raise ValueError("write one key in METRICS_CLIPROXY_KEY, or one for each address.")
    found = [_proxy(*pair) for pair in zip(addresses, secrets, strict=True)]
    names = [each.name for each in found]
    if len(set(names)) < len(names):
        raise ValueError("give each proxy a name of its own: `one=http://…,two=http://…`.")
    return found


def _proxy(address: str, key: str) -> Proxy:
    named = _NAMED.fullmatch(address)
    name, url = named.groups() if named else ("", address)
    parts = urlsplit(url)
    try:
        is_good = parts.scheme in _PORTS and parts.hostname and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or parts.username or parts.query or parts.fragment:
        raise ValueError("write http://HOST:PORT, with a name before it if there are several.")
    return Proxy(name or parts.netloc, url.rstrip("/"), key)
