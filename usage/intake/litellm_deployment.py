"""LiteLLM's deployments, which are its accounts: what they are called, and what is used of them.

A deployment's id is a hash or what its owner chose; where it asks and for which model tells people
which one it is. Headers of providers come along with `llm_provider-` before their names.
"""

from typing import Any
from urllib.parse import urlsplit

import msgspec

from usage.intake import quota_headers
from usage.intake.loose_structs import UNREADABLE
from usage.records import UsageRecord
from usage.upstream_accounts import AccountName, AccountsTold, UpstreamKey, name_of

_KIND = "deployment"


class _LiteLLMHidden(msgspec.Struct, gc=False):
    api_base: Any = None
    litellm_model_name: Any = None
    additional_headers: msgspec.Raw = msgspec.Raw()


_hidden = msgspec.json.Decoder(_LiteLLMHidden)


def tell(
    source: str, api_base: Any, hidden_params: msgspec.Raw, record: UsageRecord, told: AccountsTold
) -> None:
    """Add what a payload says of the deployment that answered, the account of its record."""
    account = UpstreamKey(source, record.account or "")
    if account in told.names and not quota_headers.may_be_in(hidden_params):  # as in most
        return
    try:
        hidden = _hidden.decode(hidden_params)
    except UNREADABLE:  # there is none, or it is null
        hidden = _LiteLLMHidden()
    name = _name(api_base or hidden.api_base, hidden.litellm_model_name or record.model, record)
    if name is not None:
        told.name(account, name)
    quota_headers.read(hidden.additional_headers, source, record, told)


def _name(api_base: Any, model: Any, record: UsageRecord) -> AccountName | None:
    host = _host(api_base)
    if host is None:
        return None
    label = f"{model if isinstance(model, str) else record.model} at {host}"
    return name_of([label], record.provider, _KIND)


def _host(address: Any) -> str | None:
    """Without the rest of an address, in which a key may be."""
    if not isinstance(address, str):
        return None
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
