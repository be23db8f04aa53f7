"""A row as clients write it: the types and bounds of the contract, which its table has too."""

import datetime as dt
from typing import Annotated

import msgspec
from msgspec import Meta

MOST_TOKENS = 2**53
MOST_MS = 2**53
MOST_USD = 1_000_000_000
# Characters. A model and ids are texts, a provider and a source are names.
LONGEST_TEXT, LONGEST_NAME, LONGEST_STATUS, LONGEST_HASH = 255, 64, 32, 64

# In the schema of a field: understood, and not told of.
UNDESCRIBED = "x-undescribed"
_INT64 = {"format": "int64"}  # which clients take for 32 bits otherwise
Tokens = Annotated[int, Meta(ge=0, le=MOST_TOKENS, extra_json_schema=_INT64)] | None
Milliseconds = Annotated[float, Meta(ge=0, le=MOST_MS)] | None
Dollars = Annotated[float, Meta(ge=0, le=MOST_USD)] | None
Name = Annotated[str, Meta(max_length=LONGEST_NAME)] | None
Text = Annotated[str, Meta(max_length=LONGEST_TEXT)] | None
_Moment = Annotated[dt.datetime, Meta(extra_json_schema={"format": "date-time"})]


class IncomingRow(msgspec.Struct, kw_only=True, gc=False):
    """A row as clients write it: the types and bounds of the contract. Null means absent."""

    model: Annotated[str, Meta(min_length=1, max_length=LONGEST_TEXT)]
    timestamp: Annotated[
        _Moment | int | float | None,
        Meta(description="Completion: RFC 3339, Unix seconds or milliseconds; default now."),
    ] = None
    prompt_tokens: Tokens = None
    completion_tokens: Tokens = None
    total_tokens: Annotated[Tokens, Meta(description="Default: prompt + completion.")] = None
    request_id: Text = None
    status: Annotated[
        Annotated[int, Meta(ge=0, le=999)] | Annotated[str, Meta(max_length=LONGEST_STATUS)] | None,
        Meta(description='"200" or 200.'),
    ] = None
    latency_ms: Milliseconds = None
    api_key_hash: Annotated[
        str | None,
        Meta(description=f"Up to {LONGEST_HASH} characters, normally the key's SHA-256 in hex."),
    ] = None
    # Hashed on receipt and dropped; no generated client shall offer to send one.
    api_key: Annotated[str | None, Meta(extra_json_schema={UNDESCRIBED: True})] = None
    provider: Name = None
    requested_model: Text = None
    cached_tokens: Annotated[Tokens, Meta(description="Part of prompt_tokens.")] = None
    cache_write_tokens: Annotated[Tokens, Meta(description="Part of prompt_tokens.")] = None
    reasoning_tokens: Annotated[Tokens, Meta(description="Part of completion_tokens.")] = None
    ttft_ms: Annotated[Milliseconds, Meta(description="Time to first token.")] = None
    cost_usd: Dollars = None
    event_id: Annotated[
        Text, Meta(description="The client's own; needs a timestamp. A resend counts once.")
    ] = None
    source: Name = None
    response_id: Annotated[Text, Meta(description="The provider's own id of its answer.")] = None
    app: Annotated[Text, Meta(description="The program that asked.")] = None
    user: Annotated[Text, Meta(description="On whose behalf.")] = None
    team: Text = None
    project: Text = None
    session: Text = None
    account: Text = None
    cache_write_1h_tokens: Annotated[
        Tokens, Meta(description="Part of cache_write_tokens: those kept for an hour.")
    ] = None
    audio_input_tokens: Annotated[Tokens, Meta(description="Part of prompt_tokens.")] = None
    audio_output_tokens: Annotated[Tokens, Meta(description="Part of completion_tokens.")] = None
    image_input_tokens: Annotated[Tokens, Meta(description="Part of prompt_tokens.")] = None
    image_output_tokens: Annotated[Tokens, Meta(description="Part of completion_tokens.")] = None
    service_tier: Annotated[
        Name, Meta(description="`batch`, `flex`, `priority`, `fast`, …: each has its price.")
    ] = None
