"""What is taken from outside: paths, hosts, who asks and how, whatever headers claim."""

import io

import pytest

from qsmetrics.front_door import FrontDoor, plain_path
from qsmetrics.trusted_proxies import trusted_proxies

WAYS_IN = [
    ("/_qs/usage/", "/_qs/usage"),
    ("//_qs/usage", "/_qs/usage"),
    ("//_qs//litellm//", "/_qs/litellm"),
    ("/v1/traces/", "/v1/traces"),
    ("//v1/traces", "/v1/traces"),
    ("///v1///logs///", "/v1/logs"),
    ("/api/public//otel/v1/traces", "/api/public/otel/v1/traces"),
    ("/api/public/otel/v1/traces/", "/api/public/otel/v1/traces"),
    ("/_qs/", "/_qs"),
    # Pages have one address each.
    ("//", "//"),
    ("/admin/", "/admin/"),
    ("//admin/", "//admin/"),
    ("/v10/", "/v10/"),
    ("", ""),
]


@pytest.mark.parametrize(("sent", "taken"), WAYS_IN)
def test_slashes_that_joining_leaves_change_nothing_for_programs(sent, taken):
    assert plain_path(sent) == taken


def passed_on(**environ):
    """What the portal sees of a request, or the status that the door answers."""
    seen = {}

    def application(environ, start_response):
        seen.update(environ)
        return [b""]

    def refuse(status, headers):
        seen["status"] = status

    given = {"SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "localhost", "PATH_INFO": "/"}
    given |= {"REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO()}
    given |= environ
    list(FrontDoor(application)({k: v for k, v in given.items() if v is not None}, refuse))
    return seen


# Trusted proxies, peer, X-Forwarded-For; who asks.
CLIENTS = [
    ("", "127.0.0.1", "198.51.100.1", "127.0.0.1"),
    ("127.0.0.1", "127.0.0.1", "", "127.0.0.1"),
    ("127.0.0.1", "127.0.0.1", "198.51.100.1", "198.51.100.1"),
    ("127.0.0.1", "127.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
    ("127.0.0.1", "192.0.2.1", "198.51.100.1", "192.0.2.1"),
    ("127.0.0.1,10.0.0.0/8", "127.0.0.1", "6.6.6.6, 198.51.100.1, 10.1.2.3", "198.51.100.1"),
    ("127.0.0.1,10.0.0.0/8", "127.0.0.1", "10.9.9.9, 10.1.2.3", "10.9.9.9"),
    ("::1", "::1", "2001:db8::7", "2001:db8::7"),
    ("::1", "::1", "[2001:db8::7]:4711", "2001:db8::7"),
    ("fd00::/8", "fd00::1", " 198.51.100.1:4711 ", "198.51.100.1"),
    ("127.0.0.1", "::ffff:127.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
    # What is no address says nothing: the proxy that passed it on is the client.
    ("127.0.0.1", "127.0.0.1", "198.51.100.1, unknown", "127.0.0.1"),
    ("127.0.0.1,10.0.0.0/8", "127.0.0.1", "198.51.100.1, junk, 10.1.2.3", "10.1.2.3"),
    ("127.0.0.1", "127.0.0.1", ",,,", "127.0.0.1"),
    ("127.0.0.1", "127.0.0.1", "1.2.3.4.5, 999.1.1.1", "127.0.0.1"),
    ("127.0.0.1", "127.0.0.1", "198.51.100.1\xa0", "127.0.0.1"),
    ("unix", "", "198.51.100.1", "198.51.100.1"),
    ("127.0.0.1", "", "198.51.100.1", ""),
]


@pytest.mark.parametrize(("proxies", "peer", "header", "client"), CLIENTS)
def test_only_trusted_proxies_say_who_asks(settings, proxies, peer, header, client):
    settings.METRICS_TRUSTED_PROXIES = trusted_proxies(proxies)
    seen = passed_on(REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=header)
    assert seen["REMOTE_ADDR"] == client


SCHEMES = [
    ("", "127.0.0.1", "https", "http"),
    ("127.0.0.1", "127.0.0.1", "https", "https"),
    ("127.0.0.1", "127.0.0.1", "HTTPS", "https"),
    ("127.0.0.1", "127.0.0.1", "http", "http"),
    ("127.0.0.1", "127.0.0.1", "https,http", "http"),
    ("127.0.0.1", "127.0.0.1", "http, https", "https"),
    ("127.0.0.1", "127.0.0.1", "wss", "http"),
    ("127.0.0.1", "192.0.2.1", "https", "http"),
]


@pytest.mark.parametrize(("proxies", "peer", "header", "scheme"), SCHEMES)
def test_only_trusted_proxies_say_that_it_was_https(settings, proxies, peer, header, scheme):
    settings.METRICS_TRUSTED_PROXIES = trusted_proxies(proxies)
    seen = passed_on(REMOTE_ADDR=peer, HTTP_X_FORWARDED_PROTO=header)
    assert seen["wsgi.url_scheme"] == scheme


def test_what_gunicorn_took_from_headers_is_put_right():
    seen = passed_on(**{
        "gunicorn.socket": object(),
        "SCRIPT_NAME": "/evil",
        "PATH_INFO": "/admin/",
        "wsgi.url_scheme": "https",
        "HTTP_SCRIPT_NAME": "/evil",
        "HTTP_REMOTE_USER": "alice",
        "HTTP_PROXY": "http://evil.example",
    })  # fmt: skip
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("", "/evil/admin/")
    assert seen["wsgi.url_scheme"] == "http"
    assert {"HTTP_SCRIPT_NAME", "HTTP_REMOTE_USER", "HTTP_PROXY"}.isdisjoint(seen)


def test_the_environment_says_where_the_portal_lives(monkeypatch):
    monkeypatch.setenv("SCRIPT_NAME", "/usage")
    path = {"gunicorn.socket": object(), "SCRIPT_NAME": "", "PATH_INFO": "/usage/v1/traces/"}
    seen = passed_on(**path)
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/usage", "/v1/traces")


@pytest.mark.parametrize(
    ("protocol", "host", "outcome"),
    [
        ("HTTP/1.1", None, "400 Bad Request"),
        ("HTTP/1.0", None, "localhost"),
        ("HTTP/1.0", "evil.example", "evil.example"),
        ("HTTP/1.1", "", ""),
    ],
)
def test_http_1_1_needs_a_host_and_1_0_none(protocol, host, outcome):
    seen = passed_on(SERVER_PROTOCOL=protocol, HTTP_HOST=host)
    assert seen.get("status", seen.get("HTTP_HOST")) == outcome


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.0/33", "127.0.0.1/x", "0.0.0.0/0", "*"])
def test_what_names_no_proxy_stops_the_start(text):
    with pytest.raises(ValueError, match="write "):
        trusted_proxies(text)
