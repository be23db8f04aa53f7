"""A headless Chromium for tests of pages; they are skipped where there is none."""

import shutil

import pytest
from django.db import connections

# The shell shows nothing to people, at a third of the work.
_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUM = next(filter(None, map(shutil.which, _PROGRAMS)), None)


@pytest.fixture(scope="session")
def chromium(django_db_setup):
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="needs Playwright: pip install -r requirements-dev.txt"
    )
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium-headless-shell")
    with playwright.sync_playwright() as running, pytest.MonkeyPatch.context() as patch:
        # Playwright's loop runs in this thread, where Django would refuse its plain queries.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
        # Playwright runs tests in a context of its own, where Django opens connections that
        # its own teardown does not see: PostgreSQL would refuse to drop the database.
        connections.close_all()


@pytest.fixture
def open_page(chromium, live_server):
    """Opens a path of the portal; the test fails when the browser had anything to complain."""
    contexts, complaints = [], []

    def open_path(path="/", **options):
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.clock.install()
        page.goto(live_server.url + path)
        page.complaints = complaints
        return page

    yield open_path
    for context in contexts:
        context.close()
    assert complaints == []
