"""Who may read and who may write. Alice is staff, Bob only signed in, Charlie nobody."""

import base64

import pytest
from model_bakery import baker

from qsmetrics.setting_types import bind_address
from usage.api.urls import urlpatterns
from usage.models import IngestToken

PAIR = "Basic " + base64.b64encode(b"reader:open sesame").decode()
WRONG_PAIR = "Basic " + base64.b64encode(b"reader:close sesame").decode()
HERE, ELSEWHERE = "127.0.0.1", "192.0.2.1"
API = ("/_qs/metrics", "/_qs/usage", "/_qs/docs")
PAGES = ("/", "/_qs/metrics/ui")
BASIC = 'Basic realm="metrics"'
BEARER = 'Bearer realm="metrics"'

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return baker.make("auth.User", username="alice", is_staff=True)


@pytest.fixture
def bob():
    return baker.make("auth.User", username="bob")


@pytest.fixture
def charlie():
    return None


@pytest.fixture
def portal(settings):
    """Configure the portal; the default is what a newcomer has."""

    def configure(*, pair=False, bound_to="127.0.0.1:8081"):
        settings.METRICS_BASIC_AUTH_USER = "reader" if pair else ""
        settings.METRICS_BASIC_AUTH_PASS = "open sesame" if pair else ""
        settings.METRICS_BIND_ADDRESS = bind_address(bound_to)

    return configure


@pytest.fixture
def read(client):
    """The status that each path answers, and the way in that it names."""

    def read(paths, person, address=HERE, **headers):
        client.logout()
        if person is not None:
            client.force_login(person)
        answers = [client.get(path, headers=headers, REMOTE_ADDR=address) for path in paths]
        return {(a.status_code, a.headers.get("WWW-Authenticate")) for a in answers}

    return read


@pytest.fixture
def write(client):
    def write(person, address=HERE, **headers):
        client.logout()
        if person is not None:
            client.force_login(person)
        answer = client.post(
            "/_qs/usage",
            '{"model": "gpt-5"}',
            content_type="application/json",
            headers=headers,
            REMOTE_ADDR=address,
        )
        return answer.status_code, answer.headers.get("WWW-Authenticate")

    return write


OPEN, ASKED = (200, None), (401, BASIC)
# Basic pair set, bound to, caller's address, headers; what Alice, Bob and Charlie get.
READING = [
    (False, "127.0.0.1:1", HERE, {}, OPEN, OPEN, OPEN),
    (False, "[::1]:1", "::1", {}, OPEN, OPEN, OPEN),
    (False, "127.0.0.1:1", "", {}, OPEN, OPEN, OPEN),
    (False, "127.0.0.1:1", ELSEWHERE, {}, OPEN, ASKED, ASKED),
    (False, "127.0.0.1:1", "no address", {}, OPEN, ASKED, ASKED),
    (False, "127.0.0.1:1", HERE, {"X-Forwarded-For": HERE}, OPEN, ASKED, ASKED),
    (False, "127.0.0.1:1", HERE, {"Forwarded": "for=127.0.0.1"}, OPEN, ASKED, ASKED),
    (False, "0.0.0.0:1", HERE, {}, OPEN, ASKED, ASKED),
    (False, ":1", HERE, {}, OPEN, ASKED, ASKED),
    (False, "0.0.0.0:1", ELSEWHERE, {"Authorization": PAIR}, OPEN, ASKED, ASKED),
    (True, "127.0.0.1:1", HERE, {}, OPEN, ASKED, ASKED),
    (True, "127.0.0.1:1", HERE, {"Authorization": PAIR}, OPEN, OPEN, OPEN),
    (True, "127.0.0.1:1", HERE, {"Authorization": WRONG_PAIR}, OPEN, ASKED, ASKED),
    (True, "0.0.0.0:1", ELSEWHERE, {}, OPEN, ASKED, ASKED),
    (True, "0.0.0.0:1", ELSEWHERE, {"Authorization": PAIR}, OPEN, OPEN, OPEN),
    (True, "0.0.0.0:1", ELSEWHERE, {"Authorization": PAIR.lower()}, OPEN, ASKED, ASKED),
    (True, "0.0.0.0:1", ELSEWHERE, {"Authorization": "bAsIc " + PAIR[6:]}, OPEN, OPEN, OPEN),
    (True, "0.0.0.0:1", ELSEWHERE, {"Authorization": "Bearer x"}, OPEN, ASKED, ASKED),
]


