"""What is taken from outside: one way to write each path, no gateway's headers, the true client.

Servers differ in which headers they believe, so nothing that they made of them is taken over.
"""

import os
import re
import ssl
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

from qsmetrics.early_refusals import refusal

# What programs ask for; all of it is answered in JSON, except the pages among it.
_PROGRAMS_PATH = re.compile(r"/(?:_qs|v1|api)(?:/|$)")
_SLASHES = re.compile("//+")
# CGI and gateways have meanings for these that a visitor must not give them.
_GATEWAY_HEADERS = ("HTTP_SCRIPT_NAME", "HTTP_PATH_INFO", "HTTP_REMOTE_USER", "HTTP_PROXY")
_WITHOUT_HOST = "the Host header is missing: HTTP/1.1 needs one"


class FrontDoor:
    """WSGI middleware, the outermost one."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application
        self._script_name = os.environ.get("SCRIPT_NAME", "")

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        for name in _GATEWAY_HEADERS:
            environ.pop(name, None)
        if "gunicorn.socket" in environ:
            self._put_right_what_gunicorn_believed(environ)
        environ["PATH_INFO"] = plain_path(environ.get("PATH_INFO", ""))
        _name_the_client(environ)
        if "HTTP_HOST" not in environ:
            if environ.get("SERVER_PROTOCOL") != "HTTP/1.0":
                headers, body = refusal(_WITHOUT_HOST)
                start_response("400 Bad Request", headers)
                return [body]
            # Load balancers' checks. No browser speaks so, so no name needs to be guarded.
            environ["HTTP_HOST"] = "localhost"
        return self._application(environ, start_response)

    def _put_right_what_gunicorn_believed(self, environ: dict[str, Any]) -> None:
        """It takes scheme and place in the address from the headers of whoever is on this machine.

        The connection tells the one, the environment the other.
        """
        is_tls = isinstance(environ["gunicorn.socket"], ssl.SSLSocket)
        environ["wsgi.url_scheme"] = "https" if is_tls else "http"
        path = environ["SCRIPT_NAME"] + environ["PATH_INFO"]
        environ["SCRIPT_NAME"] = self._script_name
        environ["PATH_INFO"] = path.removeprefix(self._script_name)


def plain_path(path: str) -> str:
    """A program's path without the slashes that joining two parts of an address leaves."""
    if path.endswith("/") or "//" in path:
        plain = _SLASHES.sub("/", path)
        if _PROGRAMS_PATH.match(plain):
            return plain.rstrip("/")
    return path


def is_for_programs(path: str) -> bool:
    return _PROGRAMS_PATH.match(path) is not None


def _name_the_client(environ: dict[str, Any]) -> None:
    """Whom and which scheme a trusted proxy speaks of; all others speak for themselves."""
    proxies = settings.METRICS_TRUSTED_PROXIES
    peer = environ.get("REMOTE_ADDR", "")
    if not proxies or not proxies.include(peer):
        return
    scheme = environ.get("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip().lower()
    if scheme in ("http", "https"):
        environ["wsgi.url_scheme"] = scheme
    if forwarded_for := environ.get("HTTP_X_FORWARDED_FOR", ""):
        environ["REMOTE_ADDR"] = proxies.client_behind(peer, forwarded_for)
