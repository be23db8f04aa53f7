"""CSV cells that spreadsheets would run are text, and come back as they were."""

import csv
import io

import pytest

from tests.factory import store
from usage.importing.usage_files.csv_rows import header_of
from usage.spreadsheets import as_meant, as_text

SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212"
BEFORE = ("", " ", "  ", "\t", "\r", "\n", "\u00a0", "\u3000", "\u200b", "\ufeff", " \t ")
FORMULAS = [f"{before}{sign}1+1" for before in BEFORE for sign in SIGNS]
OTHERS = ["", "gpt-5", "a=b", "o'clock", "'quoted'", "1-2", " text", "'", "模型"]


@pytest.mark.parametrize("cell", [*FORMULAS, "\tx", "\rx"])
def test_a_formula_becomes_text(cell: str):
    assert as_text(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", OTHERS)
def test_other_cells_stay(cell: str):
    assert as_text(cell) == cell


@pytest.mark.parametrize("cell", [*FORMULAS, *OTHERS, "'=1", "''=1", "' =1"])
def test_every_cell_comes_back_as_it_was(cell: str):
    assert as_meant(as_text(cell)) == cell


@pytest.mark.django_db
def test_an_export_runs_nothing_and_can_be_imported(client):
    names = [f"{before}{sign}1" for before in ("", "  ", "\u3000") for sign in SIGNS]
    store(*[{"model": name, "app": name, "request_id": name} for name in names])
    exported = b"".join(client.get("/_qs/usage", {"format": "csv"})).decode()
    first, *lines = exported.encode().splitlines()
    header = header_of([first])
    assert header is not None
    models = [row["model"] for row in csv.DictReader(io.StringIO(exported))]
    assert models == [f"'{name}" for name in reversed(names)]
    assert [header.row_of(line)["app"] for line in lines] == list(reversed(names))
