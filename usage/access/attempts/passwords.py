"""People's passwords: looked at while that may be, and two at a time, for each takes its while."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from usage.access.attempts import counting, slots
from usage.access.attempts.known_browser import is_known_browser
from usage.database import locks

AT_A_TIME = len(locks.PASSWORD_CHECKS)
_PATIENCE_SECONDS = 3.0
_PAUSE_SECONDS = 0.05

_turns_here = threading.BoundedSemaphore(AT_A_TIME)
_waiting_here = threading.BoundedSemaphore(AT_A_TIME)


class PasswordsBusy(Exception):
    """As many passwords as may be are being checked; nobody looked at this one."""


def login_check(request: HttpRequest, name: str) -> AbstractContextManager[None]:
    """Within it the password of somebody who signs in is checked; ValidationError is a failure.

    TooManyFailures or PasswordsBusy when it may not be.
    """
    where = slots.of_person(str(request.META.get("REMOTE_ADDR", "")), name)
    return _check(where, lambda: is_known_browser(request, name))


def password_check(user: AbstractBaseUser) -> AbstractContextManager[None]:
    """The same for who is signed in and says his password again."""
    return _check(slots.of_signed_in(user.pk), lambda: False)


@contextmanager
def _check(where: Sequence[int], may_fail_more: Callable[[], bool]) -> Iterator[None]:
    attempt = None
    try:
        attempt = counting.begin(where)
    except counting.TooManyFailures:
        if not may_fail_more():
            raise
    try:
        with _turn():
            yield
    except ValidationError:
        raise
    except BaseException:
        if attempt is not None:
            attempt.take_back()
        raise
    if attempt is not None:
        attempt.take_back()


@contextmanager
def _turn() -> Iterator[None]:
    """One of two, of all processes on this database; few threads wait for one, and not long."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with ExitStack() as held:
        if not _turns_here.acquire(blocking=False):
            if not _waiting_here.acquire(blocking=False):
                raise PasswordsBusy
            try:
                if not _turns_here.acquire(timeout=_PATIENCE_SECONDS):
                    raise PasswordsBusy
            finally:
                _waiting_here.release()
        held.callback(_turns_here.release)
        while not _take_one_of_all(held):
            if time.monotonic() > deadline:
                raise PasswordsBusy
            time.sleep(_PAUSE_SECONDS)
        yield


def _take_one_of_all(held: ExitStack) -> bool:
    return any(held.enter_context(locks.tried(each)) for each in locks.PASSWORD_CHECKS)
