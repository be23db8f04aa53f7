"""What peers are told whose request never reaches the application: JSON, like all errors."""

from gunicorn.http import errors

from qsmetrics.early_refusals import refusal

_STATUSES = {
    errors.LimitRequestLine: (414, "the URL is too long"),
    errors.LimitRequestHeaders: (431, "the headers are too long"),
    errors.UnsupportedTransferCoding: (501, "use Transfer-Encoding: chunked or none"),
    errors.ExpectationFailed: (417, "leave the Expect header out"),
    errors.ForbiddenProxyRequest: (403, "proxy requests are not served"),
    errors.ConfigurationProblem: (404, "nothing is here: the portal lives below another path"),
}


def answer(status: int, message: str, *headers: str) -> bytes:
    usual, body = refusal(message)
    lines = [f"{name}: {text}" for name, text in usual]
    head = (f"HTTP/1.1 {status} Refused", "Connection: close", *lines, *headers)
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


def of_malformed(fault: errors.ParseException) -> bytes:
    return answer(*_STATUSES.get(type(fault), (400, "this is not a well-formed request")))


HEAD_TOO_LONG = answer(431, "the headers are too long")
NO_REQUEST = answer(400, "this is not a well-formed request: speak HTTP/1.1, without TLS")
TOO_SLOW = answer(408, "the request came too slowly: send it again, all at once")
TOO_MANY = answer(503, "too many such requests at once: send it again shortly", "Retry-After: 5")
FAILED = answer(500, "something failed here; the portal's log says what")
GO_AHEAD = b"HTTP/1.1 100 Continue\r\n\r\n"
