"""The content security policies in a browser: nothing that our pages need is refused."""

import pytest
from django.utils import timezone
from model_bakery import baker

from qsmetrics import answers
from usage.models import OneTimePassword, UsageMetric

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = [
    "/admin/",
    "/admin/usage/usagemetric/",
    "/admin/usage/priceoverride/add/",
    "/admin/usage/ingesttoken/add/",
    "/admin/auth/user/add/",
    "/admin/auth/group/add/",
    "/admin/password_change/",
    "/admin/nothing/",
    "/_qs/docs",
    "/",
]


@pytest.fixture
def signed_in(chromium, live_server, client):
    context = chromium.new_context()
    alice = baker.make("auth.User", username="alice", is_staff=True, is_superuser=True)
    client.force_login(alice)
    session = client.cookies["qsmetrics_session"].value
    context.add_cookies([
        {"name": "qsmetrics_session", "value": session, "url": live_server.url}
    ])  # fmt: skip
    page = context.new_page()
    yield page
    context.close()


def refusals(page, url):
    """What the policy forbade there."""
    found = []
    listen = lambda message: found.append(message.text)  # noqa: E731
    page.on("console", listen)
    page.goto(url, wait_until="networkidle")
    page.remove_listener("console", listen)
    return [text for text in found if "Content Security Policy" in text or "unsafe-eval" in text]


def test_no_page_is_refused_what_it_needs(signed_in, live_server):
    baker.make(UsageMetric, timestamp=timezone.now(), model="gpt-4o", _quantity=3)
    assert not OneTimePassword.objects.exists()
    assert {path: refusals(signed_in, live_server.url + path) for path in PAGES} == {
        path: [] for path in PAGES
    }
    assert signed_in.goto(live_server.url + "/_qs/docs").ok
    signed_in.wait_for_selector(".opblock")


def test_unfold_still_needs_what_only_the_admin_may(signed_in, live_server, monkeypatch):
    """When this fails, unfold has learnt to live with less: give the admin our own policy."""
    monkeypatch.setattr(answers, "ADMIN", answers.OURS)
    refused = " ".join(refusals(signed_in, live_server.url + "/admin/usage/usagemetric/"))
    assert "unsafe-eval" in refused
    assert "inline style" in refused
