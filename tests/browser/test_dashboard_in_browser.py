"""The dashboard in a real browser: charts, refresh, menus, narrow screens, no JavaScript."""

import datetime as dt

import pytest
from django.utils import timezone

from usage.models import UsageMetric

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NARROW = {"width": 390, "height": 844}
TOKENS = "Chart.getChart('tokens-chart').data.datasets[0].data"
LATER = 31_000


def wait_for_tokens(page, tokens):
    """The chart follows once the new figures have settled, after the cards show them."""
    page.wait_for_function(f"() => {TOKENS}.reduce((sum, each) => sum + each, 0) === {tokens}")


def add_usage(model="gpt-5", tokens=100, hours_ago=1):
    moment = timezone.now() - dt.timedelta(hours=hours_ago)
    UsageMetric.objects.create(model=model, total_tokens=tokens, timestamp=moment, status="200")


def test_charts_draw_under_the_strict_policy_with_gaps_as_zero(open_page):
    add_usage(tokens=300, hours_ago=5)
    add_usage(tokens=100, hours_ago=1)
    page = open_page("/?range=24h")
    columns = page.evaluate(TOKENS)
    assert [column for column in columns if column] == [300, 100]
    assert len(columns) == 25
    assert page.locator("#tokens-chart").bounding_box()["width"] > 600


def test_a_refresh_brings_new_figures_into_the_same_chart(open_page):
    add_usage(tokens=100)
    page = open_page()
    page.evaluate("document.getElementById('tokens-chart').isTheSame = true")
    page.locator("details.times > summary").click()
    add_usage(tokens=50)
    with page.expect_response(lambda response: "hx-request" in response.request.headers):
        page.clock.fast_forward(LATER)
    wait_for_tokens(page, 150)
    assert page.locator(".card .value").nth(1).inner_text() == "150"
    assert page.evaluate("document.getElementById('tokens-chart').isTheSame")
    assert page.locator("#times tbody td").nth(2).inner_text() == "150"  # and still open


def test_a_failed_refresh_says_so_and_keeps_the_figures(open_page):
    add_usage(tokens=100)
    page = open_page()
    page.route("**/*", lambda route: route.fulfill(status=503, body="busy"))
    page.clock.fast_forward(LATER)
    page.get_by_text("Could not refresh").wait_for()
    assert page.locator(".card .value").nth(1).inner_text() == "100"
    page.unroute("**/*")
    page.clock.fast_forward(LATER)
    page.locator("#refresh-trouble:empty").wait_for(state="attached")
    assert all("503" in complaint for complaint in page.complaints)
    page.complaints.clear()


def test_a_login_page_in_between_is_not_taken_for_figures(open_page):
    add_usage(tokens=100)
    page = open_page()
    page.route("**/*", lambda route: route.fulfill(status=200, body="<h1>Sign in</h1>"))
    page.clock.fast_forward(LATER)
    page.get_by_text("Could not refresh").wait_for()
    assert page.locator(".card .value").nth(1).inner_text() == "100"


def test_a_paused_page_does_not_refresh(open_page):
    add_usage()
    page = open_page()
    pause = page.get_by_role("button", name="Pause")
    pause.click()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.fast_forward(LATER)
    pause.click()
    with page.expect_request("**/*"):
        page.clock.fast_forward(LATER)
    assert len(asked) == 1  # and none while it was paused


def test_the_first_request_replaces_the_empty_state(open_page):
    page = open_page()
    page.get_by_text("Waiting for the first request").wait_for()
    assert page.get_by_role("button", name="Copy").is_visible()
    add_usage(tokens=100)
    page.clock.fast_forward(LATER)
    page.locator("#tokens-chart").wait_for()


def test_models_are_found_and_chosen_in_the_menu(open_page):
    add_usage(model="gpt-5", tokens=100)
    add_usage(model="claude-opus", tokens=7)
    page = open_page("/?range=7d")
    page.locator("summary", has_text="All models").click()
    page.get_by_label("Find a model").fill("OPUS")
    assert page.locator(".choices label:visible").all_inner_texts() == ["claude-opus"]
    page.get_by_label("claude-opus").check()
    page.get_by_role("button", name="Show models").click()
    page.wait_for_url("**/?range=7d&model=claude-opus")
    assert page.locator(".card .value").nth(1).inner_text() == "7"


def test_escape_closes_a_menu_and_gives_the_focus_back(open_page):
    page = open_page()
    summary = page.locator("summary", has_text="Custom range")
    summary.click()
    page.keyboard.press("Escape")
    assert not page.get_by_label("From").is_visible()
    assert summary.evaluate("element => element === document.activeElement")


@pytest.mark.parametrize("path", ["/?range=7d", "/?range=all&model=none", "/?range=nonsense"])
def test_a_narrow_page_never_scrolls_sideways(open_page, path):
    for number in range(30):
        add_usage(model=f"{number}-" + "very-long-name" * 15, tokens=10**15)
    page = open_page(path, viewport=NARROW)
    assert page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
    page.complaints.clear()  # Chromium notes the status 400 of the third


def test_it_works_without_javascript(open_page):
    add_usage(tokens=100)
    page = open_page(java_script_enabled=False)
    assert page.locator("#models tbody tr").count() == 1
    page.locator("details.times > summary").click()
    assert page.locator("#times tbody tr").count() == 1
    page.locator("summary", has_text="Custom range").click()
    page.get_by_label("From").fill("2020-01-01T00:00")
    page.get_by_role("button", name="Show range").click()
    page.wait_for_url("**/*from=2020-01-01T00*")
    assert page.locator(".card .value").nth(1).inner_text() == "100"


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_it_follows_the_systems_theme(open_page, scheme, is_dark):
    page = open_page(color_scheme=scheme)
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    red = int(colour.removeprefix("rgb(").split(",")[0])
    assert (red < 128) == is_dark
