"""A proxy's management API, over HTTP."""

from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

import msgspec

from qsmetrics.cliproxy_setting import Proxy
from usage.live_keys import without_keys

PATIENCE = 10.0  # seconds for an answer


class KeyRefused(Exception):
    """The management key is wrong. After five tries the proxy bans the address, so it is final."""


class NoQueue(Exception):
    """The proxy does not offer what was asked for in this way; says why."""


def fetched(proxy: Proxy, path: str, most_bytes: int) -> bytes:
    """What it answers below /v0/management; OSError, KeyRefused or NoQueue where it does not."""
    base = urlsplit(proxy.url).path
    kind = HTTPSConnection if proxy.is_encrypted else HTTPConnection
    connection = kind(*proxy.address, timeout=PATIENCE)
    try:
        connection.request(
            "GET",
            f"{base}/v0/management/{path}",
            headers={"Authorization": f"Bearer {proxy.key}"},
        )
        answer = connection.getresponse()
        body = answer.read(most_bytes + 1)
    except HTTPException as error:
        raise ConnectionError(f"not an HTTP answer: {type(error).__name__}") from None
    finally:
        connection.close()
    _refuse(answer.status, body)
    if len(body) > most_bytes:
        raise ConnectionError(f"the proxy's answer has more than {most_bytes // 2**20} MiB")
    return body


def _refuse(status: int, body: bytes) -> None:
    if status in (401, 403):
        raise KeyRefused(_said(body) or f"the proxy answers {status}")
    if status == 404:
        raise NoQueue("the proxy answers 404: its management is off, or it is older than 6.10.8")
    if status != 200:
        raise ConnectionError(f"the proxy answers {status}")


def _said(body: bytes) -> str:
    try:
        return without_keys(str(msgspec.json.decode(body)["error"]))[:200]
    except (msgspec.DecodeError, KeyError, TypeError):
        return ""
