"""Who wants to be written to: what was said about an address, and what forbids a message to it now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from messaging_channels.errors import BadInput
from messaging_channels_gateway.channels import CHANNELS
from messaging_channels_gateway.pages.operator_access import View, for_operators, form_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

_CHANNELS = tuple(CHANNELS)
_ACTIONS = ("opted_out", "opted_in", "remove")


@for_operators
async def consent(view: View) -> Response:
    """`GET /operator/consent`: of an address on a channel. The address is looked up, and stands in no log."""
    return await _show(view, view.request.query_params)


@for_operators
async def write_consent(view: View) -> Response:
    """`POST /operator/consent`: keep what somebody said by another way, or lift what blocks an address. For operators of every tenant: consent is shared."""
    view.require_operate()
    form = await form_of(view.request)
    channel, address = form.get("channel", ""), form.get("address", "").strip()
    action, reason = form.get("action", ""), form.get("reason", "").strip()
    if channel not in _CHANNELS or action not in _ACTIONS or not reason:
        return await _show(view, form, "Choose what was said, and write down the reason.")
    client, by = view.gateway.dispatcher.consent, f"operator {view.operator.name}"
    try:
        if action == "remove":
            count = await client.remove(channel, address, reason=f"{reason} ({by})")
            done = f"{count} statements that blocked were lifted."
        else:
            category = form.get("category", "").strip()
            await client.add(channel, address, kind=action, category=category, reason=reason, evidence=by)
            done = "It is kept."
    except (BadInput, ValueError) as error:
        return await _show(view, form, str(error))
    return await _show(view, {"channel": channel, "address": address}, done=done)


async def _show(view: View, query: Mapping[str, str], problem: str = "", done: str = "") -> Response:
    channel, address = query.get("channel", ""), query.get("address", "").strip()
    category = query.get("category", "").strip() or "marketing"
    channel = channel if channel in _CHANNELS else "email" if "@" in address else "sms"
    client, statements, blocking = view.gateway.dispatcher.consent, None, None
    if address:
        try:
            statements = await client.show(channel, address)
            blocking = await client.find(channel, address, category=category)
        except BadInput as error:
            problem = problem or str(error)
    return view.page(
        "consent.html",
        400 if problem else 200,
        channels=_CHANNELS,
        channel=channel,
        address=address,
        category=category,
        statements=statements,
        blocking=blocking,
        problem=problem,
        done=done,
    )
