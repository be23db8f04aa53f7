"""What a proxy's upstream accounts are called: its list of credentials, asked for seldom.

https://github.com/router-for-me/CLIProxyAPI (internal/api/handlers/management/auth_files.go of
a7e3596)
"""

import logging
import threading
from collections.abc import Iterable
from typing import Any

import msgspec
from django.db import connection

from qsmetrics.cliproxy_setting import Proxy
from usage.collecting import management
from usage.collecting.management import KeyRefused, NoQueue
from usage.database.transactions import write_transaction
from usage.database.trouble import DATABASE_TROUBLE, trouble_of
from usage.intake.loose_structs import UNREADABLE
from usage.recording.account_states import keep_names
from usage.records import UsageRecord
from usage.upstream_accounts import AccountName, UpstreamKey, name_of

logger = logging.getLogger(__name__)

AT_MOST_EVERY = 180.0  # seconds between two looks, whatever happens
ANEW_EVERY = 3_600.0
_MOST_BYTES = 32 * 2**20
_MOST_UNNAMED = 10_000
_WRITTEN_WITHIN = 10.0
_API_KEY = "apikey"  # whose `account` is the key itself


class _AuthFile(msgspec.Struct, gc=False):
    auth_index: Any = None
    id: Any = None
    name: Any = None
    label: Any = None
    email: Any = None
    provider: Any = None
    type: Any = None
    account: Any = None
    account_type: Any = None


class _AuthFiles(msgspec.Struct, gc=False):
    files: list[msgspec.Raw] | None = None


_list = msgspec.json.Decoder(_AuthFiles)
_file = msgspec.json.Decoder(_AuthFile)


def names_in(body: bytes, source: str) -> dict[UpstreamKey, AccountName]:
    """Of the proxy `source`, by its answer; ConnectionError where that is no list of them."""
    try:
        files = _list.decode(body).files or []
    except UNREADABLE:
        raise ConnectionError("the proxy's answer is not a list of credentials") from None
    found = {}
    for raw in files:
        try:
            file = _file.decode(raw)
        except UNREADABLE:
            continue
        index = _index(file.auth_index)
        name = _name(file)
        if index is not None and name is not None:
            found[UpstreamKey(source, index)] = name
    return found


def _index(value: Any) -> str | None:
    """As rows have it: versions before 6.4 counted."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value.strip() or None if isinstance(value, str) and len(value) <= 255 else None


def _name(file: _AuthFile) -> AccountName | None:
    """A label that only repeats the provider tells no account from another."""
    provider = file.provider or file.type
    is_key = str(file.account_type).replace("_", "").replace("-", "").lower() == _API_KEY
    label = None if file.label in (provider, file.type) else file.label
    account = None if is_key else file.account
    return name_of((label, file.email, account, file.name, file.id), provider, file.account_type)


class AccountNames:
    """Asks on a thread of its own, lest the queue wait: at first, and for accounts without a name.

    A refused key ends it. An account without a credential in the list is asked for once.
    """

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._changed = threading.Condition()
        self._is_wanted = True
        self._is_closing = False
        self._met: set[str] = set()  # accounts that answered, and were not asked for yet
        self._asked_for: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="account names", daemon=True)
        self._thread.start()

    def close(self, seconds: float) -> None:
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join(seconds)

    def want(self) -> None:
        """Soon, such as when the proxy's credentials have changed."""
        with self._changed:
            self._is_wanted = True
            self._changed.notify()

    def meet(self, records: Iterable[UsageRecord]) -> None:
        """The accounts that answered."""
        new = {record.account for record in records if record.account} - self._asked_for
        if new - self._met and len(self._asked_for) < _MOST_UNNAMED:
            with self._changed:
                self._met |= new
                self._changed.notify()

    def _run(self) -> None:
        try:
            while self._waited():
                self._ask()
                self._rest()
        except KeyRefused as refusal:
            logger.warning("%s: names of accounts are not told: %s", self._proxy.name, refusal)
        finally:
            connection.close()

    def _waited(self) -> bool:
        """Until they are wanted, or known for long; False at the end."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_wanted or self._met or self._is_closing, ANEW_EVERY
            )
            self._is_wanted = False
            return not self._is_closing

    def _rest(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_closing, AT_MOST_EVERY)

    def _ask(self) -> None:
        try:
            body = management.fetched(self._proxy, "auth-files", _MOST_BYTES)
            names = names_in(body, self._proxy.name)
            with write_transaction(_WRITTEN_WITHIN):
                keep_names(names)
            self._note_asked({account for _, account in names})
        except DATABASE_TROUBLE as error:
            self._try_again(str(trouble_of(error)))
        except OSError as error:
            self._try_again(str(error) or type(error).__name__)
        except NoQueue as reason:
            self._note_asked(set())
            logger.info("%s: names of accounts: %s", self._proxy.name, reason)

    def _note_asked(self, named: set[str]) -> None:
        with self._changed:
            self._asked_for |= self._met | named
            self._met.clear()

    def _try_again(self, reason: str) -> None:
        logger.info("%s: names of accounts: %s", self._proxy.name, reason)
        self.want()
