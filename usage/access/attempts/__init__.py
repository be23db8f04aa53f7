"""Slows down guessing: ten failures a minute by address and by user name, then nobody looks.

A **slot** is where failures are counted: one of few numbers, which an address or a name gets by
a keyed digest. An **attempt** is one look at a secret: a failure until it was right.
"""

from usage.access.attempts.counting import MOST_FAILURES, WINDOW_SECONDS, TooManyFailures
from usage.access.attempts.known_browser import remember_browser
from usage.access.attempts.pair import UNGUESSABLE_CHARACTERS, is_right_pair
from usage.access.attempts.passwords import PasswordsBusy, login_check, password_check

__all__ = [
    "MOST_FAILURES",
    "UNGUESSABLE_CHARACTERS",
    "WINDOW_SECONDS",
    "PasswordsBusy",
    "TooManyFailures",
    "is_right_pair",
    "login_check",
    "password_check",
    "remember_browser",
]
