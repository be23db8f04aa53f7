"""`manage.py import_metrics`: what cannot be imported says so in one line."""

import os
import sqlite3

import pytest
from django.core.management import CommandError
from django.db import connection

from tests.old_files import TEXT, run
from usage.models import UsageMetric

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("portal_folder")]


def test_a_file_damaged_in_the_middle_says_how_far_it_came(old_file):
    path = old_file(*({"timestamp": TEXT, "model": "m" * 200} for _ in range(3_000)))
    content = bytearray(path.read_bytes())
    middle = len(content) * 3 // 4 // 4096 * 4096
    content[middle : middle + 4096 * 8] = b"\xff" * 4096 * 8
    path.write_bytes(content)

    with pytest.raises(CommandError, match="the old file is damaged: ") as caught:
        run(path)

    stored = UsageMetric.objects.count()
    assert stored > 2_000
    assert f"{stored:,} rows had been imported before" in str(caught.value)


class TestWhatCannotBeImported:
    @pytest.mark.parametrize(
        ("content", "error"),
        [
            (None, "does not exist: give the path of the old metrics.db"),
            (b"", "is empty: there is nothing in it to import"),
            (b"not a database" * 100, "this is no SQLite database, or an encrypted one"),
            (os.urandom(8192), "this is no SQLite database, or an encrypted one"),
        ],
    )
    def test_what_is_no_old_database(self, tmp_path, content, error):
        path = tmp_path / "old.db"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(CommandError) as caught:
            run(path)
        assert error in str(caught.value)
        assert str(caught.value).endswith(". Nothing was imported.")

    def test_a_folder(self, tmp_path):
        with pytest.raises(CommandError, match="is a folder without transcripts"):
            run(tmp_path)

    @pytest.mark.parametrize(
        ("schema", "error"),
        [
            ("id, model", "has no column timestamp, so nothing can be imported"),
            ("id, timestamp", "has no column model, so nothing can be imported"),
        ],
    )
    def test_a_table_that_is_not_ours(self, old_file, schema, error):
        with pytest.raises(CommandError, match=error):
            run(old_file(schema=schema))

    @pytest.mark.parametrize(
        "made",
        [
            "CREATE VIEW usage_metrics AS SELECT 1 AS id, 2 AS timestamp, 3 AS model",
            "CREATE TABLE usage_metrics (id PRIMARY KEY, timestamp, model) WITHOUT ROWID",
        ],
    )
    def test_a_table_whose_rows_have_no_number(self, tmp_path, made):
        old = sqlite3.connect(tmp_path / "old.db")
        old.execute(made)
        old.close()
        with pytest.raises(CommandError, match="WITHOUT ROWID: copy it to a plain table first"):
            run(tmp_path / "old.db")

    @pytest.mark.skipif(connection.vendor != "sqlite", reason="the portal's own SQLite file")
    def test_the_portal_into_itself(self, tmp_path):
        link = tmp_path / "link.db"
        link.symlink_to(connection.settings_dict["NAME"])
        with pytest.raises(CommandError, match="is the portal's own database"):
            run(link)

    def test_rejects_over_the_old_file(self, old_file):
        path = old_file({"timestamp": "x", "model": "m"})
        before = path.read_bytes()
        with pytest.raises(CommandError, match="a database: name another file"):
            run(path, rejects=path)
        assert path.read_bytes() == before

    def test_rejects_in_a_missing_folder(self, old_file, tmp_path):
        with pytest.raises(CommandError, match=r"the folder .* is missing"):
            run(old_file(), rejects=tmp_path / "none" / "bad.ndjson")

    def test_an_unknown_zone(self, old_file):
        with pytest.raises(CommandError, match="--source-time-zone is 'Mars': write an IANA name"):
            run(old_file(), source_time_zone="Mars")
