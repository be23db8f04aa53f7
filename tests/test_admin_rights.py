"""Of users and groups: nobody but a superuser gives or takes over more rights than he has."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.urls import reverse

pytestmark = pytest.mark.django_db

OWN = "Aurora-7-lake"
ACCOUNTS = [
    f"{verb}_{what}" for verb in ("view", "add", "change", "delete") for what in ("user", "group")
]
MORE = "delete_usagemetric"  # which the manager lacks


def right(codename):
    return Permission.objects.get(codename=codename)


@pytest.fixture
def manager(client):
    """May do all that can be done to users and groups, and look at usage."""
    user = User.objects.create_user("manager", password=OWN, is_staff=True)
    user.user_permissions.set(map(right, [*ACCOUNTS, "view_usagemetric"]))
    client.force_login(user)
    return user


@pytest.fixture
def root():
    return User.objects.create_superuser("root", "root@example.com", OWN)


@pytest.fixture
def rich():
    """A group with a right that the manager lacks."""
    group = Group.objects.create(name="rich")
    group.permissions.add(right(MORE))
    return group


def page(user, name="change"):
    if name == "password":
        return f"/admin/auth/user/{user.pk}/password/"
    return reverse(f"admin:auth_{user._meta.model_name}_{name}", args=[user.pk])


def form(user, **changes):
    """What the page of a user posts."""
    values = {
        "username": user.username,
        "email": user.email,
        "is_active": "on" if user.is_active else "",
        "is_staff": "on" if user.is_staff else "",
        "is_superuser": "on" if user.is_superuser else "",
        "groups": [group.pk for group in user.groups.all()],
        "user_permissions": [each.pk for each in user.user_permissions.all()],
        "date_joined_0": "2024-01-15",
        "date_joined_1": "10:00:00",
    }
    return {name: value for name, value in (values | changes).items() if value != ""}


def state(user):
    user = User.objects.get(pk=user.pk)
    own = {each.codename for each in user.user_permissions.all()}
    groups = {group.name for group in user.groups.all()}
    return (
        *(user.username, user.email, user.password, user.is_active, user.is_staff),
        *(user.is_superuser, own, groups),
    )


def test_nobody_makes_himself_a_superuser(client, manager):
    for path in (page(manager), page(manager) + "?_popup=1"):
        client.post(path, form(manager, is_superuser="on"))
        assert not User.objects.get(pk=manager.pk).is_superuser
    shown = client.get(page(manager)).content.decode()
    assert 'name="is_superuser"' not in shown
    assert 'name="username"' in shown


def test_nobody_gives_himself_or_others_a_right_that_he_lacks(client, manager, rich):
    other = User.objects.create_user("other")
    for user in (manager, other):
        before = state(user)
        for changes in (
            {"user_permissions": [right(MORE).pk]},
            {"user_permissions": [each.pk for each in Permission.objects.all()]},
            {"groups": [rich.pk]},
        ):
            answer = client.post(page(user), form(user, **changes))
            assert answer.context["errors"]
            assert state(user) == before


def test_a_member_of_staff_gives_the_rights_that_he_has(client, manager):
    readers = Group.objects.create(name="readers")
    readers.permissions.add(right("view_usagemetric"))
    other = User.objects.create_user("other")
    given = {"user_permissions": [right("view_user").pk], "groups": [readers.pk], "is_staff": "on"}
    assert client.post(page(other), form(other, **given)).status_code == 302
    assert state(other)[4:] == (True, False, {"view_user"}, {"readers"})


@pytest.mark.parametrize("is_active", [True, False])
@pytest.mark.parametrize("kind", ["superuser", "by right", "by group"])
def test_whoever_has_more_rights_is_not_touched(client, manager, root, rich, kind, is_active):
    target = root if kind == "superuser" else User.objects.create_user("target", "t@e.org", OWN)
    if kind == "by right":
        target.user_permissions.add(right(MORE))
    if kind == "by group":
        target.groups.add(rich)
    User.objects.filter(pk=target.pk).update(is_active=is_active)
    target.refresh_from_db()
    before = state(target)
    new = {"password1": "Borealis-8", "password2": "Borealis-8", "usable_password": "true"}
    for path, data in (
        (page(target), form(target, username="mine", email="me@example.com")),
        (page(target), form(target, is_active="")),
        (page(target), form(target, is_superuser="", user_permissions="", groups="")),
        (page(target, "password"), new | {"set-password": "1"}),
        (page(target, "password"), {"usable_password": "false", "unset-password": "1"}),
        (page(target, "delete"), {"post": "yes"}),
        (
            "/admin/auth/user/",
            {"action": "delete_selected", "_selected_action": [target.pk], "post": "yes"},
        ),
        (
            "/admin/auth/user/",
            {
                "action": "delete_selected",
                "_selected_action": [manager.pk],
                "select_across": "1",
                "post": "yes",
            },
        ),
    ):
        assert client.post(path, data).status_code == 403, path
        assert state(target) == before
    assert client.get(page(target, "password")).status_code == 403
    assert 'name="_save"' not in client.get(page(target)).content.decode()


def test_a_list_takes_no_edits(client, manager, root):
    data = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": root.pk}
    data |= {"form-0-is_active": "", "form-0-username": "mine", "_save": "Save"}
    before = state(root)
    client.post("/admin/auth/user/", data)
    assert state(root) == before


def test_saving_as_new_makes_no_superuser(client, manager, root):
    data = {"username": "twin", "password1": OWN, "password2": OWN, "usable_password": "true"}
    rights = {"is_superuser": "on", "is_staff": "on", "user_permissions": [right(MORE).pk]}
    for user in (root, manager):
        client.post(page(user), {**form(user), **data, **rights, "_saveasnew": "1"})
    client.post("/admin/auth/user/add/", data | rights | {"username": "third"})
    made = User.objects.filter(username__in=["twin", "third"])
    assert made.exists()
    assert {state(user)[4:] for user in made if state(user)[6] or state(user)[5]} == set()
    assert User.objects.get(is_superuser=True) == root


def test_a_group_takes_no_right_that_its_editor_lacks(client, manager):
    mine = Group.objects.create(name="mine")
    manager.groups.add(mine)
    for path in (page(mine), page(mine) + "?_popup=1", "/admin/auth/group/add/"):
        for extra in ({}, {"_saveasnew": "1"}):
            data = {"name": "new", "permissions": [right(MORE).pk], **extra}
            assert client.post(path, data).context["errors"]
    assert not Group.objects.filter(permissions=right(MORE)).exists()
    data = {"name": "mine", "permissions": [right("view_user").pk]}
    assert client.post(page(mine), data).status_code == 302
    assert [each.codename for each in mine.permissions.all()] == ["view_user"]


def test_a_group_with_more_rights_is_not_touched(client, manager, rich):
    action = {"action": "delete_selected", "_selected_action": [rich.pk], "post": "yes"}
    for path, data in (
        (page(rich), {"name": "poor", "permissions": [right("view_user").pk]}),
        (page(rich, "delete"), {"post": "yes"}),
        ("/admin/auth/group/", action),
    ):
        assert client.post(path, data).status_code == 403
    rich.refresh_from_db()
    assert (rich.name, [each.codename for each in rich.permissions.all()]) == ("rich", [MORE])


def test_a_refusal_says_who_may(client, manager, root):
    page_of_refusal = client.post(page(root), form(root)).content.decode()
    assert "ask a superuser" in page_of_refusal


def test_a_superuser_may_do_all_of_it(admin_client, root, rich):
    other = User.objects.create_user("other", password=OWN)
    answer = admin_client.post(page(other), form(other, is_superuser="on", groups=[rich.pk]))
    assert answer.status_code == 302
    assert state(other)[5:] == (True, set(), {"rich"})
    new = {"password1": "Borealis-8-x", "password2": "Borealis-8-x", "usable_password": "true"}
    assert admin_client.post(page(root, "password"), new | {"set-password": "1"}).status_code == 302
    assert User.objects.get(pk=root.pk).check_password("Borealis-8-x")
    assert admin_client.post(page(root, "delete"), {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=root.pk).exists()
