"""Signing in and choosing a password: guesses are counted, and a browser is remembered."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse
from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm

from usage.access.attempts import (
    PasswordsBusy,
    TooManyFailures,
    login_check,
    password_check,
    remember_browser,
)
from usage.models import OneTimePassword

_BUSY_SECONDS = 3


class _Guarded:
    """A form that checks a password. When it may not be looked at, `refusal` says so to HTTP."""

    refusal: tuple[int, int] | None = None  # status, seconds until it may be tried again

    @contextmanager
    def guarded(self, check: AbstractContextManager[None]) -> Iterator[None]:
        try:
            with check:
                yield
        except TooManyFailures as error:
            self.refusal = 429, error.seconds
            raise ValidationError(
                "Too many failed logins from your address or with this name: "
                f"try in {error.seconds} s."
            ) from None
        except PasswordsBusy:
            self.refusal = 503, _BUSY_SECONDS
            raise ValidationError(
                "Other people are signing in at this moment: try again in a few seconds."
            ) from None


class LoginForm(_Guarded, AuthenticationForm):  # type: ignore[misc]
    """Looks at no password where too many have failed, unless its user is known here."""

    def clean(self) -> dict[str, Any]:
        name = self.cleaned_data.get("username")
        if name is None or not self.cleaned_data.get("password"):
            return dict(super().clean())
        with self.guarded(login_check(self.request, name)):
            return dict(super().clean())


class NewPasswordForm(_Guarded, AdminOwnPasswordChangeForm):  # type: ignore[misc]
    """The old password is no new one: it would keep a one-time password for ever."""

    def clean_old_password(self) -> str:
        with self.guarded(password_check(self.user)):
            return str(super().clean_old_password())

    def clean_new_password1(self) -> str:
        password = str(self.cleaned_data["new_password1"])
        # Only who knows the old one may ask whether this is it.
        if "old_password" in self.cleaned_data and password == self.cleaned_data["old_password"]:
            raise ValidationError("Choose another password than the one you have.")
        return password


class ChoosePassword(PasswordChangeView):
    """Django's own page; afterwards the user's password is no longer a one-time one."""

    form_class = NewPasswordForm

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            OneTimePassword.objects.filter(user=form.user).delete()
            response = super().form_valid(form)
        remember_browser(response, form.user)
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        return answer_refusal(super().form_invalid(form), form)


def answer_refusal(response: HttpResponse, form: Any) -> HttpResponse:
    """The page of a form that was not looked at, with the status that programs understand."""
    refusal = getattr(form, "refusal", None)
    if refusal is not None:
        response.status_code, seconds = refusal
        response["Retry-After"] = str(seconds)
    return response
