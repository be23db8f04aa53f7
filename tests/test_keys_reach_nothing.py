"""A key in clear, in whatever field of whatever way in, is in no row, sum, file, line or answer."""

import datetime as dt
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from tests import otlp
from tests.api_keys import KEYS, LABELLED, kept
from tests.migrated import migrated
from tests.serving import Portal, serving
from usage.audit_trail import REMOVED, note_command
from usage.collecting import dead_letters
from usage.collecting.spool import Spool
from usage.identity import event_identity, hash_api_key
from usage.importing.rejects import RejectFile
from usage.live_keys import stand_in, without_keys
from usage.log_lines import LineFormatter
from usage.models import AuditEntry, IdempotentPost, IngestToken, PriceOverride, UsageMetric
from usage.recording import Post, UsageBuffer, record_batch, record_once, record_usage
from usage.records import STORED_TEXTS, TEXT_FIELDS, InvalidRow, UsageRecord, record_from

NOW = dt.datetime(2026, 1, 15, 12, tzinfo=dt.UTC)
WRAPPED = ("{}", "Bearer {}", "my key is {}, is it not")
FIELDS = (*TEXT_FIELDS, "status", "api_key_hash", "api_key")


def secret_of(key: str) -> str:
    """A part of it that no stand-in and no name has."""
    return key[-14:]


def said_of(row: dict[str, Any]) -> str:
    """The record of a row, or why there is none."""
    try:
        return repr(record_from(row, NOW))
    except InvalidRow as error:
        return str(error)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("provider", KEYS)
def test_no_field_of_a_row_keeps_a_key(provider: str, field: str):
    key = KEYS[provider]
    texts = [around.format(key) for around in WRAPPED]
    said = [said_of({"model": "m", "timestamp": NOW, field: text}) for text in texts]
    assert [text for text in said if secret_of(key).lower() in text.lower()] == []
    must_be_kept = field not in ("status", "provider", "source", "service_tier")  # which are short
    assert not must_be_kept or all(text.startswith("UsageRecord(") for text in said)


@pytest.mark.parametrize("field", [name for name in TEXT_FIELDS if name != "event_id"])
def test_what_is_round_a_key_stays(field: str):
    row = {"model": "m", "timestamp": NOW, field: f"of {KEYS['openai']}!"}
    assert getattr(record_from(row, NOW), field) == f"of {stand_in(KEYS['openai'])}!"


def test_an_event_is_known_by_what_was_sent():
    """As before there was a guard: what is sent again after an upgrade counts once."""
    key = KEYS["openai"]
    row = {"model": "m", "timestamp": NOW, "event_id": key, "source": key}
    assert record_from(row, NOW).event_id == event_identity(key, key)


# --- Other ways in -------------------------------------------------------------------------------


def held() -> str:
    """All that the database's tables of usage hold."""
    rows = list(UsageMetric.objects.values_list(*STORED_TEXTS))
    posts = list(IdempotentPost.objects.values_list("writer", "key"))
    return repr([*rows, *posts])


def leaky(key: str) -> dict[str, Any]:
    fields = [name for name in STORED_TEXTS if name not in ("status", "provider", "source")]
    return dict.fromkeys(fields, f"it is {key}")


@pytest.mark.django_db
@pytest.mark.parametrize("provider", ["openai", "aws", "zhipu"])
def test_code_that_records_cannot_keep_a_key(provider: str):
    key = KEYS[provider]
    fields = leaky(key)
    record_usage(**fields)
    record_batch([fields, UsageRecord(NOW, **fields)])
    UsageMetric(timestamp=NOW, **fields).save()
    UsageMetric.objects.create(timestamp=NOW, **fields)
    UsageMetric.objects.bulk_create([UsageMetric(timestamp=NOW, **fields)])
    UsageMetric.objects.update(app=f"now {key}")
    assert UsageMetric.objects.count() == 6
    assert secret_of(key) not in held()
    assert set(UsageMetric.objects.values_list("model", flat=True)) == {f"it is {stand_in(key)}"}
    keys = set(UsageMetric.objects.values_list("api_key_hash", flat=True))
    assert keys == {hash_api_key(key)}


