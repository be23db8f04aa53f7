"""Browsers in which somebody signed in before: a signed cookie that names him."""

import hashlib
import secrets

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser
from django.core import signing
from django.http import HttpRequest, HttpResponse

COOKIE = "qsmetrics_known"
_SALT = "usage.login_attempts.known_browser"
_KEPT_SECONDS = 90 * 24 * 3600


def remember_browser(response: HttpResponse, user: AbstractUser) -> None:
    """Others who guess his name cannot shut him out here, until he chooses another password."""
    response.set_cookie(
        COOKIE,
        signing.dumps([user.pk, _mark(user)], salt=_SALT),
        max_age=_KEPT_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def is_known_browser(request: HttpRequest, name: str) -> bool:
    """Whether the user of this name signed in here with the password that he has now."""
    try:
        known = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=_KEPT_SECONDS)
    except signing.BadSignature:
        return False
    model = get_user_model()
    user = model._default_manager.filter(username=model.normalize_username(name)).first()
    if user is None or known[0] != user.pk:
        return False
    return secrets.compare_digest(known[1], _mark(user))


def _mark(user: AbstractUser) -> str:
    return hashlib.sha256(user.get_session_auth_hash().encode()).hexdigest()[:32]
