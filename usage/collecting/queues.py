"""The ways to a proxy's usage queue: pushed to a subscriber, or fetched from time to time."""

import time
from typing import Protocol

import msgspec

from qsmetrics.cliproxy_setting import Proxy
from usage.collecting import management
from usage.collecting.management import PATIENCE, KeyRefused, NoQueue
from usage.collecting.resp import RespConnection, RespError
from usage.intake import nearly_json
from usage.live_keys import without_keys

AT_ONCE = 500  # records in a batch
_MOST_BYTES = 256 * 2**20
PAUSE = 0.5  # seconds between two looks at an empty queue
_records = msgspec.json.Decoder(list[msgspec.Raw])


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
        body = management.fetched(self._proxy, f"usage-queue?count={AT_ONCE}", _MOST_BYTES)
        try:
            return [bytes(each) for each in nearly_json.decoded(_records, body)]
        except (msgspec.DecodeError, RecursionError):
            raise ConnectionError("the proxy's answer is not a list of records") from None


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


def _authenticated(proxy: Proxy) -> RespConnection:
    connection = RespConnection(proxy.address, encrypted=proxy.is_encrypted, timeout=PATIENCE)
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
