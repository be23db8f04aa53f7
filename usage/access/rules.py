"""Who may read and who may write: Basic pair, ingest tokens, staff sessions, loopback."""

import base64
import binascii
import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AbstractUser
from django.db import connection
from django.http import HttpRequest

from qsmetrics.setting_types import BindAddress
from usage.access.attempts import TooManyFailures, is_right_pair
from usage.identity import hash_api_key
from usage.models import IngestToken, OneTimePassword

# Whichever of them a proxy adds, it spoke for somebody else. A trusted one is none the less one.
_FORWARDING = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_SERVER",
    "HTTP_X_REAL_IP",
    "HTTP_X_CLIENT_IP",
    "HTTP_TRUE_CLIENT_IP",
    "HTTP_CF_CONNECTING_IP",
    "HTTP_FORWARDED",
    "HTTP_VIA",
)
# Asked for each post, anew, so that a revoked token stops at once; the ORM takes ten times longer.
_TOKENS = IngestToken._meta.db_table
_LIVE_TOKEN = f"SELECT id FROM {_TOKENS} WHERE digest = %s AND revoked_at IS NULL"
_ANY_TOKEN = f"SELECT id FROM {_TOKENS} LIMIT 1"


@dataclass
class AccessDenied(Exception):
    """Why a request is turned away, ready to be answered: status, sentence, extra headers."""

    status: int
    message: str
    headers: dict[str, str]


def require_reader(request: HttpRequest) -> None:
    """Let readers pass: anyone on loopback while no Basic pair is set, the pair, or staff."""
    if not settings.METRICS_BASIC_AUTH_USER and _is_local(request):
        return
    if _is_staff(request):
        return
    if settings.METRICS_BASIC_AUTH_USER:
        if _presents_basic_pair(request):
            return
        raise _unauthorized("send the metrics user and password (HTTP Basic)")
    raise _unauthorized(
        "reading from another machine needs METRICS_BASIC_AUTH_USER and METRICS_BASIC_AUTH_PASS, "
        "or a staff session: sign in at /admin/",
    )


def require_writer(request: HttpRequest, *, basic_tokens: bool = False) -> str:
    """Let writers pass and name them: a live token, the Basic pair, or loopback without any.

    With `basic_tokens` the token may also be the password of HTTP Basic, whatever the user.
    """
    token = _presented_token(request, basic_tokens=basic_tokens)
    if token is not None:
        token_id = _first_value(_LIVE_TOKEN, hash_api_key(token))
        if token_id is not None:
            return f"token:{token_id}"
    if settings.METRICS_BASIC_AUTH_USER:
        if _presents_basic_pair(request):
            return "basic"
    elif _is_local(request) and _first_value(_ANY_TOKEN) is None:
        return "open"
    raise _unauthorized(
        "send an ingest token as `Authorization: Bearer …`; make one in /admin/ or with "
        "`manage.py create_ingest_token NAME`",
        scheme="Bearer",
    )


def sender_of(request: HttpRequest, writer: str) -> str:
    """Who takes turns with others in the writer's queue: a token, or an address without one."""
    return writer if writer.startswith("token:") else f"{writer} {request.META['REMOTE_ADDR']}"


def _presented_token(request: HttpRequest, *, basic_tokens: bool) -> str | None:
    scheme, _, credentials = _authorization(request).partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if basic_tokens and (pair := _basic_pair(request)) is not None:
        return pair[1].decode(errors="replace")
    return None


def _authorization(request: HttpRequest) -> str:
    return str(request.META.get("HTTP_AUTHORIZATION", ""))


def _first_value(sql: str, *parameters: str) -> Any:
    """The first column of the first row, or None."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row = cursor.fetchone()
    return row and row[0]


def _is_local(request: HttpRequest) -> bool:
    """Whether the request began on this machine; a forwarded one began anywhere."""
    if not _is_behind_loopback(settings.METRICS_BIND_ADDRESS):
        return False
    if not request.META.keys().isdisjoint(_FORWARDING):
        return False
    peer = request.META.get("REMOTE_ADDR", "")
    return not peer or _is_loopback(peer)  # "" is a Unix socket


@lru_cache(maxsize=8)
def _is_behind_loopback(address: BindAddress) -> bool:
    return address.is_loopback


@lru_cache(maxsize=256)
def _is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False


def _is_staff(request: HttpRequest) -> bool:
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return False
    # From the session itself: DRF, told of no authentication, empties request.user.
    user = get_user(request)
    if not isinstance(user, AbstractUser) or not user.is_staff:
        return False
    return not OneTimePassword.objects.filter(user_id=user.pk).exists()


def _basic_pair(request: HttpRequest) -> tuple[bytes, bytes] | None:
    """User and password as presented."""
    scheme, _, encoded = _authorization(request).partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return user, password


def _presents_basic_pair(request: HttpRequest) -> bool:
    """Whether it is right; 429 to who has guessed too often for it to be looked at."""
    pair = _basic_pair(request)
    if pair is None:
        return False
    try:
        return is_right_pair(str(request.META.get("REMOTE_ADDR", "")), *pair)
    except TooManyFailures as error:
        message = f"too many failed logins: try again in {error.seconds} s"
        raise AccessDenied(429, message, {"Retry-After": str(error.seconds)}) from None


def _unauthorized(message: str, scheme: str = "Basic") -> AccessDenied:
    return AccessDenied(401, message, {"WWW-Authenticate": f'{scheme} realm="metrics"'})