@pytest.mark.parametrize("case", READING, ids=str)
def test_who_may_read(portal, read, alice, bob, charlie, case):
    pair, bound_to, address, headers, *expected = case
    portal(pair=pair, bound_to=bound_to)
    got = [read(API, person, address, **headers) for person in (alice, bob, charlie)]
    assert got == [{status} for status in expected]


def test_a_one_time_password_opens_no_data(portal, read, alice):
    portal(pair=True)
    assert read(API, alice) == {(200, None)}
    baker.make("usage.OneTimePassword", user=alice)
    assert read(API, alice) == {(401, BASIC)}


def test_the_schema_is_read_like_the_rest(portal, read, alice, bob, charlie):
    portal(pair=True)
    got = [read(["/_qs/schema"], person) for person in (alice, bob, charlie)]
    assert got == [{OPEN}, {ASKED}, {ASKED}]


def test_pages_ask_for_the_pair_or_lead_to_the_login(portal, client, read, charlie, alice):
    assert read(PAGES, charlie) == {OPEN}
    portal(pair=True)
    assert read(PAGES, charlie) == {ASKED}
    assert read(PAGES, charlie, Authorization=PAIR) == {OPEN}
    assert read(PAGES, alice) == {OPEN}
    portal(bound_to="0.0.0.0:1")
    assert read(PAGES, alice, ELSEWHERE) == {OPEN}
    client.logout()
    led = [client.get(path, REMOTE_ADDR=ELSEWHERE) for path in PAGES]
    assert [(page.status_code, page.headers["Location"].partition("?")[0]) for page in led] == [
        (302, "/admin/login/")
    ] * 2


def test_a_token_only_writes(portal, read, charlie):
    _, text = IngestToken.objects.issue("proxy")
    portal(pair=True)
    assert read(API, charlie, Authorization=f"Bearer {text}") == {ASKED}


STORED, TURNED_AWAY = (201, None), (401, BEARER)
NONE, LIVE, REVOKED = "none", "live", "revoked"
# Pair set, tokens, bound to, address, what is presented; what everybody gets, staff or not.
WRITING = [
    (False, NONE, "127.0.0.1:1", HERE, None, STORED),
    (False, NONE, "[::1]:1", "::1", None, STORED),
    (False, NONE, "127.0.0.1:1", HERE, "pair", STORED),
    (False, NONE, "127.0.0.1:1", ELSEWHERE, None, TURNED_AWAY),
    (False, NONE, "0.0.0.0:1", HERE, None, TURNED_AWAY),
    (False, NONE, "0.0.0.0:1", ELSEWHERE, "token", TURNED_AWAY),
    (False, LIVE, "127.0.0.1:1", HERE, None, TURNED_AWAY),
    (False, LIVE, "127.0.0.1:1", HERE, "token", STORED),
    (False, LIVE, "0.0.0.0:1", ELSEWHERE, "token", STORED),
    (False, LIVE, "127.0.0.1:1", HERE, "pair", TURNED_AWAY),
    (False, REVOKED, "127.0.0.1:1", HERE, None, TURNED_AWAY),
    (False, REVOKED, "127.0.0.1:1", HERE, "token", TURNED_AWAY),
    (True, NONE, "127.0.0.1:1", HERE, None, TURNED_AWAY),
    (True, NONE, "127.0.0.1:1", HERE, "pair", STORED),
    (True, NONE, "0.0.0.0:1", ELSEWHERE, "pair", STORED),
    (True, NONE, "0.0.0.0:1", ELSEWHERE, "wrong pair", TURNED_AWAY),
    (True, LIVE, "0.0.0.0:1", ELSEWHERE, "pair", STORED),
    (True, LIVE, "0.0.0.0:1", ELSEWHERE, "token", STORED),
    (True, REVOKED, "0.0.0.0:1", ELSEWHERE, "token", TURNED_AWAY),
    (True, REVOKED, "0.0.0.0:1", ELSEWHERE, "pair", STORED),
]


