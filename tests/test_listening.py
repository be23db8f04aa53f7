"""Taking the address that the portal serves on, or saying why not."""

import socket

import pytest

from qsmetrics.setting_types import BindAddress
from usage.management import web_server


@pytest.mark.parametrize(
    ("host", "trouble"),
    [
        ("192.0.2.1", "is no address of this machine: use 127.0.0.1 or 0.0.0.0"),
        ("no-such-host.invalid", "is no address of this machine: use 127.0.0.1 or 0.0.0.0"),
        ("::zz", "is no address of this machine: use 127.0.0.1 or 0.0.0.0"),
    ],
)
def test_an_address_of_another_machine_is_refused(host, trouble):
    address = BindAddress(host, 8100)
    with pytest.raises(web_server.CannotListen) as refusal:
        web_server.listen(address)
    assert str(refusal.value) == f"{address} {trouble}"


def test_of_two_starts_at_once_one_has_the_port():
    with web_server.listen(BindAddress("127.0.0.1", 0)) as first:
        address = BindAddress(*first.getsockname())
        with pytest.raises(web_server.CannotListen, match="is already in use"):
            web_server.listen(address)


def test_who_comes_before_the_portal_is_ready_gets_answers_without_delay():
    """Without it the rest of an answer waits until the client acknowledges its head."""
    with (
        web_server.listen(BindAddress("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()),
    ):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
