"""Long work shows a bar on a terminal, and nothing in a log or a pipe."""

from io import StringIO

import pytest
from django.core.management.base import BaseCommand

from usage.management.progress_bar import progress_bar


class Terminal(StringIO):
    def isatty(self):
        return True


def test_a_bar_is_shown_on_a_terminal(capsys):
    with progress_bar(BaseCommand(stderr=Terminal()), "rows", lambda: 2_000) as bar:
        bar.update(2_000)
    assert "2.00k/2.00k [" in capsys.readouterr().err


def test_elsewhere_nothing_is_shown_and_nothing_is_counted(capsys):
    command = BaseCommand(stderr=StringIO())
    with progress_bar(command, "rows", lambda: pytest.fail("counted in vain")) as bar:
        bar.update(2_000)
    assert capsys.readouterr().err == ""
