"""Who still signs in with a password that the portal made up."""

from django.conf import settings
from django.db import models


class OneTimePassword(models.Model):
    """Its user may do nothing in the admin but choose a password of their own."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="one_time_password",
    )

    def __str__(self) -> str:
        return f"{self.user} has a one-time password"
