"""What is kept of one recipient, over all tenants: told, and forgotten. For operators; the address stands in the body, not in a path that logs keep."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from messaging_channels import EmailAddress, PhoneNumber
from messaging_channels.errors import InvalidAddress
from messaging_channels.plugins import spellings
from messaging_channels_gateway.api.request_context import (
    authenticate,
    gateway_of,
    json_body,
    json_response,
)
from messaging_channels_gateway.api.request_models import RequestModel, validate_body
from messaging_channels_gateway.auth.api_keys import OPERATE
from messaging_channels_gateway.channels import CHANNELS
from messaging_channels_gateway.problems import Problem
from messaging_channels_gateway.store.personal_data import PersonalData

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from messaging_channels.plugins import Address


class RecipientBody(RequestModel):
    """Whom it is about."""

    address: str
    """A phone number or a mail address, or an address of `channel`."""
    channel: Annotated[str, Field(pattern=f"^({'|'.join(CHANNELS)})$")] | None = None
    """Whose address it is. Default: told by its looks."""

    def parse(self) -> Address:
        """Return the address.

        Raises:
            Problem: it is none.
        """
        try:
            if self.channel is not None:
                return CHANNELS[self.channel].parse(self.address)
            kind = EmailAddress if "@" in self.address else PhoneNumber
            return kind.parse(self.address)
        except InvalidAddress as error:
            raise Problem("invalid_address", str(error)) from None


async def export_recipient(request: Request) -> Response:
    """`POST /v1/recipients/export`: messages with attempts and events, what waits, consent, and what the gateway itself keeps."""
    await authenticate(request, OPERATE)
    to = validate_body(RecipientBody, await json_body(request)).parse()
    gateway = gateway_of(request)
    kept = await gateway.dispatcher.queue.export_recipient(to)
    own = await asyncio.to_thread(PersonalData(gateway.store).export, *_named(to, kept))
    return json_response({**kept, "gateway": own})


async def erase_recipient(request: Request) -> Response:
    """`POST /v1/recipients/erase`: no address and no body is kept, and what waits is not sent. Done again, it finds nothing."""
    await authenticate(request, OPERATE)
    to = validate_body(RecipientBody, await json_body(request)).parse()
    gateway = gateway_of(request)
    addresses, message_ids = _named(to, await gateway.dispatcher.queue.export_recipient(to))
    messages = await gateway.dispatcher.queue.erase_recipient(to)
    if gateway.preview_store is not None:
        gateway.preview_store.erase(addresses)
    erased = await asyncio.to_thread(PersonalData(gateway.store).erase, addresses, message_ids)
    return json_response({"messages": messages, **erased})


def _named(to: Address, kept: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return the forms of an address, and the ids of the person's messages."""
    return [one.plain for one in spellings(to)], [one["messageId"] for one in kept["messages"]]
