"""`manage.py import_metrics` of files that are no databases: known by content, taken once."""

import gzip
import io
import json
import os
import sqlite3
import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.old_files import counts, rejects_of, run
from usage.importing import run as importing
from usage.models import UsageMetric
from usage.rollups.horizon import move_purge_horizon

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("portal_folder")]
DATA = Path(__file__).parent / "data"
ROWS = {
    "exports/cliproxy-export.json": 4,
    "exports/cliproxy-queue.ndjson": 3,
    "exports/keeper-events.csv": 2,
    "exports/keeper-events.json": 2,
    "exports/cpa-manager-events.jsonl": 2,
    "captures/litellm/001_litellm_json_array.body": 4,
    "captures/litellm/002_litellm_ndjson.body": 4,
    "captures/litellm/003_litellm_single.body": 1,
}
SECRETS = ["SECRET", "secret.person", "secret-agent", "sk-", "example.com", "192.0.2.10"]
ROW = '{"timestamp": "2024-01-15T10:00:00Z", "model": "m", "total_tokens": 5, "request_id": "%d"}\n'
HEADER = "timestamp,model,total_tokens,request_id\n"


def ndjson(count: int) -> bytes:
    return "".join(ROW % n for n in range(count)).encode()


@pytest.fixture
def file(tmp_path):
    """Writes a file without a telling name."""

    def write(content: bytes | str) -> Path:
        path = tmp_path / "file"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def rejects(path: Path) -> list[tuple[str, str]]:
    lines = map(json.loads, rejects_of(path).read_text().splitlines())
    return [(line["id"], line["reason"]) for line in lines]


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_kind_is_known_by_its_content_and_imported_once(file, name, pack):
    path = file(pack((DATA / name).read_bytes()))

    first, second = run(path), run(path)

    assert counts(first) == f"{ROWS[name]} imported, 0 there before, 0 rejected."
    assert counts(second) == f"0 imported, {ROWS[name]} there before, 0 rejected."
    assert set(UsageMetric.objects.values_list("source", flat=True)) == {"import"}


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + ndjson(2),
        ndjson(2).replace(b"\n", b"\r\n"),
        b"\n \n" + ndjson(2).replace(b"\n", b"\n\n"),
        ndjson(2).rstrip(),
        b"\xef\xbb\xbf[" + ndjson(2).strip().replace(b"\n", b",") + b"]\n",
        json.dumps([json.loads(ROW % n) for n in range(2)], indent=4).encode(),
        b'{"metrics": [' + ndjson(2).strip().replace(b"\n", b",") + b"]}",
        b'{"usage":[' + ndjson(2).strip().replace(b"\n", b",") + b'],"next_cursor":null}',
        (HEADER + "2024-01-15T10:00:00Z,m,5,0\n2024-01-15T10:00:00Z,m,5,1\n").encode(),
        b"\xef\xbb\xbfTimestamp;Model;TotalTokens\r\n1705312800;m;5\r\n1705312801;m;5\r\n",
        b"timestamp\tmodel\ttotal_tokens\n1705312800\tm\t5\n1705312801\tm\t5",
        gzip.compress(ndjson(1)) + gzip.compress((ROW % 7).encode()),
    ],
)
def test_marks_line_ends_and_wrappings_make_no_difference(file, content):
    assert counts(run(file(content))) == "2 imported, 0 there before, 0 rejected."
    assert set(UsageMetric.objects.values_list("model", "total_tokens")) == {("m", 5)}


def test_a_broken_line_costs_only_itself(file):
    lines = [
        '4, "model": "the end of a line"}',
        ROW % 1,
        '{"timestamp": "2024-01-15T10:00:00Z", "model": "m", "total_tok',
        "\0\0\0\0",
        "[1]",
        '{"some": "thing"}',
        '{"version": 1, "usage": {}}',
        '{"timestamp": "2024-01-15T10:00:00Z", "model": "m", "total_tokens": -1}',
        '{"model": "m", "total_tokens": 1}',
        '{"timestamp": "2024-01-15T10:00:00Z", "model": "m", "status": ' + "[" * 5000,
        ROW % 2,
    ]
    path = file("\n".join(line.strip() for line in lines))

    assert counts(run(path)) == "2 imported, 0 there before, 9 rejected."
    assert rejects(path) == [
        ("line 1", "is no JSON object"),
        ("line 3", "is not valid JSON: it is cut off"),
        ("line 4", "is not valid JSON: invalid character (byte 0)"),
        ("line 5", "is no JSON object"),
        ("line 6", "is no row of a kind that is understood"),
        ("line 7", "is a whole export in a line: save it as a file of its own"),
        ("line 8", "total_tokens: must be a whole number from 0 to 9007199254740992"),
        ("line 9", "is no row of a kind that is understood"),
        ("line 10", "is not valid JSON: not UTF-8, or nested too deeply"),
    ]


