"""`usage.live_keys`: keys are found by their shape, wherever they stand, and names are not."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import genai_prices.data
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api_keys import (
    ADDRESSES,
    AROUND,
    KEYS,
    LABELLED,
    LABELS,
    USER_AND_PASSWORD,
    kept,
    made,
)
from tests.thorough import examples
from usage.identity import hash_api_key
from usage.live_keys import (
    KeyInText,
    clean_hash,
    clean_id,
    clean_name,
    first_key,
    stand_in,
    without_keys,
)

THOUSANDS = examples(300_000)
KNOWN_NAMES = Path(__file__).parent / "data" / "model_names.json"


@pytest.mark.parametrize("provider", KEYS)
def test_a_key_is_replaced_wherever_it_stands(provider: str):
    key, templates = KEYS[provider], [*AROUND, *LABELS]
    found = [without_keys(around.format(key)) for around in templates]
    assert found == [kept(around, key) for around in templates]


@pytest.mark.parametrize("provider", LABELLED)
def test_a_secret_without_a_shape_is_known_by_its_label(provider: str):
    secret = LABELLED[provider]
    found = [without_keys(label.format(secret)) for label in LABELS]
    assert found == [kept(label, secret) for label in LABELS]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_password_in_an_address_is_replaced_with_its_user(address: str):
    found = without_keys(address.format(USER_AND_PASSWORD))
    assert found == kept(address, USER_AND_PASSWORD)


@pytest.mark.parametrize("provider", KEYS)
def test_a_key_cut_off_after_sixteen_characters_is_one_still(provider: str):
    key = KEYS[provider]
    if provider in ("zhipu", "azure", "aws session", "azure application", "telegram"):
        pytest.skip("known by the whole of its shape")
    beginning = next(
        (each for each in ("sk-ant-api03-", "sk-proj-", "sk-svcacct-", "github_pat_", "sk_live_",
                           "VENICE_INFERENCE_KEY_")
         if key.startswith(each)), key[:9],
    )  # fmt: skip
    assert key[:20] not in without_keys(f"it is {key[: len(beginning) + 20]}")


def test_several_keys_in_one_text_are_each_replaced():
    keys = [KEYS[name] for name in ("openai", "aws", "zhipu", "jwt", "azure", "github")]
    text = " and ".join([*keys, f"token={LABELLED['cohere']}"])
    expected = [stand_in(key) for key in keys]
    last = f"token={stand_in(LABELLED['cohere'])}"
    assert without_keys(text) == " and ".join([*expected, last])


@pytest.mark.parametrize("provider", ["anthropic", "openai project", "groq", "xai", "hugging face"])
def test_a_key_in_another_case_is_one_still(provider: str):
    for text in (KEYS[provider].upper(), KEYS[provider].lower()):
        assert without_keys(text) == stand_in(text)


@pytest.mark.parametrize("template", [*AROUND, *LABELS])
def test_nothing_is_replaced_twice(template: str):
    once = without_keys(template.format(KEYS["openai"]))
    assert without_keys(once) == once


def literals_of(rule: Any) -> Iterator[str]:
    """The names in a rule by which genai-prices knows a model."""
    for kind in ("equals", "starts_with", "ends_with", "contains", "regex"):
        if hasattr(rule, kind):
            yield getattr(rule, kind)
    for kind in ("or_", "and_"):
        for each in getattr(rule, kind, ()):
            yield from literals_of(each)


def published_names() -> set[str]:
    names: set[str | None] = set()
    for provider in genai_prices.data.providers:
        names |= {provider.id, provider.name}
        for model in provider.models:
            names |= {model.id, model.name, f"{provider.id}/{model.id}", *literals_of(model.match)}
    return {name for name in names if name}


def test_every_name_of_the_price_lists_passes_untouched():
    names = published_names()
    assert len(names) > 3000
    assert {name for name in names if without_keys(name) != name} == set()


def test_every_known_name_passes_untouched():
    known = json.loads(KNOWN_NAMES.read_text(encoding="utf-8"))
    names = {part for name in known for part in (name, *name.split("|"))}
    assert len(names) > 150
    assert {name for name in names if without_keys(name) != name} == set()


HEX = hash_api_key("any")
ULID, KSUID = "01ARZ3NDEKTSV4RRFFQ69G5FAV", "0ujtsYcgvSTl8PAuAdqWYSMnLOv"
PLAIN = (
    "",
    "gpt-4o",
    "sk-1234",
    "Bearer abc",
    HEX,
    HEX.upper(),
    HEX[:32],
    HEX[:40],
    f"sha256:{HEX}",
    "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "3F2504E0-4F89-41D3-9A0C-0305E82C3301",
    ULID,
    KSUID,
    "req_011CSHoEeqs5C35K2UUqR7Fy",
    "chatcmpl-AbC9xQz8Kd2LmN4pRs7TuV1wXy3Za",
    f"msg_{ULID}",
    f"chatcmpl-{HEX[:32]}",
    f"resp_{HEX[:48]}",
    "msg_01XFDUDYJgAACzvnptvVoYEL",
    f"task_{ULID}",
    "gen-1734024812-AbC9xQz8Kd2LmN4pRs7T",
    "mAitaLmkHPPlz7IPvtfUqQ4",
    f"disk-{HEX[:32]}",
    f"sess-{HEX[:32]}",
    f"sess-{ULID}",
    "sess-3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "sess_01JABCDEFGHJKMNPQRSTVWXYZ0",
    "thread_abc123def456ghi789jkl012",
    "call_AbCdEf0123456789xyz",
    f"litellm:{HEX}",
    "fp_44709d6fcb",
    "asst_abc123ABC456def789GHI012",
    "ft:gpt-4o:org::AbC123xy",
    "my-gpt-4o-mini-2024-07-18-eastus2",
    "prod-claude-sonnet-4-5-20250929-v1",
    "team-a_chat_prod",
    "xai-grok-4-fast-non-reasoning-latest",
    "hf_model_name_of_many_words_v2",
    "sk-learn-classifier-v2",
    "sk-SK-ViktoriaMultilingualNeural",
    "sk-telecom-a-x-4-0-light-2025",
    "fw_llama-v3p1-8b-instruct",
    "pplx-70b-online-chat-experimental",
    "pa-IN-OjasNeural-multilingual",
    "up_and_running_deployment",
    "laughs_and_other_long_words_here",
    "monkey=of-many-colours-and-more",
    "risk-assessment-model-2026",
    "first.last+tag@long-company-name.example.com",
    "sk-first-last@company.example.com",
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6",
    f"owner/model:{HEX}",
    "accounts/fireworks/models/deepseek-v3p1-terminus",
    "gsk_of_many_words_and_more",
    "the token: of-appreciation-for-all",
    "Basic subscription-plan-for-teams",
    "key=value-of-something-long",
    "AKIAsmall",
    "ASIAPACIFICREGIONDEPLOYMENT",
    "asia-southeast1-gpt-deployment",
    "dapibus-et-magnis-dis",
    "vertex_ai/claude-sonnet-4-5@20250929",
    "eyJhbGciOi",
    "файл-с-очень-длинным-названием",
    "模型" * 20,
)


@pytest.mark.parametrize("text", PLAIN)
def test_names_and_ids_pass_untouched(text: str):
    assert without_keys(text) is text
    assert first_key(text) is None
    assert clean_id(text) is text
    assert clean_name(text) == text


@given(st.uuids())
def test_no_uuid_is_a_key(number: uuid.UUID):
    assert without_keys(f"{number}") == f"{number}"
    assert without_keys(number.hex) == number.hex


@given(st.text(max_size=300))
def test_any_text_can_be_looked_through(text: str):
    assert without_keys(without_keys(text)) == without_keys(text)


@pytest.mark.parametrize("text", ["\ud800" * 30, "sk-\udfff" + "a" * 30, KEYS["groq"] + "\ud800"])
def test_text_that_is_no_unicode_can_be_looked_through(text: str):
    assert KEYS["groq"] not in without_keys(text)


@pytest.mark.parametrize(
    "text",
    [
        *("sk-" * THOUSANDS, "eyJ." * THOUSANDS, "key=" * THOUSANDS, "aaa" * THOUSANDS + "JQQJ9"),
        *("sk-a" * THOUSANDS, "Bearer " * THOUSANDS, "%3D" * THOUSANDS),
        "0123abcd" * THOUSANDS + ".",
    ],
    ids=lambda text: text[:8],
)
def test_a_megabyte_is_looked_through_in_one_pass(text: str):
    """Where time grew with the square of the length, this would not come to its end."""
    assert without_keys(text)[:3] == text[:3]


def test_a_key_is_not_cached():
    clean_name.cache_clear()
    for _ in range(2):
        with pytest.raises(KeyInText):
            clean_name(KEYS["anthropic"])
    assert clean_name.cache_info().currsize == 0


@pytest.mark.parametrize("around", ["{}", "Bearer {}", " {}\n", "my key is {}", "'{}'"])
@pytest.mark.parametrize("provider", ["anthropic", "openai", "groq", "aws", "google", "jwt"])
def test_the_hash_of_a_key_is_the_same_however_it_is_wrapped(provider: str, around: str):
    assert clean_hash(around.format(KEYS[provider])) == hash_api_key(KEYS[provider])


def test_a_short_key_is_hashed_where_a_hash_belongs():
    assert clean_hash("sk-1234") == hash_api_key("sk-1234")
    assert clean_hash("team-a") == "team-a"


def test_the_same_key_is_recognised_by_its_stand_in():
    key = made("sk-", 48)
    assert without_keys(key) == f"sk-…{hash_api_key(key)[:8]}"
