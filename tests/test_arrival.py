"""How much of a request has come: the same however it is cut into pieces."""

import pytest

from usage.management.web.arrival import FIRST_BODY_BYTES, MOST_HEAD_BYTES, Arrival

POST = b"POST /_qs/usage HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

WHOLE = {
    "no body": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "no headers": b"GET / HTTP/1.0\r\n\r\n",
    "an empty line first": b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a body of known length": POST + b"Content-Length: 4\r\n\r\n\r\n\r\n",
    "a length in other letters": POST + b"CONTENT-LENGTH:\t4 \r\n\r\nabcd",
    "chunks": CHUNKED + b"4\r\nabcd\r\nA;x=1\r\n0123456789\r\n0\r\n\r\n",
    "chunks and trailers": CHUNKED + b"1\r\na\r\n0\r\nX: y\r\nZ: 1\r\n\r\n",
    "no chunk but the last": CHUNKED + b"000\r\n\r\n",
}


@pytest.mark.parametrize("request_", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_request_is_whole_with_its_last_byte_and_not_before(request_, size):
    arrival = Arrival()
    for start in range(0, len(request_), size):
        assert not arrival.is_ready
        arrival.add(request_[start : start + size])
    assert (arrival.is_whole, arrival.is_large, bytes(arrival.data)) == (True, False, request_)


REFUSED = {
    "newlines alone": b"GET / HTTP/1.1\nHost",
    "a newline alone in a header": b"GET / HTTP/1.1\r\nHost: x\nX",
    "two lengths": POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\n",
    "a length and chunks": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a length that is none": POST + b"Content-Length: +4\r\n\r\n",
    "an unknown coding": POST + b"Transfer-Encoding: br\r\n\r\n",
    "a chunk without a size": CHUNKED + b"zz\r\n",
}


@pytest.mark.parametrize("request_", REFUSED.values(), ids=REFUSED)
def test_what_the_parser_refuses_is_not_waited_for(request_):
    assert Arrival(request_).is_whole


@pytest.mark.parametrize(
    "head", [POST + b"Content-Length: 9999999\r\n\r\n", CHUNKED + b"FFFFFF\r\n"]
)
def test_a_large_body_is_ready_when_its_first_part_is_there(head):
    arrival = Arrival(head)
    arrival.add(b"x" * (FIRST_BODY_BYTES - 100))
    assert not arrival.is_ready
    arrival.add(b"x" * 100)
    assert (arrival.is_whole, arrival.is_large, arrival.is_ready) == (False, True, True)


def test_a_head_without_end_is_too_long():
    arrival = Arrival(b"GET / HTTP/1.1\r\nX: " + b"x" * (MOST_HEAD_BYTES - 30))
    assert not arrival.is_too_long
    arrival.add(b"x" * 30)
    assert (arrival.is_too_long, arrival.is_ready) == (True, False)


@pytest.mark.parametrize(
    ("data", "is_no_request"),
    [(b"\x16\x03\x01", True), (b"\x00", True), (b"\r\n", False), (b"GET", False), (b"", False)],
)
def test_what_begins_with_a_control_character_is_no_request(data, is_no_request):
    assert Arrival(data).is_no_request == is_no_request


@pytest.mark.parametrize(
    ("head", "awaits"),
    [
        (POST + b"Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n", True),
        (
            POST.replace(b"1.1", b"1.0") + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\n",
            False,
        ),
        (POST + b"Content-Length: 1\r\n\r\n", False),
    ],
)
def test_a_go_ahead_is_awaited_when_asked_for(head, awaits):
    assert Arrival(head).awaits_go_ahead == awaits


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"POST /_qs/usage HTTP/1.1\r\n", "post"),
        (b"\r\nPOST /v1/traces HTTP/1.1\r\n", "post"),
        (b"GET /_qs/health HTTP/1.1\r\n", "health"),
        (b"HEAD //_qs/health HTTP/1.1\r\n", "health"),
        (b"GET /_qs/usage?format=csv HTTP/1.1\r\n", "question"),
        (b"GET / HTTP/1.1\r\n", "question"),
    ],
)
def test_posts_looks_at_health_and_questions_are_told_apart(data, kind):
    assert Arrival(data).kind == kind
