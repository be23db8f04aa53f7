"""`usage.intake`: bytes to records, quickly and without holding them."""

import datetime as dt
import gc
import gzip
import io
import itertools
import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api_keys import KEYS
from tests.streams import LONG_LINE, MEGABYTE, Stream, peak_while
from usage import identity, records
from usage.identity import hash_api_key
from usage.intake.body import BadEncoding, BodyTooLarge, read_pieces
from usage.intake.native import each_raw_object_under, parse_json, parse_ndjson
from usage.intake.parsed import MOST_ROWS, MalformedBody, ParsedRows, TooManyRowsInBody
from usage.records import TEXT_FIELDS, InvalidRow, record_from

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

# --- The quick way is right --------------------------------------------------------------------

odd = st.sampled_from(
    ["\0", "\n", "\x1f", "\x7f", "\x80", "\x9f", "\xa0", "\u2028", "\u2029", "\\", '"', "/", "é"]
)
texts = st.text(st.one_of(odd, st.sampled_from(string.ascii_letters + " "), st.characters()))
texts = texts.map(lambda text: text.encode("utf-8", "ignore").decode())  # JSON has no halves
rows = st.fixed_dictionaries(
    {"model": texts},
    optional={
        "timestamp": st.sampled_from(["2024-01-15T10:00:00Z", "2024-01-15T10:00:00+05:45", 1e9, 5]),
        "total_tokens": st.integers(-1, 10),
        "request_id": texts,
        "status": st.one_of(st.integers(-1, 1000), texts),
        "api_key_hash": st.one_of(
            texts, st.just("0aF9" * 16), st.just("sk-live"), st.just("-" * 64)
        ),
        "api_key": texts,
        "provider": texts,
        "requested_model": texts,
        "event_id": texts,
        "source": texts,
        "unknown": texts,
        "Provider": texts,
    },
)
many_rows = st.lists(rows, min_size=1, max_size=4)


def slowly(values: list[dict[str, Any]]) -> tuple[Any, Any]:
    """What the rows stand for, field by field in Python."""
    made, faults = [], []
    for index, row in enumerate(values):
        known = {"provider": row["Provider"], **row} if "Provider" in row else row
        try:
            made.append(record_from(known, NOW))
        except InvalidRow as error:
            faults += [(index, fault.field, fault.error) for fault in error.faults]
    return made, faults


def told(parsed: ParsedRows) -> tuple[Any, Any]:
    return parsed.records, [(e.index, e.field, e.error) for e in parsed.errors]


@given(values=many_rows, escaped=st.booleans())
def test_rows_mean_the_same_the_quick_way_and_the_slow(values, escaped):
    lines = [json.dumps(row, ensure_ascii=escaped).encode() for row in values]
    expected = slowly(values)
    assert told(parse_json(b"[" + b",".join(lines) + b"]", NOW)) == expected
    assert told(parse_ndjson([b"\n".join(lines)], NOW)) == expected
    assert told(parse_json(lines[0], NOW)) == slowly(values[:1])


FORBIDDEN = [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029]


def test_each_forbidden_character_is_found_however_it_is_written():
    fault = [(0, "model", "must not contain control characters")]
    for row in [{"model": f"a{chr(number)}b"} for number in FORBIDDEN]:
        for line in (json.dumps(row), json.dumps(row, ensure_ascii=False)):
            assert told(parse_ndjson([line.encode()], NOW)) == ([], fault)


@given(
    values=many_rows, cuts=st.lists(st.integers(0, 400), max_size=5), end=st.sampled_from("\n\r")
)
def test_a_body_means_the_same_however_it_is_cut(values, cuts, end):
    body = b"\xef\xbb\xbf" + (end * 2).join(map(json.dumps, values)).encode()
    places = [0, *sorted(cuts), len(body)]
    pieces = [body[start:stop] for start, stop in itertools.pairwise(places)]
    assert parse_ndjson(pieces, NOW) == parse_ndjson([body], NOW)


def test_bad_rows_keep_their_numbers_across_pieces():
    good, bad = b'{"model":"m"}\n', b"{}\n"
    parsed = parse_ndjson([good * 3 + bad, good + b"\n" + bad, bad + good], NOW)
    assert [error.index for error in parsed.errors] == [3, 5, 6]
    assert (len(parsed.records), parsed.bad_rows) == (5, 3)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_the_limit_of_rows_counts_rows(line_end):
    most = (b'{"model":"m"}' + line_end) * MOST_ROWS
    assert len(parse_ndjson([most, b"\n \n"], NOW).records) == MOST_ROWS
    with pytest.raises(TooManyRowsInBody):
        parse_ndjson([most, b'{"model":"m"}'], NOW)


# --- Nothing is held that need not be ------------------------------------------------------------


def test_an_ndjson_body_is_decoded_while_it_is_read_and_never_held():
    stream = Stream(iter([LONG_LINE] * 3000))  # 30 MB
    pieces = read_pieces(stream, "", 32 * MEGABYTE)
    parsed, peak = peak_while(lambda: parse_ndjson(pieces, NOW))
    assert len(parsed.records) == 3000
    assert peak < 3 * MEGABYTE


def test_a_gzipped_ndjson_body_is_not_held_either():
    body = gzip.compress(LONG_LINE * 3000)
    pieces = read_pieces(io.BytesIO(body), "gzip", 32 * MEGABYTE)
    parsed, peak = peak_while(lambda: parse_ndjson(pieces, NOW))
    assert len(parsed.records) == 3000
    assert peak < 3 * MEGABYTE


