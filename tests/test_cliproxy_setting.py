"""METRICS_CLIPROXY_URL and METRICS_CLIPROXY_KEY: one proxy or several, or what to write instead."""

import pytest

from qsmetrics.cliproxy_setting import Proxy, proxies_of


def test_no_address_is_no_proxy():
    assert proxies_of("", "") == proxies_of(" , ", "key") == []


def test_one_proxy_is_named_after_its_address():
    (proxy,) = proxies_of("http://127.0.0.1:8317/", "key")
    assert proxy == Proxy("127.0.0.1:8317", "http://127.0.0.1:8317", "key")
    assert (proxy.address, proxy.is_encrypted) == (("127.0.0.1", 8317), False)
    assert "key" not in repr(proxy)


def test_several_have_names_and_one_key_or_one_each():
    urls = "east=http://10.0.0.1:8317, west=https://proxy.example/cpa"
    east, west = proxies_of(urls, "one,other")
    assert (east.name, east.key, west.name, west.key) == ("east", "one", "west", "other")
    assert (west.address, west.is_encrypted) == (("proxy.example", 443), True)
    assert [proxy.key for proxy in proxies_of(urls, "both")] == ["both", "both"]


@pytest.mark.parametrize(
    ("urls", "keys", "says"),
    [
        ("http://h:8317", "", "METRICS_CLIPROXY_KEY is missing"),
        ("a=http://h:1,b=http://h:2,c=http://h:3", "x,y", "one for each address"),
        ("a=http://h:1,a=http://h:2", "x", "a name of its own"),
        ("127.0.0.1:8317", "x", "http://HOST:PORT"),
        ("ftp://h", "x", "http://HOST:PORT"),
        ("http://", "x", "http://HOST:PORT"),
        ("http://h:99999", "x", "http://HOST:PORT"),
        ("http://user:secret@h", "x", "http://HOST:PORT"),
        ("http://h/?count=5", "x", "http://HOST:PORT"),
    ],
)
def test_a_bad_value_says_what_to_write(urls, keys, says):
    with pytest.raises(ValueError, match=says) as error:
        proxies_of(urls, keys)
    assert "secret" not in str(error.value)
