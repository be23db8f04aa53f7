"""Nobody gives away, or takes over, more rights than he has: superusers alone may do all."""

from typing import Any

from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.db.models import ManyToManyField, Model, Q, QuerySet
from django.forms import ModelMultipleChoiceField
from django.http import HttpRequest

_HELP = "Those that you have yourself; a superuser may give others."


class WithinOwnRights:
    """For the pages of users and groups, before Django's own class."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_change_permission(request, obj)  # type: ignore[misc]
        return bool(allowed) and not (obj is not None and exceeds(obj, request.user))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_delete_permission(request, obj)  # type: ignore[misc]
        return bool(allowed) and not (obj is not None and exceeds(obj, request.user))

    def formfield_for_manytomany(
        self, db_field: "ManyToManyField[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelMultipleChoiceField[Any] | None":
        """What is no choice is refused when it is posted, too."""
        if request.user.is_superuser:
            return super().formfield_for_manytomany(  # type: ignore[misc,no-any-return]
                db_field, request, **kwargs
            )
        choices = _groups_within if db_field.related_model is Group else _rights
        field: ModelMultipleChoiceField[Any] | None = super().formfield_for_manytomany(  # type: ignore[misc]
            db_field, request, **kwargs | {"queryset": choices(request.user)}
        )
        if field is not None:
            field.help_text = _HELP
        return field


def exceeds(other: Model, user: User | AnonymousUser) -> bool:
    """Whether `other`, a user or a group, has a right that `user` lacks."""
    if user.is_superuser or other == user:
        return False
    if isinstance(other, User):
        # Also of somebody inactive, whom a change could make active again.
        return other.is_superuser or not _is_within(_rights(other), user)
    assert isinstance(other, Group)
    return not _is_within(other.permissions.all(), user)


def _rights(user: Any) -> QuerySet[Permission]:
    """His own and those of his groups, whether he is active or not."""
    mine = Q(pk__in=user.user_permissions.values("pk"))
    mine |= Q(pk__in=Permission.objects.filter(group__user=user).values("pk"))
    return Permission.objects.filter(mine).select_related("content_type")


def _is_within(rights: QuerySet[Permission], user: Any) -> bool:
    return not rights.exclude(pk__in=_rights(user).values("pk")).exists()


def _groups_within(user: Any) -> QuerySet[Group]:
    beyond = Permission.objects.exclude(pk__in=_rights(user).values("pk"))
    return Group.objects.exclude(permissions__in=beyond)