def test_a_broken_line_of_csv_costs_only_itself(file):
    lines = [
        HEADER.strip(),
        "2024-01-15T10:00:00Z,m,5,1",
        '2024-01-15T10:00:00Z,"m,5,2',
        "2024-01-15T10:00:00Z,m",
        "yesterday,m,5,3",
        "2024-01-15T10:00:00Z,,5,4",
        "2024-01-15T10:00:00Z,m,many,5",
        "2024-01-15T10:00:00Z,m,5,6",
    ]
    path = file("\n".join(lines).encode() + b"\n\xff\xfe,m,5,7")

    assert counts(run(path)) == "2 imported, 0 there before, 6 rejected."
    assert [place for place, _ in rejects(path)] == [
        *("line 3", "line 4", "line 5", "line 6", "line 7", "line 9"),
    ]


def test_an_endless_line_is_rejected_in_bounded_memory(file):
    path = file(ndjson(1) + b'{"model": "' + b"m" * 17_000_000 + b'"}\n' + (ROW % 5).encode())
    assert counts(run(path)) == "2 imported, 0 there before, 1 rejected."
    assert rejects(path) == [("line 2", "the line is longer than 16,777,216 bytes")]


def zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("usage.json", ndjson(1))
    return packed.getvalue()


EXPORT = (DATA / "exports" / "cliproxy-export.json").read_bytes()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "is empty"),
        (b" \r\n\t\0\0", "is blank: there is nothing in it to import"),
        (b"[]", "has no rows: there is nothing in it to import"),
        (b'{"metrics": []}', "has no rows: there is nothing in it to import"),
        (ndjson(1).decode().encode("utf-16"), "is UTF-16, not UTF-8: make it so with `iconv"),
        (ndjson(1).decode().encode("utf-16-be"), "is UTF-16, not UTF-8: make it so with `iconv"),
        (zipped(), "is a zip archive: unpack it"),
        (b"\xfd7zXZ\0" + b"x" * 99, "is packed by xz: unpack it first"),
        (
            gzip.compress(b"SQLite format 3\0", mtime=0),
            "is a database, packed by gzip: unpack it first",
        ),
        (gzip.compress(gzip.compress(ndjson(1)), mtime=0), "is packed by gzip twice"),
        (gzip.compress(EXPORT, mtime=0)[:-20], "is gzip that is cut off or damaged"),
        (b"\x1f\x8bno gzip", "is gzip that is cut off or damaged"),
        (EXPORT[:-20], "is JSON that is cut off in the middle"),
        (EXPORT.replace(b'"apis":', b'"apis"'), "it is not valid JSON: expected ':'"),
        (b'{"usage": {"apis": {"k": 5}}}', "is no export of CLIProxyAPI's statistics: "),
        (b'{"apis": {"k": {"models": {"m": {"details": 5}}}}}', "is no export of CLIProxyAPI's"),
        (b'{"usage": {"apis": {"\xff": {}}}}', "is not UTF-8, or nested too deeply"),
        (b'{"messages": [{"role": "user"}]}', "none of its first items is a row"),
        (b'[{"model": "gpt-5", "messages": []}]', "none of its first items is a row"),
        (b"[1, 2, 3]", "none of its first items is a row"),
        (b"[" * 5000, "nested too deeply"),
        (b'{"a":' * 5000, "nested too deeply"),
        (b"a,b\n1,2\n", "no text that is understood"),
        (b"x\0" + os.urandom(2000), "no SQLite database, or an encrypted one"),
        (b"x" * 10 + b"\0" * 50, "it holds NUL bytes"),
        (b'{"support_refresh":true}\n{"refresh":true}\n', "no text that is understood"),
    ],
)
def test_what_cannot_be_imported_says_why(file, content, error):
    with pytest.raises(CommandError) as caught:
        run(file(content))
    assert error in str(caught.value)
    assert str(caught.value).endswith(". Nothing was imported.")


def test_what_is_not_understood_hears_what_is(file):
    with pytest.raises(CommandError, match="Understood are, packed by gzip or not: CLIProxyAPI's"):
        run(file(b"Dear diary,\n"))


