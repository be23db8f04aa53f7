"""Users and groups: Django's own admin in unfold's clothes."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from usage.admin.portal_model_admin import PortalModelAdmin
from usage.admin.rights import WithinOwnRights

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class PortalUserAdmin(WithinOwnRights, UserAdmin, PortalModelAdmin):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fields = list(super().get_readonly_fields(request, obj))
        return fields if request.user.is_superuser else [*fields, "is_superuser"]


@admin.register(Group)
class PortalGroupAdmin(WithinOwnRights, GroupAdmin, PortalModelAdmin):
    pass
