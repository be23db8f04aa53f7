"""Taking the address that the portal serves on, or saying why not."""

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
