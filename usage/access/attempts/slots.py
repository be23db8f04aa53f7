"""Where failures are counted: a number for an address, and one for a user name."""

import ipaddress
import unicodedata

from django.utils.crypto import salted_hmac

from qsmetrics.trusted_proxies import address_of

# An innocent visitor shares a number with one of n guessers in n of 65,536 cases; nobody can
# choose his number without knowing SECRET_KEY.
NUMBERS = 2**16
_ADDRESS, _PAIR, _PERSON, _SIGNED_IN = range(4)
_ONES_OWN_BITS = 64  # of an IPv6 address: a host chooses among them freely


def of_pair(address: str, user: bytes) -> list[int]:
    return [_slot(_ADDRESS, whose(address)), _slot(_PAIR, user.decode(errors="replace"))]


def of_person(address: str, user: str) -> list[int]:
    """However the name is written: case and forms of letters make nobody another person."""
    name = unicodedata.normalize("NFKC", user).casefold().strip()
    return [_slot(_ADDRESS, whose(address)), _slot(_PERSON, name)]


def of_signed_in(user_id: int) -> list[int]:
    """Who says his password again. Strangers who guess his name do not count here."""
    return [_slot(_SIGNED_IN, str(user_id))]


def whose(address: str) -> str:
    """What stands for whoever has the address: itself, or the network of an IPv6 one."""
    found = address_of(address)
    if isinstance(found, ipaddress.IPv6Address):
        return f"{int(found) >> _ONES_OWN_BITS:x}::/64"
    return address if found is None else str(found)


def _slot(kind: int, text: str) -> int:
    value = f"{kind} {text}".encode("utf-8", "replace")
    digest = salted_hmac("usage.login_attempts", value, algorithm="sha256").digest()
    return kind * NUMBERS + int.from_bytes(digest[:2], "big")
