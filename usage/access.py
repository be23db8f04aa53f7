"""Who may read and who may write: Basic pair, ingest tokens, staff sessions, loopback."""

import base64
import binascii
import ipaddress
import secrets
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest

from usage import login_attempts
from usage.models import IngestToken, OneTimePassword

_FORWARDING = ("X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via")


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
        raise _unauthorized(request, "send the metrics user and password (HTTP Basic)")
    raise _unauthorized(
        request,
        "reading from another machine needs METRICS_BASIC_AUTH_USER and METRICS_BASIC_AUTH_PASS, "
        "or a staff session: sign in at /admin/",
    )


def require_writer(request: HttpRequest) -> str:
    """Let writers pass and name them: a live token, the Basic pair, or loopback without any."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        token = IngestToken.objects.authenticate(credentials.strip())
        if token is not None:
            return f"token:{token.pk}"
    if settings.METRICS_BASIC_AUTH_USER:
        if _presents_basic_pair(request):
            return "basic"
    elif _is_local(request) and not IngestToken.objects.exists():
        return "open"
    raise _unauthorized(
        request,
        "send an ingest token as `Authorization: Bearer …`; make one in /admin/ or with "
        "`manage.py create_ingest_token NAME`",
        scheme="Bearer",
    )


def _is_local(request: HttpRequest) -> bool:
    """Whether the request began on this machine; a forwarded one began anywhere."""
    if not settings.METRICS_BIND_ADDRESS.is_loopback:
        return False
    if any(name in request.headers for name in _FORWARDING):
        return False
    peer = request.META.get("REMOTE_ADDR", "")
    try:
        return not peer or ipaddress.ip_address(peer).is_loopback  # "" is a Unix socket
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


def _presents_basic_pair(request: HttpRequest) -> bool:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic" or login_attempts.seconds_blocked(request):
        return False
    try:
        user, _, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return False
    right_user = secrets.compare_digest(user, settings.METRICS_BASIC_AUTH_USER.encode())
    right_pass = secrets.compare_digest(password, settings.METRICS_BASIC_AUTH_PASS.encode())
    return right_user and right_pass


def _unauthorized(request: HttpRequest, message: str, scheme: str = "Basic") -> AccessDenied:
    """401, or 429 to an address that guesses passwords. Tokens are too long to be guessed."""
    if request.headers.get("Authorization", "").lower().startswith("basic "):
        wait = login_attempts.seconds_blocked(request)
        if wait:
            message = f"too many failed logins: try again in {wait} s"
            return AccessDenied(429, message, {"Retry-After": str(wait)})
        login_attempts.note_failure(request)
    return AccessDenied(401, message, {"WWW-Authenticate": f'{scheme} realm="metrics"'})