@pytest.mark.django_db(transaction=True)
def test_a_buffer_cannot_keep_a_key():
    with UsageBuffer() as buffer:
        buffer.add(**leaky(KEYS["groq"]))
    assert secret_of(KEYS["groq"]) not in held()
    assert UsageMetric.objects.get().model == f"it is {stand_in(KEYS['groq'])}"


@pytest.mark.django_db
def test_the_ledger_keeps_no_key_and_knows_it_again():
    post = Post("open", f"batch of {KEYS['openai']}", hash_api_key("body"))
    records = [record_from({"model": "m"}, NOW)]
    answers = [record_once(post, records, lambda result: {"n": result.accepted}) for _ in "ab"]
    assert answers == [({"n": 1}, False), ({"n": 1}, True)]
    assert secret_of(KEYS["openai"]) not in held()


def test_a_spool_of_an_older_version_is_read_without_its_keys(tmp_path: Path):
    spool = Spool(tmp_path / "east.spool")
    spool.add([UsageRecord(NOW, f"is {KEYS['xai']}")])
    assert [record.model for record in spool.records()] == [f"is {stand_in(KEYS['xai'])}"]
    spool.close()


@pytest.mark.django_db
def test_a_token_is_not_named_after_a_key():
    name = f"for {KEYS['github']}"
    with pytest.raises(ValidationError, match="write which proxy it is"):
        IngestToken(name=name, digest="d", hint="h").full_clean()
    token, _ = IngestToken.objects.issue(name)
    assert token.name == f"for {stand_in(KEYS['github'])}"


@pytest.mark.django_db
def test_the_audit_trail_is_told_no_key():
    note_command("purge", REMOVED, "x" * 400 + f" of {KEYS['openai']} and more" * 20)
    assert KEYS["openai"][:18] not in AuditEntry.objects.get().detail


@pytest.mark.django_db
def test_a_price_of_a_key_is_of_its_stand_in_as_the_rows_are():
    price = {"prompt_usd_per_mtok": 1, "completion_usd_per_mtok": 1}
    made = PriceOverride.objects.create(model_pattern=KEYS["openai"], **price)
    assert made.model_pattern == stand_in(KEYS["openai"])


# --- Files for people ----------------------------------------------------------------------------


@pytest.mark.parametrize("before", [0, 85, 90, 99, 185, 195, 985, 999])
@pytest.mark.parametrize("provider", ["openai", "jwt", "zhipu", "azure"])
def test_a_key_that_a_cut_would_halve_is_replaced_before(
    tmp_path: Path, provider: str, before: int
):
    key = KEYS[provider]
    text = "x" * (before - 1) + " " + key + " and more" * 200
    payload = {"model": text, "tokens": {text: text}}
    dead_letters.keep(tmp_path / "broken", json.dumps(payload).encode(), f"because of {text}")
    with RejectFile(tmp_path / "rejects") as rejects:
        rejects.write({"id": 1, "model": text, "app": text}, f"because of {text}")
        rejects.write({"id": "line 1", "model": text, "tokens": {text: 1}}, "why")
    for name in ("broken", "rejects"):
        written = (tmp_path / name).read_text()
        assert key[:18] not in written
        assert key[2:18] not in written


def test_a_line_of_the_log_holds_no_key():
    import logging

    key = KEYS["anthropic"]
    try:
        raise ValueError(f"wrong key: {key}")
    except ValueError:
        record = logging.LogRecord("x", 40, "p", 1, "asked %s", (f"/a?key={key}",), None)
        import sys

        record.exc_info = sys.exc_info()
    line = LineFormatter("%(message)s").format(record)
    assert secret_of(key) not in line
    assert line.startswith(f"asked /a?key={stand_in(key)}\nTraceback")
    assert f"ValueError: wrong key: {stand_in(key)}" in line


# --- A portal, as others see it ------------------------------------------------------------------

CHOSEN = (
    *("anthropic", "openai", "openai project", "openrouter", "xai", "groq", "hugging face"),
    *("perplexity", "google", "aws", "zhipu", "jwt", "github", "langfuse secret", "litellm"),
    *("azure", "qsmetrics"),
)


