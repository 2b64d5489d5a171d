"""Pages for operators: messages, the queue and consent, as the ledger has them. They change nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path

from messaging_channels.errors import ConfigurationError, InvalidAddress, InvalidMessage, LedgerUnavailable
from messaging_channels_django.dispatchers import get_dispatcher
from messaging_channels_django.models import Consent, Message, Queue

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import Model

    _Admin = admin.ModelAdmin[Model]
else:
    _Admin = admin.ModelAdmin

_PAGE_SIZE = 50
_UNREADABLE = (InvalidAddress, InvalidMessage, LedgerUnavailable, ConfigurationError)


class _ReadOnlyAdmin(_Admin):
    """A page in place of a list of models. Staff with the permission to view may see it."""

    page: str

    def get_urls(self) -> list[Any]:
        """Return the page of the list, and of one; there is no table that Django's other pages could read."""
        wrap, name = self.admin_site.admin_view, f"messaging_channels_{self.opts.model_name}"
        return [
            path("", wrap(self.changelist_view), name=f"{name}_changelist"),
            path("<path:object_id>/change/", wrap(self.change_view), name=f"{name}_change"),
        ]

    def change_view(
        self,
        request: HttpRequest,  # noqa: ARG002  Django's own
        object_id: str,  # noqa: ARG002  likewise
        form_url: str = "",  # noqa: ARG002  likewise
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002  likewise
    ) -> HttpResponse:
        """Show one of them, where there are any."""
        raise Http404

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002  Django's own
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ANN401, ARG002  likewise
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ANN401, ARG002  likewise
        """Nobody deletes."""
        return False

    def changelist_view(
        self,
        request: HttpRequest,
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002  likewise
    ) -> HttpResponse:
        """Show the page."""
        return self._show(request, self.page, self.read)

    def read(self, request: HttpRequest) -> dict[str, Any]:
        """Return what the page shows."""
        raise NotImplementedError

    def _show(
        self, request: HttpRequest, page: str, read: Callable[[HttpRequest], dict[str, Any]]
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            found = read(request)
        except _UNREADABLE as error:
            found = {"problem": str(error)}
        context = {**self.admin_site.each_context(request), "opts": self.opts, "asked": request.GET, **found}
        return TemplateResponse(request, f"admin/messaging_channels/{page}.html", context)


@admin.register(Message)
class MessageAdmin(_ReadOnlyAdmin):
    """Messages, the newest first, and each with its attempts and reports."""

    page = "messages"

    def read(self, request: HttpRequest) -> dict[str, Any]:
        """Return a page of records."""
        wanted = {
            name: request.GET[name] for name in ("channel", "status", "to", "before") if request.GET.get(name)
        }
        scope = request.GET.get("scope", "")
        records = get_dispatcher().list_messages(scope=scope, limit=_PAGE_SIZE, **wanted)  # type: ignore[arg-type]
        last = records[-1].id if len(records) == _PAGE_SIZE else None
        query = request.GET.copy()
        if last:
            query["before"] = last
        rows = [{"record": one, "created_at": datetime.fromtimestamp(one.created_at, UTC)} for one in records]
        return {"title": "Messages", "rows": rows, "next": query.urlencode() if last else ""}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002  Django's own
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002  likewise
    ) -> HttpResponse:
        """Show one message."""
        return self._show(request, "message", lambda _: _one_message(object_id))


@admin.register(Queue)
class QueueAdmin(_ReadOnlyAdmin):
    """How the queue stands, the accounts that are paused, and the dead letters."""

    page = "queue"

    def read(self, request: HttpRequest) -> dict[str, Any]:
        """Return the numbers, and a page of dead letters."""
        queue = get_dispatcher().queue
        dead_letters = queue.dead_letters(limit=_PAGE_SIZE, before=request.GET.get("before") or None)
        return {"title": "Queue", "stats": queue.stats(), "dead_letters": dead_letters}


@admin.register(Consent)
class ConsentAdmin(_ReadOnlyAdmin):
    """What was said about one address, or the first of all statements."""

    page = "consent"

    def read(self, request: HttpRequest) -> dict[str, Any]:
        """Return the statements, and what blocks the address now."""
        consent, address = get_dispatcher().consent, request.GET.get("address", "")
        channel = request.GET.get("channel") or ("email" if "@" in address else "sms")
        if not address:
            return {
                "title": "Consent",
                "channel": "",
                "statements": list(islice(consent.export(), _PAGE_SIZE)),
            }
        return {
            "title": "Consent",
            "channel": channel,
            "statements": consent.show(channel, address),
            "blocking": consent.find(channel, address),
        }


def _one_message(message_id: str) -> dict[str, Any]:
    record = get_dispatcher().get_message(message_id)
    if record is None:
        raise Http404
    at = datetime.fromtimestamp(record.created_at, UTC)
    return {"title": f"Message {record.id}", "record": record, "created_at": at}
