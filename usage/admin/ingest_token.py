"""Ingest tokens in the admin: make one (its text is shown once), rename, revoke."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.enums import ActionVariant

from usage.admin import display
from usage.admin.portal_model_admin import PortalModelAdmin
from usage.models import IngestToken


class IngestTokenForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in stubs only
    """One live token a name: reloading the page that shows a new one must not make another."""

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        others = IngestToken.objects.filter(name=name, revoked_at=None).exclude(pk=self.instance.pk)
        if others.exists():
            raise forms.ValidationError(
                "A live token has this name: revoke it first, or choose another name."
            )
        return name


@admin.register(IngestToken)
class IngestTokenAdmin(PortalModelAdmin):
    form = IngestTokenForm
    actions = ["revoke_selected"]
    actions_detail = ["revoke"]
    list_display = ["name", "text_begins", "state", "created", "revoked"]
    list_display_links = ["name"]
    list_before_template = "admin/usage/ingesttoken/about.html"
    search_fields = ["name"]
    fields = ["name"]
    readonly_fields = ["text_begins", "state", "created", "revoked"]
    sortable_by = ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["name"] if obj is None else ["name", *self.readonly_fields]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Without its last token a portal on loopback would take anyone's rows again."""
        return False

    def save_model(self, request: HttpRequest, obj: IngestToken, form: Any, change: Any) -> None:
        if not change:
            obj.issued_text = obj.assign_secret()  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: IngestToken, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The token itself, in this answer only: a redirect would have to keep it somewhere."""
        context = {
            **self.admin_site.each_context(request),
            "title": f"Token for {obj.name}",
            "opts": self.opts,
            "token": obj,
            "text": obj.issued_text,  # type: ignore[attr-defined]
            "usage_url": request.build_absolute_uri(reverse("usage")),
        }
        page = TemplateResponse(request, "admin/usage/ingesttoken/issued.html", context)
        page["Cache-Control"] = "no-store"
        return page

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context |= {"show_save_and_add_another": False, "show_save_and_continue": False}
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    @action(  # type: ignore[untyped-decorator]
        description="Revoke",
        url_path="revoke",
        permissions=["change"],
        variant=ActionVariant.DANGER,
        icon="block",
    )
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Only asks; its form posts to the list, which does it."""
        token = self.get_object(request, unquote(object_id))
        if token is None:
            raise Http404
        return self._ask(request, [token])

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        token = self.get_object(request, unquote(str(object_id)))
        if token is None or token.revoked_at is not None:
            return []
        actions: list[Any] = super().get_actions_detail(request, object_id)
        return actions

    @admin.action(description="Revoke selected tokens", permissions=["change"])
    def revoke_selected(
        self, request: HttpRequest, queryset: QuerySet[IngestToken]
    ) -> HttpResponse | None:
        live = list(queryset.filter(revoked_at=None))
        if not live:
            messages.info(request, "Nothing to do: these tokens are revoked already.")
            return None
        if not request.POST.get("post"):
            return self._ask(request, live)
        for token in live:
            token.revoke()
            self.log_change(request, token, "Revoked.")
        names = ", ".join(token.name for token in live)
        messages.success(request, f"Revoked: {names}. Posts with it get 401 from now on.")
        return None

    def _ask(self, request: HttpRequest, tokens: list[IngestToken]) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "Revoke ingest tokens",
            "opts": self.opts,
            "tokens": tokens,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/usage/ingesttoken/revoke.html", context)

    @admin.display(description="Begins with")
    def text_begins(self, token: IngestToken) -> str:
        return f"{token.hint}…"

    @admin.display(description="State")
    def state(self, token: IngestToken) -> str:
        return "live" if token.revoked_at is None else "revoked"

    @admin.display(description="Created")
    def created(self, token: IngestToken) -> str:
        return display.moment(token.created_at)

    @admin.display(description="Revoked")
    def revoked(self, token: IngestToken) -> str:
        return display.moment(token.revoked_at)
