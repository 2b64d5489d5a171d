"""Who wants to be written to: what was said about an address, and what forbids a message to it now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from messaging_channels.errors import BadInput
from messaging_channels_gateway.channels import CHANNELS
from messaging_channels_gateway.pages.operator_access import View, for_operators

if TYPE_CHECKING:
    from starlette.responses import Response

_CHANNELS = tuple(CHANNELS)


@for_operators
async def consent(view: View) -> Response:
    """`GET /operator/consent`: of an address on a channel. The address is looked up, and stands in no log."""
    query = view.request.query_params
    channel, address = query.get("channel", ""), query.get("address", "").strip()
    category = query.get("category", "").strip() or "marketing"
    channel = channel if channel in _CHANNELS else "email" if "@" in address else "sms"
    client, problem, statements, blocking = view.gateway.dispatcher.consent, "", None, None
    if address:
        try:
            statements = await client.show(channel, address)
            blocking = await client.find(channel, address, category=category)
        except BadInput as error:
            problem = str(error)
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
    )