def test_an_import_that_broke_off_goes_on(file):
    rows = 12_000
    wide = ndjson(rows).replace(
        b"}", b', "nothing": "%s"}' % (b"x" * 200)
    )  # a megabyte is read at once
    whole = gzip.compress(wide)
    with pytest.raises(CommandError, match="rows had been imported before") as caught:
        run(file(whole[: len(whole) // 2]))
    before = UsageMetric.objects.count()
    assert before >= 2_000
    assert f"{before:,} rows had been imported before" in str(caught.value)

    said = run(file(whole))

    assert counts(said) == f"{rows - before:,} imported, {before:,} there before, 0 rejected."


def test_a_grown_file_adds_only_the_news(file):
    run(file(ndjson(3)))
    assert counts(run(file(ndjson(5)))) == "2 imported, 3 there before, 0 rejected."


def test_what_was_purged_in_between_does_not_come_back(file):
    path = file(ndjson(3) + ndjson(1).replace(b"2024", b"2025"))
    run(path)
    rows = UsageMetric.objects.filter(timestamp__year=2024)
    later = UsageMetric.objects.latest("timestamp").timestamp
    move_purge_horizon(later)
    rows.delete_but_keep_sums()

    said = run(path)

    assert counts(said) == "0 imported, 1 there before, 0 rejected."
    assert "3 rows from before 2025-01-15T10:00:00Z were left out" in said
    assert UsageMetric.objects.count() == 1


def test_progress_is_shown_on_a_terminal(file, capsys):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for content, shown in [(ndjson(3), "100%"), (EXPORT, "4.00/4.00")]:
        call_command("import_metrics", file(content), stdout=io.StringIO(), stderr=Terminal())
        assert shown in capsys.readouterr().err


@pytest.mark.django_db(transaction=True)
def test_no_secret_reaches_output_rejects_or_database(file, portal_folder):
    said = ""
    for name in ROWS:
        if name.startswith("exports"):
            content = (DATA / name).read_bytes()
            broken = [
                content.replace(good, bad)
                for good, bad in [
                    (b"gpt-5", b"gpt\\u0007-5"),
                    (b'_tokens":', b'_tokens":-'),
                    (b'_tokens": ', b'_tokens": -'),
                    (b"2026-", b"1026-"),
                    (b",1200,", b",-1,"),
                    (b'"timestamp"', b'"timestamp'),
                ]
            ]
            for number, each in enumerate([content, *broken, content[: len(content) // 2]]):
                try:
                    said += run(file(each), rejects=portal_folder / f"{Path(name).name}.{number}")
                except CommandError as error:
                    said += str(error)
    said += "".join(path.read_text() for path in portal_folder.iterdir())
    said += repr(list(UsageMetric.objects.values_list()))
    assert '"reason"' in said
    assert [secret for secret in SECRETS if secret in said] == []
    if connection.vendor == "sqlite":
        database = Path(connection.settings_dict["NAME"])
        files = [path for path in database.parent.iterdir() if path.name.startswith(database.name)]
        kept = "".join(path.read_bytes().decode("latin-1") for path in files)
        # Other tests' rows leave traces in the same file: these two words are in no other.
        assert [secret for secret in ("secret.person", "secret-agent") if secret in kept] == []


def test_a_database_of_another_program_says_what_is_missing(tmp_path):
    old = sqlite3.connect(tmp_path / "other.db")
    old.execute("CREATE TABLE usage_events (id INTEGER PRIMARY KEY, what TEXT)")
    old.close()
    with pytest.raises(CommandError, match="holds no table usage_metrics"):
        run(tmp_path / "other.db")


def test_a_dry_run_says_what_an_import_would_do_and_stores_nothing(file):
    path = file(ndjson(3).decode() + ROW % 2 + "{\n")
    said = run(path, dry_run=True)
    assert counts(said) == "4 would be imported, 0 there before, 1 rejected."
    assert "20 tokens would be imported. Nothing was stored" in said
    assert not UsageMetric.objects.exists()
    assert counts(run(path)) == "4 imported, 0 there before, 1 rejected."
    assert counts(run(path, dry_run=True)) == "0 would be imported, 4 there before, 1 rejected."


def test_an_import_proves_that_what_was_read_is_here(file):
    rows = '{"timestamp": 1705312800, "model": "m", "total_tokens": 5, "cost_usd": 0.25}\n' * 2
    proof = "Proved: 2 rows with 10 tokens and $0.500000 of costs are here, as they were"
    path = file(rows)
    assert proof in run(path)
    assert "Proved" not in run(path)  # nothing was imported


def test_an_import_of_which_something_went_missing_says_so(file, monkeypatch):
    monkeypatch.setattr(importing, "stored_events", lambda _: {})
    with pytest.raises(CommandError, match=r"2 rows with 10 tokens .* but here are 0 with 0"):
        run(file(ndjson(2)))
