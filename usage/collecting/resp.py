"""A client of the small part of Redis's protocol (RESP) that the proxy speaks.

It knows AUTH, LPOP and SUBSCRIBE, and no HELLO, PING or CLIENT, with which stock clients begin.
"""

import socket
import ssl
from typing import Any

_LONGEST_REPLY = 256 * 2**20
_AT_ONCE = 65_536


class RespError(ConnectionError):
    """What the server answered in the place of a value."""


class _Incomplete(Exception):
    """The rest of the reply has not arrived yet."""


class RespConnection:
    """One connection. Replies are bytes, int, None or lists of them; OSError when it breaks."""

    def __init__(self, address: tuple[str, int], *, encrypted: bool, timeout: float) -> None:
        self._socket = socket.create_connection(address, timeout=timeout)
        if encrypted:
            context = ssl.create_default_context()
            self._socket = context.wrap_socket(self._socket, server_hostname=address[0])
        self._received = bytearray()

    def close(self) -> None:
        self._socket.close()

    def set_timeout(self, seconds: float) -> None:
        self._socket.settimeout(seconds)

    def ask(self, *words: str | int) -> Any:
        """Send a command and wait for its reply; RespError if that is one."""
        parts = [str(word).encode() for word in words]
        command = b"*%d\r\n" % len(parts) + b"".join(
            b"$%d\r\n%s\r\n" % (len(part), part) for part in parts
        )
        self._socket.sendall(command)
        return self.read()

    def read(self) -> Any:
        """The next reply. After a TimeoutError none of it is lost, and reading may go on."""
        while True:
            try:
                reply = self._arrived()
            except _Incomplete:
                self._receive()
                continue
            if isinstance(reply, RespError):
                raise reply
            return reply

    def read_all(self, most: int) -> list[Any]:
        """The next reply, and those that have wholly arrived after it, at most so many."""
        replies = [self.read()]
        try:
            while len(replies) < most:
                replies.append(self._arrived())
        except _Incomplete:
            pass
        return replies

    def _arrived(self) -> Any:
        reply, end = self._reply(0)
        del self._received[:end]
        return reply

    def _receive(self) -> None:
        data = self._socket.recv(_AT_ONCE)
        if not data:
            raise ConnectionError("the proxy closed the connection")
        self._received += data
        if len(self._received) > _LONGEST_REPLY:
            raise ConnectionError("the proxy's reply is too long")

    def _reply(self, start: int) -> tuple[Any, int]:
        end = self._received.find(b"\r\n", start)
        if end < 0:
            raise _Incomplete
        kind, text = self._received[start : start + 1], bytes(self._received[start + 1 : end])
        end += 2
        if kind == b"+":
            return text, end
        if kind == b"-":
            return RespError(text.decode(errors="replace")), end
        try:
            number = int(text)
        except ValueError:
            raise ConnectionError("the answer is not RESP") from None
        if kind == b":":
            return number, end
        if kind == b"$":
            return self._bulk(number, end)
        if kind == b"*":
            return self._array(number, end)
        raise ConnectionError("the answer is not RESP")

    def _bulk(self, length: int, start: int) -> tuple[bytes | None, int]:
        if length < 0:
            return None, start
        end = start + length
        if len(self._received) < end + 2:
            raise _Incomplete
        return bytes(self._received[start:end]), end + 2

    def _array(self, length: int, start: int) -> tuple[list[Any] | None, int]:
        if length < 0:
            return None, start
        parts = []
        for _ in range(length):
            part, start = self._reply(start)
            parts.append(part)
        return parts, start
