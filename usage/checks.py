"""System checks: settings that work but are a risk."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from usage.access.attempts import UNGUESSABLE_CHARACTERS

_SHORTEST_KEY = 32


@register(Tags.security)
def check_debug(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if not settings.DEBUG:
        return []
    if settings.METRICS_BIND_ADDRESS.is_loopback:
        hint = "Unset METRICS_DEBUG unless you develop qsmetrics."
        return [Warning("METRICS_DEBUG shows internals to visitors.", hint=hint, id="usage.W001")]
    return [
        Error(
            "METRICS_DEBUG is on and the portal is open to other machines.",
            hint="Unset METRICS_DEBUG, or set METRICS_BIND_ADDRESS=127.0.0.1:8081.",
            id="usage.E001",
        )
    ]


@register(Tags.security)
def check_secrets(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    password = settings.METRICS_BASIC_AUTH_PASS
    if password and (len(password) < UNGUESSABLE_CHARACTERS or len(set(password)) < 5):
        messages.append(
            Warning(
                "METRICS_BASIC_AUTH_PASS is easy to guess.",
                hint=f"Use {UNGUESSABLE_CHARACTERS} or more random characters: such a pair always "
                "opens, while a shorter one waits when others fail.",
                id="usage.W002",
            )
        )
    if len(settings.SECRET_KEY) < _SHORTEST_KEY or len(set(settings.SECRET_KEY)) < 5:
        messages.append(
            Warning(
                "SECRET_KEY is easy to guess, so sessions could be forged.",
                hint="Unset it, so that a good one is made and kept, or use 50 random characters.",
                id="usage.W003",
            )
        )
    return messages


@register(Tags.security)
def check_https(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if not settings.METRICS_HTTPS or settings.METRICS_TRUSTED_PROXIES:
        return []
    return [
        Warning(
            "METRICS_HTTPS is on, but no proxy may say that a request came over HTTPS.",
            hint="Name the proxy that ends TLS in METRICS_TRUSTED_PROXIES, for example 127.0.0.1.",
            id="usage.W004",
        )
    ]
