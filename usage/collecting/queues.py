"""The ways to a proxy's usage queue: pushed to a subscriber, or fetched from time to time."""

import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from qsmetrics.cliproxy_setting import Proxy
from usage.collecting.resp import RespConnection, RespError
from usage.live_keys import without_keys

AT_ONCE = 500  # records in a batch
_PATIENCE = 10.0  # seconds for an answer
PAUSE = 0.5  # seconds between two looks at an empty queue
_records = msgspec.json.Decoder(list[msgspec.Raw])


class KeyRefused(Exception):
    """The management key is wrong. After five tries the proxy bans the address, so it is final."""


class NoQueue(Exception):
    """The proxy does not offer its queue in this way; says why."""


class Queue(Protocol):
    """`way` is how it is reached: subscribe, http or lpop."""

    way: str

    def next_batch(self) -> list[bytes]:
        """Payloads, after a pause when there are none. What is returned exists only here now."""
        ...

    def close(self) -> None: ...


def open_queue(proxy: Proxy) -> Queue:
    """The best way that the proxy offers. OSError when it cannot be reached, KeyRefused."""
    reasons = []
    for way in (_Subscription, _HttpQueue, _PoppedQueue):
        try:
            return way(proxy)
        except NoQueue as reason:
            reasons.append(f"{way.way}: {reason}")
    raise NoQueue("; ".join(reasons))


class _Subscription:
    """The proxy sends each record at once, and then keeps none for others."""

    way = "subscribe"

    def __init__(self, proxy: Proxy) -> None:
        self._connection = _authenticated(proxy)
        try:
            self._connection.ask("SUBSCRIBE", "usage")
        except RespError as error:
            self.close()
            raise NoQueue(str(error)) from None
        self._connection.set_timeout(PAUSE)

    def next_batch(self) -> list[bytes]:
        batch: list[bytes] = []
        try:
            for reply in self._connection.read_all(AT_ONCE):
                match reply:
                    case [b"message", _, bytes(payload)]:
                        batch.append(payload)
        except TimeoutError:
            pass
        return batch

    def close(self) -> None:
        self._connection.close()


class _HttpQueue:
    """The management API, which works through proxies of HTTP too."""

    way = "http"

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._waiting = self._fetch()  # what the first look brought

    def next_batch(self) -> list[bytes]:
        batch, self._waiting = self._waiting or self._fetch(), []
        if not batch:
            time.sleep(PAUSE)
        return batch

    def close(self) -> None:
        pass  # each look is a connection of its own

    def _fetch(self) -> list[bytes]:
        parts = urlsplit(self._proxy.url)
        kind = HTTPSConnection if self._proxy.is_encrypted else HTTPConnection
        connection = kind(*self._proxy.address, timeout=_PATIENCE)
        try:
            connection.request(
                "GET",
                f"{parts.path}/v0/management/usage-queue?count={AT_ONCE}",
                headers={"Authorization": f"Bearer {self._proxy.key}"},
            )
            answer = connection.getresponse()
            return _payloads(answer.status, answer.read())
        except HTTPException as error:
            raise ConnectionError(f"not an HTTP answer: {type(error).__name__}") from None
        finally:
            connection.close()


class _PoppedQueue:
    """Redis's LPOP, for versions without the other two."""

    way = "lpop"

    def __init__(self, proxy: Proxy) -> None:
        self._connection = _authenticated(proxy)
        try:
            self._waiting = self._pop()
        except RespError as error:
            self.close()
            raise NoQueue(str(error)) from None

    def next_batch(self) -> list[bytes]:
        batch, self._waiting = self._waiting or self._pop(), []
        if not batch:
            time.sleep(PAUSE)
        return batch

    def close(self) -> None:
        self._connection.close()

    def _pop(self) -> list[bytes]:
        found = self._connection.ask("LPOP", "usage", AT_ONCE)
        return [each for each in found or [] if isinstance(each, bytes)]


def _payloads(status: int, body: bytes) -> list[bytes]:
    if status in (401, 403):
        raise KeyRefused(_said(body) or f"the proxy answers {status}")
    if status == 404:
        raise NoQueue("the proxy answers 404: its management is off, or it is older than 6.10.8")
    if status != 200:
        raise ConnectionError(f"the proxy answers {status}")
    try:
        return [bytes(each) for each in _records.decode(body)]
    except (msgspec.DecodeError, RecursionError):
        raise ConnectionError("the proxy's answer is not a list of records") from None


def _said(body: bytes) -> str:
    try:
        return without_keys(str(msgspec.json.decode(body)["error"]))[:200]
    except (msgspec.DecodeError, KeyError, TypeError):
        return ""


def _authenticated(proxy: Proxy) -> RespConnection:
    connection = RespConnection(proxy.address, encrypted=proxy.is_encrypted, timeout=_PATIENCE)
    try:
        connection.ask("AUTH", proxy.key)
        return connection
    except RespError as error:
        connection.close()
        if any(word in str(error) for word in ("invalid management key", "IP banned")):
            raise KeyRefused(without_keys(str(error))[:200]) from None
        raise NoQueue(without_keys(str(error))[:200]) from None
    except (ConnectionError, TimeoutError) as error:  # something that speaks HTTP alone
        connection.close()
        raise NoQueue(str(error)) from None
