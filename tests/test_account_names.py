"""What upstream accounts are called: asked of the proxy seldom, shown beside the ids, erasable."""

import io
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.management import call_command

from qsmetrics.cliproxy_setting import Proxy
from tests.cliproxy import KEY, collecting, has_rows, record
from tests.factory import NOON, read_csv, store
from tests.odd_values import each_with_one
from tests.test_quota_windows import CLAUDE, NOW, keep, payload
from tests.waiting import wait_until
from usage.account_labels import AccountLabels, accounts_named, forget_accounts
from usage.collecting import auth_files
from usage.collecting.auth_files import names_in
from usage.collecting.management import KeyRefused, fetched
from usage.models import AuditEntry, UpstreamAccount
from usage.queries import accounts_at
from usage.recording import account_states
from usage.records import WARM_UP
from usage.upstream_accounts import AccountName, UpstreamKey

pytestmark = pytest.mark.django_db(transaction=True)
RAW_KEY = "sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789"
FILE = {
    "id": "claude-ann@example.com.json",
    "auth_index": "a1",
    "name": "claude-ann@example.com.json",
    "type": "claude",
    "provider": "claude",
    "label": "ann@example.com",
    "email": "ann@example.com",
    "account_type": "oauth",
    "account": "ann@example.com",
    "status": "active",
    "disabled": False,
}


def listed(*files: Any) -> bytes:
    return json.dumps({"files": files}).encode()


def label(**fields: Any) -> str | None:
    found = names_in(listed({**FILE, **fields}), "east")
    return next((name.label for name in found.values()), None)


class TestList:
    def test_a_credential_has_a_name_a_provider_and_a_kind(self):
        assert names_in(listed(FILE), "east") == {
            UpstreamKey("east", "a1"): AccountName("ann@example.com", "claude", "oauth")
        }

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"label": "Ann's team"}, "Ann's team"),
            ({"label": "claude"}, "ann@example.com"),  # only its provider once more
            ({"label": "", "email": None}, "ann@example.com"),
            ({"label": "", "email": "", "account": ""}, "claude-ann@example.com.json"),
            ({"label": "", "email": "", "account": "", "name": ""}, "claude-ann@example.com.json"),
            ({"label": RAW_KEY}, "ann@example.com"),
            ({"label": "a\x00b\n" + "c" * 300}, "a b " + "c" * 251),
            # The account of an API key is the key itself, whatever it looks like.
            *(
                ({"label": "", "email": "", "account_type": kind, "account": "01ab"}, FILE["name"])
                for kind in ("api_key", "apikey", "API-Key")
            ),
        ],
    )  # fmt: skip
    def test_which_name(self, fields, expected):
        assert label(**fields) == expected

    @pytest.mark.parametrize("index", [None, "", " ", [], {}, True, 1.5, "x" * 256])
    def test_without_an_index_it_is_nobodys(self, index):
        assert names_in(listed({**FILE, "auth_index": index}), "east") == {}

    def test_an_index_of_older_versions_is_a_number(self):
        assert [key.account for key in names_in(listed({**FILE, "auth_index": 7}), "east")] == ["7"]

    def test_no_odd_value_costs_the_other_names(self):
        other = {**FILE, "auth_index": "a2"}
        read = 0
        for odd in each_with_one(FILE):
            try:
                found = names_in(
                    b'{"files":[%s,%s]}' % (odd.encode(), json.dumps(other).encode()), "east"
                )
            except (ConnectionError, UnicodeEncodeError):
                continue
            read += 1
            assert UpstreamKey("east", "a2") in found
        assert read > 200

    @pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b'{"files": 5}', b"\xff", b"[" * 9999])
    def test_what_is_no_list_is_told(self, body):
        with pytest.raises(ConnectionError, match="not a list of credentials"):
            names_in(body, "east")

    @pytest.mark.parametrize("body", [b"{}", b'{"files": null}', b'{"files": []}'])
    def test_nobody_may_be_in_it(self, body):
        assert names_in(body, "east") == {}


