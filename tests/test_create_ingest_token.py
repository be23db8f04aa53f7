"""`manage.py create_ingest_token`: the text alone on stdout, lists, revokes, clear errors."""

import io

import pytest
from django.core.management import CommandError, call_command

from tests.factory import writer_with
from usage.access.rules import AccessDenied
from usage.models import IngestToken

pytestmark = pytest.mark.django_db


def run(*arguments):
    out, err = io.StringIO(), io.StringIO()
    call_command("create_ingest_token", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_token_alone_is_on_stdout():
    out, err = run("Kong")
    token = IngestToken.objects.get(name="Kong")
    assert writer_with(out.removesuffix("\n")) == f"token:{token.pk}"
    assert out.strip() not in err
    assert "not shown again" in err


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([""], "NAME is empty: write which proxy will use the token."),
        (["  "], "NAME is empty: write which proxy will use the token."),
        (["x" * 101], "NAME: Ensure this value has at most 100 characters (it has 101)."),
        (["a\nb"], "NAME: control characters cannot be part of a name."),
        (["a\0b"], "NAME: control characters cannot be part of a name."),
        (["--revoke", "Kong"], "No token has the id or name 'Kong'; --list shows them."),
        (["--revoke", "9" * 30], f"No token has the id or name '{'9' * 30}'; --list shows them."),
    ],
)
def test_what_cannot_be_done_is_said(arguments, error):
    with pytest.raises(CommandError) as raised:
        run(*arguments)
    assert str(raised.value) == error
    assert not IngestToken.objects.exists()


def test_the_list_has_no_secrets():
    text = run("Kong — Praha")[0].strip()
    token = IngestToken.objects.get()
    made = f"{token.created_at:%Y-%m-%d}"
    line = f"{token.pk}\tKong — Praha\t{text[:8]}…\tcreated {made}\tlive\n"
    assert run("--list") == (line, "")
    token.revoke()
    assert run("--list")[0] == line.replace("live", f"revoked {made}")


def test_an_empty_list_says_how_to_make_a_token():
    assert run("--list") == (
        "",
        "There are no ingest tokens yet: create_ingest_token NAME makes one.\n",
    )


@pytest.mark.parametrize("by", ["pk", "name"])
def test_a_revoked_token_is_not_accepted(by):
    text = run("Kong")[0].strip()
    token = IngestToken.objects.get()
    run("--revoke", str(getattr(token, by)))
    with pytest.raises(AccessDenied):
        writer_with(text)


def test_a_name_that_two_live_tokens_have_is_not_enough_to_revoke():
    first, second = (IngestToken.objects.issue("Kong")[0] for _ in range(2))
    with pytest.raises(CommandError, match=f"give one of the ids {second.pk}, {first.pk}"):
        run("--revoke", "Kong")
    first.revoke()
    run("--revoke", "Kong")
    assert not IngestToken.objects.filter(revoked_at=None).exists()