def rows_of(key: str) -> list[dict[str, Any]]:
    """A row with the key in every text field, for each way to wrap it, and one of Go's names."""
    ids = ("request_id", "response_id", "session", "event_id")
    long = ("model", "requested_model", *ids, "app", "user", "team", "project", "account")
    short = ("provider", "source", "api_key_hash") if len(key) <= 40 else ("api_key_hash",)
    rows = [
        {"timestamp": "2026-01-15T10:00:00Z", **dict.fromkeys((*long, *short), each.format(key))}
        for each in WRAPPED
    ]
    go = {"Model": key, "RequestID": f"r {key}", "APIKeyHash": key, "PromptTokens": 1}
    return [*rows, go]


def litellm_call(key: str) -> dict[str, Any]:
    return {
        "litellm_call_id": key,
        "id": f"id {key}",
        "startTime": 1_768_471_200.0,
        "endTime": 1_768_471_201.0,
        "model": f"openai/{key}",
        "model_group": key,
        "end_user": f"Bearer {key}",
        "metadata": {"user_api_key_hash": key},
        "status": "success",
    }


def traced(key: str) -> dict[str, Any]:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.response.model": f"of {key}",
        "gen_ai.request.model": key,
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.response.id": key,
        "user.id": f"Bearer {key}",
        "metadata.user_api_key_hash": key,
    }
    return otlp.request(otlp.span(attributes), resource={"service.name": f"app {key}"})


def post_all(portal: Portal, key: str) -> list[tuple[str, int, bytes]]:
    protobuf = {"Content-Type": "application/x-protobuf"}
    ndjson = {"Content-Type": "application/x-ndjson", "Idempotency-Key": f"once {key}"}
    lines = "\n".join(json.dumps(row) for row in rows_of(key)).encode()
    bad = [{"model": f"m {key}", "timestamp": f"at {key}", "prompt_tokens": key}]
    packed = {"Content-Encoding": "gzip"}
    sent = [
        ("rows", "/_qs/usage", rows_of(key), {}),
        ("lines", "/_qs/usage", lines, ndjson),
        ("packed", "/_qs/usage", gzip.compress(json.dumps(rows_of(key)).encode()), packed),
        ("bad rows", "/_qs/usage", bad, {}),
        ("unknown", f"/_qs/usage?{key}=1", bad, {}),
        ("litellm", "/_qs/litellm", [litellm_call(key)], {}),
        ("spans", "/v1/traces", traced(key), {}),
        ("protobuf", "/v1/traces", otlp.as_protobuf(traced(key)), protobuf),
    ]
    answers = [(what, portal.request("POST", *rest)) for what, *rest in sent]
    return [(what, answer.status, answer.body) for what, answer in answers]


ASKED = (
    *("/_qs/metrics", "/_qs/metrics?group_by=model", "/_qs/metrics?group_by=api_key", "/_qs/usage"),
    *("/_qs/metrics?group_by=provider", "/_qs/metrics?group_by=status", "/_qs/usage?format=csv"),
    *("/_qs/usage?format=ndjson", "/_qs/metrics/prometheus", "/_qs/health", "/_qs/metrics/ui"),
)


def test_keys_in_clear_reach_nothing(tmp_path: Path):
    keys = [KEYS[name] for name in CHOSEN] + [f"token={LABELLED['mistral']}"]
    said = b""
    with serving(migrated(tmp_path)) as portal:
        for key in keys:
            answers = post_all(portal, key)
            expected = [201, 201, 201, 400, 400, 201, 200, 200]
            assert [status for _, status, _ in answers] == expected, answers
            said += b"".join(body for *_, body in answers)
        for path in ASKED:
            answer = portal.request("GET", path)
            assert answer.status == 200
            said += answer.body
        for key in keys:
            query = f"model={key}&api_key_hash={key}&{key}={key}"
            for page in ("/_qs/metrics", "/_qs/metrics/ui"):
                said += portal.request("GET", f"{page}?{query}".replace(" ", "%20")).body
        asked = portal.request("GET", f"/_qs/metrics?model={KEYS['openai']}")
        rows = json.loads(asked.body)["totals"]["requests"]
        files = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert rows == 4  # whoever asks for a key finds what is kept in its place
    text = (said + files + portal.output.encode()).decode(errors="replace").lower()
    assert [key for key in keys if secret_of(key).lower() in text] == []
    assert stand_in(KEYS["openai"]) in said.decode()


def test_the_wrapping_of_keys_in_tests_is_what_people_write():
    assert without_keys(WRAPPED[1].format(KEYS["openai"])) == kept(WRAPPED[1], KEYS["openai"])
