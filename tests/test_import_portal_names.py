"""A portal's file whose names are not all told apart, there or here: figures stay, names follow."""

import io

import pytest
from django.core.management import call_command
from django.test import Client

from tests.old_files import run
from tests.portal_file import assert_same_sums, sums_here, sums_in
from tests.serving import manage
from usage.models import UsageMetric, UsageName
from usage.rollups.name_entries import ALWAYS, NEVER

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("portal_folder")]
PROVED = "Proved: the sums here are those of the old file."


def models(**query: str) -> dict[str, int]:
    answer = Client().get("/_qs/metrics", query).json()
    return {part["model"]: part["requests"] for part in answer["by_model"]}


def assert_checked():
    call_command("rebuild_rollups", "--check", stdout=io.StringIO())


@pytest.fixture
def folded(portal, tmp_path):
    """The file, in which an operator has folded what is rare."""
    done = manage(tmp_path, "fold_names", "--rarer-than", "54", METRICS_STORAGE_PATH=str(portal))
    assert done.returncode == 0, done.stderr
    return portal


@pytest.mark.parametrize("bound", [1, 2])
def test_sums_of_purged_rows_come_by_the_names_that_are_told_apart_here(portal, settings, bound):
    before = models_in_file()
    settings.METRICS_MAX_NAMES = bound
    assert run(portal).splitlines()[-1] == PROVED
    found = models()
    assert len(found) == bound + 1
    assert sum(found.values()) == 161
    assert {name: count for name, count in found.items() if name != "(other)"}.items() <= (
        before.items()
    )
    assert_checked()


def models_in_file() -> dict[str, int]:
    names = {0: 54, 1: 53, 2: 53}
    return {f"model-{number}": count for number, count in names.items()} | {"late": 1}


def test_a_history_has_as_many_names_as_it_has_on_whatever_day(portal, settings):
    settings.METRICS_MAX_NEW_NAMES = 0
    assert run(portal).splitlines()[-1] == PROVED
    assert models() == models_in_file()
    assert_same_sums(sums_here(), sums_in(portal))


def test_what_was_folded_there_is_so_here_and_can_be_released(folded):
    assert run(folded).splitlines()[-1] == PROVED
    assert models() == {"(other)": 107, "model-0": 54}
    assert_same_sums(sums_here(), sums_in(folded))
    entry = UsageName.objects.get(name="model-1")
    assert (entry.counts_from, entry.is_folded) == (NEVER, True)
    assert_checked()
    there = UsageMetric.objects.filter(model="model-1").count()
    assert models(model="model-1") == {"model-1": there}
    call_command("fold_names", "--release", "model-1", stdout=io.StringIO())
    assert models() == {"(other)": 107 - there, "model-0": 54, "model-1": there}
    assert_checked()


def test_what_is_known_here_is_decided_here(folded):
    from tests.factory import store

    store({"model": "model-1"})
    assert run(folded).splitlines()[-1] == PROVED
    there = UsageMetric.objects.filter(model="model-1").count()
    assert models()["model-1"] == there
    assert UsageName.objects.get(name="model-1").counts_from == ALWAYS
    assert_checked()
