"""The documents tell the truth: every setting, URL and command is in them, and theirs work."""

import json
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands
from django.urls import URLPattern, get_resolver

from qsmetrics import __version__, configuration
from tests.senders import READ
from tests.serving import serving
from usage.incoming_row import IncomingRow

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def row_of(setting: configuration.Setting) -> str:
    return next(
        line
        for line in README.splitlines()
        if line.startswith("| ") and f"`{setting.name}`" in line
    )


@pytest.mark.parametrize("setting", configuration.SETTINGS, ids=lambda setting: setting.name)
def test_readme_has_every_setting_with_its_default(setting: configuration.Setting):
    line = row_of(setting)
    if setting.default:
        assert f"`{setting.default}`" in line


def test_readme_names_no_setting_that_is_none():
    named = set(re.findall(r"`((?:METRICS|USAGE|DATABASE|SECRET)_[A-Z_]+)`", README))
    assert named == {setting.name for setting in configuration.SETTINGS}


def test_readme_has_every_url():
    paths = {
        "/" + str(pattern.pattern)
        for resolver in get_resolver().url_patterns
        for pattern in getattr(resolver, "url_patterns", [])
        if isinstance(pattern, URLPattern) and pattern.name not in (None, "missing")
        if str(getattr(resolver.pattern, "_route", "")) == ""
    }
    assert len(paths) >= 7
    assert [path for path in sorted(paths) if f"{path}`" not in README] == []
    assert "`/admin/`" in README


def test_the_table_of_senders_has_each_whose_names_are_read():
    table = (ROOT / "docs" / "senders.md").read_text(encoding="utf-8")
    senders = [read.sender for read in READ]
    assert len(senders) > 15
    assert [sender for sender in senders if sender not in table] == []


def test_readme_has_every_command():
    ours = {name for name, application in get_commands().items() if application == "usage"}
    assert {"serve", "purge", "import_metrics", "create_ingest_token"} <= ours
    assert [name for name in sorted(ours) if f"| `{name}" not in README] == []


def test_docs_have_every_field_of_a_row():
    sending = (ROOT / "docs" / "sending.md").read_text(encoding="utf-8")
    assert [name for name in IncomingRow.__struct_fields__ if f"`{name}`" not in sending] == []


def test_docs_have_every_figure(client, db):
    asking = (ROOT / "docs" / "asking.md").read_text(encoding="utf-8")
    totals = client.get("/_qs/metrics").json()["totals"]
    assert [name for name in totals if f"`{name}`" not in asking] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_pages_leads_somewhere(page: Path):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_changelog_knows_this_version():
    assert f"## {__version__} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_decisions_are_short():
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert len(decisions) >= 4
    lengths = {page.name: len(page.read_text(encoding="utf-8").splitlines()) for page in decisions}
    assert {name: lines for name, lines in lengths.items() if lines > 40} == {}


def run_command(command: str, base: str) -> Any:
    """What a README command answers, asked of the portal at `base`."""
    command = command.replace("http://127.0.0.1:8081", base).replace("curl ", "curl -s ")
    run = subprocess.run(["bash", "-c", command], capture_output=True, check=True, timeout=30)
    return json.loads(run.stdout)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_readmes_curl_commands_work_as_written(tmp_path: Path):
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    commands = [block for block in blocks if "curl" in block]
    assert len(commands) == 3
    with serving(tmp_path) as portal:
        base = f"http://{portal.host}:{portal.port}"
        answers = [run_command(command, base) for command in commands]
    assert answers[:2] == [
        {"accepted": 1, "duplicates": 0},
        {"accepted": 2, "duplicates": 0},
    ]
    assert answers[2]["totals"]["total_tokens"] == 1510


# What stands in backticks as if it were a path or a module of ours, but is a pattern or an example.
NO_PATH = re.compile(r"NAME|TIME|\*|…")
OF_OURS = tuple(f"{each.name}/" for each in ROOT.iterdir() if each.is_dir())


def test_every_path_in_backticks_exists():
    named = [
        (page.name, path)
        for page in PAGES
        for path in re.findall(r"`([\w./*…-]+)`", page.read_text(encoding="utf-8"))
        if (path.startswith(OF_OURS) or re.search(r"\w\.(?:py|md|toml|go|sh|html|css)$", path))
        if not NO_PATH.search(path)
    ]
    assert len(named) > 100
    assert [(page, path) for page, path in named if not (ROOT / path).exists()] == []


def test_every_module_in_backticks_can_be_found():
    named = [
        (page.name, name)
        for page in PAGES
        for name in re.findall(
            r"`(?:gunicorn |python -m )?((?:usage|dashboards|qsmetrics|benchmarks)(?:\.\w+)+)`",
            page.read_text(encoding="utf-8"),
        )
    ]
    assert ("deploying.md", "qsmetrics.wsgi") in named
    assert [(page, name) for page, name in named if find_spec(name) is None] == []