def test_a_zip_bomb_stops_at_the_limit_without_being_held():
    bomb = gzip.compress(b"\n" * (200 * MEGABYTE))
    pieces = read_pieces(io.BytesIO(bomb), "gzip", 32 * MEGABYTE)

    def explode() -> int:
        seen = 0
        with pytest.raises(BodyTooLarge):
            for piece in pieces:
                seen += len(piece)
        return seen

    seen, peak = peak_while(explode)
    assert seen <= 32 * MEGABYTE
    assert peak < 2 * MEGABYTE


@given(parts=st.lists(st.binary(max_size=50), min_size=1, max_size=4), cut=st.integers(0, 3))
def test_gzip_of_any_members_is_what_was_compressed_or_refused(parts, cut):
    packed = b"".join(map(gzip.compress, parts))
    packed = packed[: len(packed) - cut]
    try:
        got = b"".join(read_pieces(io.BytesIO(packed), "gzip", MEGABYTE))
    except BadEncoding:
        assert cut
    else:
        assert (got, cut) == (b"".join(parts), 0)


def test_rows_do_not_keep_the_garbage_collector_busy():
    body = b'{"model":"m","event_id":"e","timestamp":1705312800}\n' * 20_000
    before = sum(generation["collections"] for generation in gc.get_stats())
    parsed = parse_ndjson([body], NOW)
    assert sum(generation["collections"] for generation in gc.get_stats()) - before <= 2
    assert len(parsed.records) == 20_000


def remembered() -> set[object]:
    """All that the caches of intake hold."""
    caches = [
        value
        for module in (identity, records)
        for value in vars(module).values()
        if hasattr(value, "cache_info")
    ]
    assert len(caches) == 4
    held = [part for cache in caches for part in gc.get_referents(cache) if isinstance(part, dict)]
    return {key for part in held for key in part}


def test_caches_remember_hashes_but_no_keys():
    digest = hash_api_key("somebody's key")
    keys = ["sk-proj-1", "Bearer abc", "0" * 63 + "-", "g" * 64, "plain", "sk-" + "a" * 61]
    lines = [json.dumps({"model": "m", "api_key_hash": value}) for value in [digest, *keys]]
    lines += [json.dumps({"model": "m", "api_key": value}) for value in ["0" * 64, *keys]]
    parsed = parse_ndjson(["\n".join(lines).encode()], NOW)
    assert parsed.bad_rows == 0
    assert digest in remembered()
    assert remembered().isdisjoint({"0" * 64, *keys})


@pytest.mark.parametrize("name", [*TEXT_FIELDS, "status"])
def test_caches_remember_no_key_in_a_text(name: str):
    key = KEYS["deepseek"][:32]
    row = {"model": "m", "timestamp": 1_700_000_000, name: key}
    parsed = parse_ndjson([json.dumps(row).encode()], NOW)
    assert parsed.bad_rows == 0
    assert remembered().isdisjoint({key, key.lower()})


def test_what_many_rows_repeat_is_kept_once():
    row = {"model": "gpt-5-" + "x" * 20, "provider": "openai", "api_key_hash": hash_api_key("k")}
    first, second = parse_ndjson([json.dumps(row).encode() + b"\n"] * 2, NOW).records
    assert first.model is second.model
    assert first.provider is second.provider
    assert first.api_key_hash is second.api_key_hash


def test_the_rows_of_an_envelope_are_found_under_their_name():
    body = b'\xef\xbb\xbf {"gateway": "g", "calls": [ {"a": "]"} , 5, []], "more": {"calls": 1}}\n'
    assert list(map(bytes, each_raw_object_under("calls", body))) == [b'{"a": "]"}', b"5", b"[]"]
    assert each_raw_object_under("calls", b'{"calls":[]}') == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty"),
        (b"\xef\xbb\xbf \n", "the body is empty"),
        (b"[]", 'send an object with its rows as an array: {"calls": [rows]}'),
        (b"nonsense", 'send an object with its rows as an array: {"calls": [rows]}'),
        (b"{}", 'send an object with its rows as an array: {"calls": [rows]}'),
        (
            b'{"calls": {"calls": []}}',
            'send an object with its rows as an array: {"calls": [rows]}',
        ),
        (b'{"calls": [', "not valid JSON: input data was truncated"),
        (b'{"\xe9": 1}', "the body is not UTF-8"),
        (b'{"calls": ' + b"[" * 100_000, "the JSON is nested too deeply"),
    ],
)
def test_what_is_no_envelope_says_what_to_send(body: bytes, message: str):
    with pytest.raises(MalformedBody) as refused:
        each_raw_object_under("calls", body)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"model": "m", "status": 200}, {"model": "n", "unknown": [1]}],
        [{"model": "m"}, {"Model": "n", "PromptTokens": 3}],
        [{"model": "m"}, {"model": ""}, 5, [], {"model": "x", "total_tokens": "7"}],
    ],
)
def test_wrapped_rows_are_read_as_those_of_an_array(rows):
    alone = parse_json(json.dumps(rows).encode(), NOW)
    wrapped = parse_json(json.dumps({"gateway": "g", "metrics": rows}).encode(), NOW)
    assert (wrapped.records, wrapped.bad_rows) == (alone.records, alone.bad_rows)
    assert wrapped.errors == alone.errors


def test_an_envelope_holds_no_more_rows_than_any_body():
    with pytest.raises(TooManyRowsInBody):
        each_raw_object_under("calls", b'{"calls":[' + b"1," * MOST_ROWS + b"1]}")
