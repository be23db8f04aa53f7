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
from usage.upstream_accounts import AccountsTold, UpstreamKey, name_of

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
    try:
        hidden = _hidden.decode(hidden_params)
    except UNREADABLE:  # there is none, or it is null
        hidden = _LiteLLMHidden()
    model = hidden.litellm_model_name
    host = _host(api_base or hidden.api_base)
    if host is not None:
        label = f"{model if isinstance(model, str) and model else record.model} at {host}"
        if (name := name_of([label], record.provider, _KIND)) is not None:
            told.name(UpstreamKey(source, record.account or ""), name)
    quota_headers.read(hidden.additional_headers, source, record, told)


def _host(address: Any) -> str | None:
    """Without the rest of an address, in which a key may be."""
    if not isinstance(address, str):
        return None
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