@pytest.mark.parametrize("case", WRITING, ids=str)
def test_who_may_write(portal, write, alice, bob, charlie, case):
    pair, tokens, bound_to, address, presented, expected = case
    portal(pair=pair, bound_to=bound_to)
    text = "qsm_guess"
    if tokens != NONE:
        token, text = IngestToken.objects.issue("proxy")
        if tokens == REVOKED:
            token.revoke()
    authorization = {"pair": PAIR, "wrong pair": WRONG_PAIR, "token": f"Bearer {text}"}
    headers = {"Authorization": authorization[presented]} if presented else {}
    got = [write(person, address, **headers) for person in (alice, bob, charlie)]
    assert got == [expected] * 3


@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via", "CF-Connecting-IP"],
)
def test_a_forwarded_request_is_from_anywhere(write, charlie, header):
    assert write(charlie, **{header: HERE}) == TURNED_AWAY


@pytest.mark.parametrize("text", ["", " ", "qsm_", "žluť", "x" * 5000, "' OR 1=1 --"])
def test_what_is_no_token_is_turned_away(write, charlie, text):
    IngestToken.objects.issue("proxy")
    header = f"Bearer {text}".encode().decode("latin-1")
    assert write(charlie, Authorization=header) == TURNED_AWAY


def test_a_user_whose_rights_were_taken_reads_no_more(portal, read, alice):
    portal(pair=True)
    assert read(API, alice) == {OPEN}
    alice.is_active = False
    alice.save()
    assert read(API, alice) == {ASKED}


def test_refusals_say_what_to_do(portal, client):
    portal(pair=True)
    reading = client.get("/_qs/metrics").json()
    writing = client.post("/_qs/usage", "{}", content_type="application/json").json()
    portal(bound_to="0.0.0.0:1")
    closed = client.get("/_qs/metrics").json()
    assert [reading, writing, closed] == [
        {"error": "send the metrics user and password (HTTP Basic)"},
        {
            "error": "send an ingest token as `Authorization: Bearer …`; make one in /admin/ or "
            "with `manage.py create_ingest_token NAME`"
        },
        {
            "error": "reading from another machine needs METRICS_BASIC_AUTH_USER and "
            "METRICS_BASIC_AUTH_PASS, or a staff session: sign in at /admin/"
        },
    ]


def test_a_web_page_elsewhere_cannot_post(client):
    """A browser sends these types across sites without asking the portal first."""
    types = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
    paths = [
        f"/{each.pattern}"
        for each in urlpatterns
        if hasattr(getattr(each.callback, "cls", None), "way")
    ]
    assert "/_qs/usage" in paths
    told = {
        (path, kind): client.post(path, b'{"model": "x"}', content_type=kind).status_code
        for path in paths
        for kind in types
    }
    assert {case: status for case, status in told.items() if status != 415} == {}


@pytest.mark.django_db(transaction=True)  # a probe has a connection of its own
@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_health_asks_nobody_and_holds_no_secret(portal, client, method):
    portal(pair=True, bound_to="0.0.0.0:1")
    answer = getattr(client, method)("/_qs/health", REMOTE_ADDR=ELSEWHERE)
    assert answer.status_code == 200
    assert b"sesame" not in answer.content
    assert b"reader" not in answer.content
