"""The admin in a browser: nothing comes from outside, nothing is wider than a phone."""

import pytest
from django.utils import timezone
from model_bakery import baker

from usage.access.first_admin import make_first_admin
from usage.models import UsageMetric

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = [
    "/admin/",
    "/admin/usage/usagemetric/",
    "/admin/usage/ingesttoken/add/",
    "/admin/auth/user/",
    "/admin/password_change/",
]


@pytest.fixture
def open_admin(chromium, live_server):
    """Opens a page of the admin and signs in with the first admin's one-time password."""
    contexts = []

    def sign_in(**options):
        contexts.append(chromium.new_context(**options))
        page = contexts[-1].new_page()
        name, password = make_first_admin()
        page.goto(live_server.url + "/admin/")
        page.fill("#id_username", name)
        page.fill("#id_password", password)
        page.click("#login-form button[type=submit]")
        page.wait_for_url("**/admin/password_change/")
        replace_password(page, password)
        return page

    yield sign_in
    for context in contexts:
        context.close()


def replace_password(page, old):
    page.fill("#id_old_password", old)
    page.fill("#id_new_password1", "Aurora-7-lake")
    page.fill("#id_new_password2", "Aurora-7-lake")
    page.click("#content-main button[type=submit]")
    page.wait_for_url("**/password_change/done/")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_pages_fit_and_take_nothing_from_outside(open_admin, live_server, width, scheme):
    baker.make(UsageMetric, timestamp=timezone.now(), model="gpt-4o", _quantity=3)
    page = open_admin(viewport={"width": width, "height": 900}, color_scheme=scheme)
    requested, errors = [], []
    page.on("request", lambda request: requested.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    for path in PAGES:
        page.goto(live_server.url + path)
        widest = page.evaluate("document.documentElement.scrollWidth")
        assert (path, widest <= width) == (path, True)
    assert [url for url in requested if not url.startswith((live_server.url, "data:"))] == []
    assert errors == []


def test_a_token_is_made_and_shown_once(open_admin, live_server):
    page = open_admin()
    page.goto(live_server.url + "/admin/usage/ingesttoken/add/")
    page.fill("#id_name", "Kong")
    page.click("button[name=_save]")
    text = page.input_value("#token")
    assert text.startswith("qsm_")
    page.click("text=I have copied it")
    page.wait_for_url("**/admin/usage/ingesttoken/")
    assert text not in page.content()
    assert "Kong" in page.content()
