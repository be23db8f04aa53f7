"""HTTP statuses for the names that clients' libraries give to errors."""

import re
from typing import Any

_STATUSES = {
    400: "BadRequest InvalidRequest ContextWindowExceeded ContentPolicyViolation InvalidArgument "
    "UnsupportedParams JSONSchemaValidation ValidationException APIResponseValidation",
    401: "Authentication Unauthenticated Unauthorized",
    402: "PaymentRequired BudgetExceeded InsufficientQuota",
    403: "PermissionDenied Permission Forbidden AccessDenied",
    404: "NotFound",
    408: "Timeout APITimeout RequestTimeout ReadTimeout ConnectTimeout DeadlineExceeded",
    409: "Conflict",
    413: "RequestTooLarge",
    422: "UnprocessableEntity",
    429: "RateLimit RateLimited RateLimitExceeded TooManyRequests ResourceExhausted Throttling",
    499: "Cancelled Canceled APIUserAbort Abort",
    500: "InternalServer ServerError APIError InternalError",
    502: "BadGateway",
    503: "ServiceUnavailable Unavailable MidStreamFallback",
    504: "GatewayTimeout",
    529: "Overloaded",
}
FAILED = 500  # where nothing says more
_BY_NAME = {name.lower(): status for status, text in _STATUSES.items() for name in text.split()}
_ENDINGS = re.compile("(error|exception)$")


def failure_status(code: Any) -> int:
    """The status of an attempt that failed: as it was told, else 500."""
    return code if isinstance(code, int) and 400 <= code <= 599 else FAILED


def http_status_of(error_type: str) -> int:
    """The status that a class of errors, or a status as text, stands for; 500 if unknown.

    `openai.RateLimitError`, `rate_limit_error`, `RateLimit` and `429` are all 429.
    """
    name = re.split(r"[.:/]", error_type.strip())[-1]
    if name.isascii() and name.isdigit():
        return failure_status(int(name[:4]))
    squeezed = name.lower().replace("_", "").replace("-", "")
    return _BY_NAME.get(squeezed) or _BY_NAME.get(_ENDINGS.sub("", squeezed)) or FAILED
