"""What has come of one request so far, and whether a thread can begin with it."""

import re

MOST_HEAD_BYTES = 65_536
FIRST_BODY_BYTES = 65_536  # of a larger body; a smaller one is gathered whole

_END = b"\r\n\r\n"
_BARE_NEWLINE = re.compile(rb"(?<!\r)\n")
_FRAMING = re.compile(
    rb"\r\n(content-length|transfer-encoding|expect|authorization)[ \t]*:[ \t]*([^\r\n]*)",
    re.IGNORECASE,
)
_HEALTH = re.compile(rb"(?:GET|HEAD) /+_qs/+health(?:[ ?/]|$)")
_HEX = re.compile(rb"[0-9a-fA-F]{1,15}")


class Arrival:
    """Bytes of a request; what is malformed is called ready, since the parser then refuses it."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray()
        self.has_all_of_head = False
        self.is_whole = False  # or can be refused already
        self.awaits_go_ahead = False  # of `Expect: 100-continue`
        self.authorization = b""
        self._looked_at = 0  # bytes, in search of the end of the head
        self._body_begins = 0
        self._body: _Measured | _Chunked = _Measured(0)
        if data:
            self.add(data)

    def add(self, data: bytes) -> None:
        self.data += data
        if not self.has_all_of_head:
            self._look_for_end_of_head()
        if self.has_all_of_head and not self.is_whole:
            self.is_whole = self._body.is_whole(self.data, self._body_begins)

    @property
    def has_begun(self) -> bool:
        return bool(self.data)

    @property
    def is_too_long(self) -> bool:
        return not self.has_all_of_head and len(self.data) > MOST_HEAD_BYTES

    @property
    def is_no_request(self) -> bool:
        """Such as the beginning of TLS."""
        return bool(self.data) and self.data[0] < 0x20 and self.data[:1] not in b"\r\n"

    @property
    def kind(self) -> str:
        """A post, a look at the portal's health, or a question."""
        start = self.data[:32].lstrip(b"\r\n/ ")
        if start.startswith(b"POST "):
            return "post"
        return "health" if _HEALTH.match(start) else "question"

    @property
    def is_large(self) -> bool:
        """Its body goes on beyond what is gathered."""
        return (
            self.has_all_of_head
            and not self.is_whole
            and len(self.data) - self._body_begins >= FIRST_BODY_BYTES
        )

    @property
    def will_be_large(self) -> bool:
        """As its head says."""
        return self.has_all_of_head and self._body.length > FIRST_BODY_BYTES

    @property
    def is_ready(self) -> bool:
        return self.is_whole or self.is_large

    def _look_for_end_of_head(self) -> None:
        start = max(self._looked_at - len(_END), 2 if self.data[:2] == b"\r\n" else 0)
        end = self.data.find(_END, start)
        searched_to = len(self.data) if end < 0 else end
        self._looked_at = len(self.data)
        if _BARE_NEWLINE.search(self.data, max(start, 1) - 1, searched_to):
            self.has_all_of_head = self.is_whole = True
        elif end >= 0:
            self.has_all_of_head = True
            self._body_begins = end + len(_END)
            self._read_framing(bytes(self.data[: end + 2]))

    def _read_framing(self, head: bytes) -> None:
        found: dict[bytes, list[bytes]] = {}
        for name, value in _FRAMING.findall(head):
            found.setdefault(name.lower(), []).append(value.strip(b" \t"))
        self.authorization = found.get(b"authorization", [b""])[0]
        lengths, codings = found.get(b"content-length", []), found.get(b"transfer-encoding", [])
        if len(lengths) + len(codings) > 1:
            return  # ambiguous
        if [coding.lower() for coding in codings] == [b"chunked"]:
            self._body = _Chunked()
        elif lengths and lengths[0].isdigit() and len(lengths[0]) <= 18:
            self._body = _Measured(int(lengths[0]))
        expectation = found.get(b"expect", [b""])[0].lower()
        self.awaits_go_ahead = expectation == b"100-continue" and b" HTTP/1.0\r\n" not in head


class _Measured:
    def __init__(self, length: int) -> None:
        self.length = length

    def is_whole(self, data: bytearray, begins: int) -> bool:
        return len(data) - begins >= self.length


class _Chunked:
    """Walks from chunk to chunk; what is wrong with one is the parser's to say."""

    length = 0  # is not known

    def __init__(self) -> None:
        self._next = 0  # where the next chunk's size begins, from the body's beginning
        self._is_in_trailers = False

    def is_whole(self, data: bytearray, begins: int) -> bool:
        while not self._is_in_trailers:
            start = begins + self._next
            end = data.find(b"\r\n", start)
            if end < 0:
                return False
            size = _HEX.match(data, start, end)
            if size is None:
                return True
            length = int(size[0], 16)
            self._is_in_trailers = length == 0
            self._next = end + 2 - begins + (length + 2 if length else 0)
        start = begins + self._next
        return data[start : start + 2] == b"\r\n" or data.find(_END, start) >= 0