class Listing(ThreadingHTTPServer):
    """A proxy that has a queue and a list of credentials, over HTTP alone."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.queue: list[bytes] = []
        self.files: tuple[int, bytes] = 200, listed(FILE)
        self.asked: list[float] = []

    @property
    def proxy(self) -> Proxy:
        return Proxy("east", f"http://127.0.0.1:{self.server_address[1]}", KEY)


class _Answers(BaseHTTPRequestHandler):
    server: Listing

    def do_GET(self) -> None:
        if self.path == "/v0/management/auth-files":
            self.server.asked.append(time.monotonic())
            assert self.headers["Authorization"] == f"Bearer {KEY}"
            status, body = self.server.files
        else:
            status, body = 200, b"[" + b",".join(self.server.queue) + b"]"
            self.server.queue = []
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def listing(collector_folder) -> Iterator[Listing]:
    with Listing() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


def labels() -> dict[str, str]:
    return dict(UpstreamAccount.objects.values_list("account", "label"))


def has_labels(expected: dict[str, str]) -> Any:
    return lambda: labels() == expected


ANN = {"a1": "ann@example.com"}
BOB = {**FILE, "auth_index": "b2", "label": "bob@example.com"}


@pytest.mark.process
class TestAsking:
    def test_names_are_asked_for_at_the_start_and_once(self, listing, monkeypatch):
        monkeypatch.setattr(auth_files, "AT_MOST_EVERY", 0.05)
        with collecting(listing.proxy):
            wait_until(has_labels(ANN))
            for n in range(5):
                listing.queue.append(record(auth_index="a1", request_id=f"{n}"))
            wait_until(has_rows(5))
            time.sleep(0.5)
        assert len(listing.asked) == 1

    def test_a_proxy_without_such_a_list_is_not_asked_for_each_account(self, listing, monkeypatch):
        monkeypatch.setattr(auth_files, "AT_MOST_EVERY", 0.05)
        listing.files = 404, b""
        with collecting(listing.proxy):
            wait_until(lambda: listing.asked)
            for n in range(5):
                listing.queue.append(record(auth_index="a1", request_id=f"{n}"))
                wait_until(has_rows(n + 1))
            time.sleep(0.5)
        assert len(listing.asked) <= 2

    def test_for_accounts_without_a_name_seldom_and_once_each(self, listing, monkeypatch):
        monkeypatch.setattr(auth_files, "AT_MOST_EVERY", 1.0)
        with collecting(listing.proxy):
            wait_until(has_labels(ANN))
            listing.files = 200, listed(FILE, BOB)
            for n in range(20):  # of which most have no credential in the list
                listing.queue.append(record(auth_index=f"b{n}", request_id=f"{n}"))
            wait_until(has_rows(20))
            wait_until(has_labels(ANN | {"b2": "bob@example.com"}))
            listing.queue.append(record(auth_index="b7", request_id="again"))
            wait_until(has_rows(21))
            time.sleep(2.5)
        apart = [later - one for one, later in zip(listing.asked, listing.asked[1:], strict=False)]
        assert len(apart) in (1, 2)  # twice where the twenty came in two batches
        assert min(apart) >= 1.0

    def test_after_a_sign_of_the_proxy_that_they_have_changed(self, listing, monkeypatch):
        monkeypatch.setattr(auth_files, "AT_MOST_EVERY", 0.1)
        with collecting(listing.proxy):
            wait_until(has_labels(ANN))
            listing.files = 200, listed({**FILE, "label": "ann@example.org"})
            listing.queue.append(b'{"refresh":true}')
            wait_until(has_labels({"a1": "ann@example.org"}))

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_refused_key_is_not_tried_again_and_collecting_goes_on(
        self, listing, monkeypatch, status
    ):
        monkeypatch.setattr(auth_files, "AT_MOST_EVERY", 0.05)
        listing.files = status, b'{"error": "invalid management key"}'
        with collecting(listing.proxy):
            wait_until(lambda: listing.asked)
            listing.queue.append(record(auth_index="new"))
            wait_until(has_rows(1))
            time.sleep(0.5)
        assert (len(listing.asked), labels()) == (1, {})

    @pytest.mark.parametrize("trouble", [(500, b""), (200, b"nonsense")])
    def test_in_trouble_it_is_asked_again(self, listing, monkeypatch, trouble):
        monkeypatch.setattr(auth_files, "AT_MOST_EVERY", 0.05)
        listing.files = trouble
        with collecting(listing.proxy):
            wait_until(lambda: len(listing.asked) >= 2)
            listing.files = 200, listed(FILE)
            wait_until(has_labels(ANN))

    def test_an_account_whose_file_is_gone_keeps_its_name(self, listing, monkeypatch):
        monkeypatch.setattr(auth_files, "AT_MOST_EVERY", 0.05)
        with collecting(listing.proxy):
            wait_until(has_labels(ANN))
            listing.files = 200, listed(BOB)
            listing.queue.append(b'{"refresh":true}')
            wait_until(has_labels(ANN | {"b2": "bob@example.com"}))

    def test_an_answer_without_end_is_bounded(self, listing):
        with pytest.raises(ConnectionError, match="more than 0 MiB"):
            fetched(listing.proxy, "auth-files", 10)
        listing.files = 401, b"{}"
        with pytest.raises(KeyRefused, match="the proxy answers 401"):
            fetched(listing.proxy, "auth-files", 10)


def name(account: str, text: str, source: str = "east") -> None:
    account_states.keep_names({UpstreamKey(source, account): AccountName(text)})


def row(account: str | None, source: str = "east", **fields: Any) -> dict[str, Any]:
    return {"account": account, "source": source, "request_id": f"{source} {account}", **fields}


class TestShowing:
    def test_rows_keep_the_id_and_have_the_name_beside_it(self, client):
        name("a1", "ann@example.com")
        store(row("a1"), row("a2"), row(None), row("a1", "import"), row("a1", "west"))
        expected = {
            "east a1": ("a1", "ann@example.com"),
            "east a2": ("a2", None),
            "east None": (None, None),
            "import a1": ("a1", "ann@example.com"),  # the only account of that id
            "west a1": ("a1", "ann@example.com"),
        }
        found = client.get("/_qs/usage").json()["usage"]
        assert named(found) == expected
        lines = b"".join(client.get("/_qs/usage?format=ndjson")).splitlines()
        assert named(map(json.loads, lines)) == expected
        rows = read_csv(client.get("/_qs/usage?format=csv"))
        assert named(rows) == {
            key: (account or "", text or "") for key, (account, text) in expected.items()
        }

    def test_of_two_accounts_of_one_id_each_has_its_own_name_and_others_none(self, client):
        name("a1", "ann@example.com")
        name("a1", "bob@example.com", "west")
        store(row("a1"), row("a1", "west"), row("a1", "import"))
        assert named(client.get("/_qs/usage").json()["usage"]) == {
            "east a1": ("a1", "ann@example.com"),
            "west a1": ("a1", "bob@example.com"),
            "import a1": ("a1", None),
        }

    def test_parts_by_account_have_the_name_beside_the_id(self, client):
        name("a1", "ann@example.com")
        name("b2", "bob@example.com")
        name("b2", "eve@example.com", "west")
        store(row("a1"), row("b2"), row("b2", "west"), row(None))

        def parts(group_by: str) -> dict[Any, Any]:
            found = client.get("/_qs/metrics", {"group_by": group_by}).json()
            return {
                (each["account"], each.get("source")): each["account_label"]
                for each in found[f"by_{group_by.replace(',', '_')}"]
            }

        assert parts("account") == {
            ("a1", None): "ann@example.com",
            ("b2", None): None,  # of two accounts
            (None, None): None,
        }
        assert parts("account,source") == {
            ("a1", "east"): "ann@example.com",
            ("b2", "east"): "bob@example.com",
            ("b2", "west"): "eve@example.com",
            (None, "east"): None,
        }

    def test_the_rows_page_shows_both(self, admin_client):
        name("a1", "ann@example.com")
        store(row("a1", excluded_as=WARM_UP))
        (found,) = admin_client.get("/_qs/usage?with_excluded=true").json()["usage"]
        page = admin_client.get(f"/admin/usage/usagemetric/{found['id']}/change/").content.decode()
        assert "ann@example.com" in page
        assert "a1" in page

    def test_windows_are_told_with_the_name(self):
        name("a1", "ann@example.com")
        keep(payload(CLAUDE, NOW))
        (account,) = accounts_at(NOW)
        assert (account.label, [each.span for each in account.windows]) == (
            *("ann@example.com", ["5h", "7d"]),
        )


def named(rows: Any) -> dict[str, tuple[Any, Any]]:
    return {each["request_id"]: (each["account"], each["account_label"]) for each in rows}


class TestForgetting:
    def test_a_forgotten_name_is_not_learnt_again_and_the_account_stays(self):
        name("a1", "ann@example.com")
        keep(payload(CLAUDE, NOW))
        assert forget_accounts(accounts_named("ann@example.com")) == 1
        name("a1", "ann@example.com")
        (account,) = accounts_at(NOW)
        assert (account.key.account, account.label, len(account.windows)) == ("a1", None, 2)
        assert AccountLabels().of("east", "a1") is None

    def test_a_persons_name_goes_from_accounts_as_well(self, client):
        for account, text in (
            ("a1", "ann@example.com"),
            ("a2", "Codex-Ann@example.com.json"),
            ("a3", "ann"),
        ):
            name(account, text)
        store({"user": "ann@example.com", "timestamp": NOON})
        would = purge("--user", "ann@example.com", "--dry-run")
        assert would == (
            "Would take the name out of 1 row and 2 upstream accounts, which go on counting.\n"
        )
        said = purge("--user", "ann@example.com")
        assert said.startswith("Took the name out of 1 row and 2 upstream accounts in ")
        assert labels() == {"a1": "", "a2": "", "a3": "ann"}
        trail = AuditEntry.objects.get()
        assert "ann" not in str(trail.__dict__)

    def test_the_admin_shows_names_and_erases_them(self, admin_client):
        name("a1", "ann@example.com")
        name("a2", "bob@example.com")
        path = "/admin/usage/upstreamaccount/"
        assert "ann@example.com" in admin_client.get(path, {"q": "ann"}).content.decode()

        def act(action: str) -> str:
            chosen = UpstreamAccount.objects.get(account="a1").pk
            data = {"action": action, ACTION_CHECKBOX_NAME: [str(chosen)]}
            return admin_client.post(path, data, follow=True).content.decode()

        assert "The names of 1 account were erased" in act("forget_selected")
        page = admin_client.get(path).content.decode()
        assert ("ann@" in page, "(erased)" in page, "bob@" in page) == (False, True, True)
        name("a1", "ann@example.com")
        assert labels() == {"a1": "", "a2": "bob@example.com"}
        act("learn_again")
        name("a1", "ann@example.com")
        assert labels() == {"a1": "ann@example.com", "a2": "bob@example.com"}
        trail = [(each.action, each.object_name) for each in AuditEntry.objects.order_by("id")]
        assert trail == [("erased", "a1 of east"), ("changed", "a1 of east")]

    def test_names_are_bounded_and_those_told_longest_ago_go(self, monkeypatch):
        monkeypatch.setattr(account_states, "MOST_NAMES", 3)
        for n in range(5):
            name(f"a{n}", f"{n}@example.com")
        assert set(labels()) == {"a2", "a3", "a4"}

    def test_a_name_that_is_told_again_and_again_is_written_once(self, django_assert_num_queries):
        name("a1", "ann@example.com")
        with django_assert_num_queries(1):
            name("a1", "ann@example.com")


def purge(*arguments: str) -> str:
    out = io.StringIO()
    call_command("purge", *arguments, stdout=out)
    return out.getvalue()
