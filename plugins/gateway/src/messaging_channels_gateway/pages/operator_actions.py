"""What operators do on the page: forms that work without JavaScript, and lead back to the page that shows what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.responses import RedirectResponse

from messaging_channels_gateway.pages.operator_access import View, for_operators, form_of
from messaging_channels_gateway.pages.rendering import base_of
from messaging_channels_gateway.problems import WORD, Problem

if TYPE_CHECKING:
    from starlette.responses import Response


@for_operators
async def retry_dead_letters(view: View) -> Response:
    """`POST /operator/queue/retry`: one dead letter by its `id`; with `all=yes` all of them, for operators of every tenant."""
    form, queue = await form_of(view.request), view.gateway.dispatcher.queue
    message_id = form.get("id", "")
    if form.get("all") == "yes":
        view.require_operate()
        return _back(view, retried=await queue.retry_dead_letters())
    record = await view.gateway.dispatcher.get_message(message_id) if WORD.fullmatch(message_id) else None
    if record is None or view.operator.tenant not in (None, record.scope):
        raise Problem("not_found", "message not found")
    if not view.may_operate and f"send:{record.channel}" not in view.operator.scopes:
        raise Problem("forbidden", f"the API key lacks the scope send:{record.channel}")
    return _back(view, retried=await queue.retry_dead_letters(message_id))


@for_operators
async def resume_account(view: View) -> Response:
    """`POST /operator/queue/resume`: the account of `provider` and `account` goes on at once."""
    view.require_operate()
    form = await form_of(view.request)
    provider, account = form.get("provider", ""), form.get("account") or None
    known = {(one.provider, one.account) for one in await view.gateway.dispatcher.queue.paused_accounts()}
    resumed = (provider, account) in known and await view.gateway.dispatcher.queue.resume_account(
        provider, account
    )
    return _back(view, resumed=int(resumed))


def _back(view: View, **done: int) -> Response:
    query = urlencode({**done, "tenant": view.tenant})
    return RedirectResponse(f"{base_of(view.request)}/operator/queue?{query}", 303)
