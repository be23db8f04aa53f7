"""A portal that runs and wants a token, with a relay in front; skipped without `make live`."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live import programs
from tests.live.comparing import Row, all_rows, leaks
from tests.live.relay import Relay, relaying
from tests.serving import Portal, serving


@pytest.fixture(scope="session", autouse=True)
def _live_environment() -> None:
    if programs.is_installed():
        return
    reason = "needs the clients of other projects: make live"
    if os.environ.get("QSMETRICS_LIVE_MUST_RUN"):
        pytest.fail(f"QSMETRICS_LIVE_MUST_RUN is set, but this {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("live")


@pytest.fixture(scope="session")
def portal(folder: Path) -> Iterator[Portal]:
    with serving(folder) as running:
        yield running


@pytest.fixture(scope="session")
def token(portal: Portal, folder: Path) -> str:
    return programs.new_token(folder)


@pytest.fixture
def relay(portal: Portal, folder: Path) -> Iterator[Relay]:
    """What clients sent had prompts in it, and of those nothing is kept."""
    with relaying(portal.host, portal.port) as running:
        yield running
    assert leaks(folder, portal) == []


@pytest.fixture
def reporting(relay: Relay, token: str) -> dict[str, str]:
    """Settings for a client."""
    return programs.reporting_to(relay.url, token)


@pytest.fixture
def new_rows(portal: Portal) -> Callable[[], list[Row]]:
    """Asks for the rows that were stored since the test began."""
    known = {row["id"] for row in all_rows(portal)}
    return lambda: [row for row in all_rows(portal) if row["id"] not in known]
