"""What a message said, for a page: from what the gateway keeps of its own calls, and from what the sandbox took of any program's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.responses import Response

from messaging_channels.plugins import status as statuses
from messaging_channels_gateway.problems import Problem
from messaging_channels_gateway.store.preview_store import PreviewMessage, content_of_sandbox

if TYPE_CHECKING:
    from messaging_channels_gateway.gateway import Gateway

_MAX_MESSAGES = 200
LIBRARY = "(library)"
"""In place of a tenant: what a program sent without the gateway."""


async def recent_messages(gateway: Gateway) -> list[PreviewMessage]:
    """Return the last messages whose content is known, the newest first."""
    own = list(gateway.preview_store.messages()) if gateway.preview_store else []
    known = {one.id for one in own}
    taken = [one for one in await _sandbox_messages(gateway) if one["messageId"] not in known]
    found = [*own, *[await _of_sandbox(gateway, one) for one in taken]]
    return sorted(found, key=lambda one: (one.at, one.id), reverse=True)[:_MAX_MESSAGES]


async def find_message(gateway: Gateway, message_id: str) -> PreviewMessage | None:
    """Return one message whose content is known."""
    own = gateway.preview_store.find(message_id) if gateway.preview_store else None
    if own is not None:
        return own
    taken = [one for one in await _sandbox_messages(gateway) if one["messageId"] == message_id]
    return await _of_sandbox(gateway, taken[0]) if taken else None


def file_response(message: PreviewMessage | None, position: str) -> Response:
    """Return a file of a mail, to be saved and never shown: it may be anything.

    Raises:
        Problem: `not_found`.
    """
    files = message.content.files if message else ()
    number = (
        int(position)
        if position.isascii() and position.isdecimal() and len(position) < len("10000")
        else len(files)
    )
    content = files[number].content if number < len(files) else None
    if content is None:
        raise Problem("not_found", "file not found")
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{_quoted(files[number].filename)}",
        "content-security-policy": "default-src 'none'; sandbox",
    }
    return Response(content, 200, headers, media_type="application/octet-stream")


async def _sandbox_messages(gateway: Gateway) -> list[dict[str, Any]]:
    if gateway.sandbox is None or gateway.preview_store is None:
        return []
    return await asyncio.to_thread(gateway.sandbox.outbox.messages, _MAX_MESSAGES)


async def _of_sandbox(gateway: Gateway, taken: dict[str, Any]) -> PreviewMessage:
    assert gateway.sandbox is not None  # noqa: S101  only what it took comes here
    files = await asyncio.to_thread(gateway.sandbox.outbox.files, taken["messageId"])
    record = await gateway.dispatcher.get_message(taken["messageId"])
    return PreviewMessage(
        id=taken["messageId"],
        tenant=(record.scope or LIBRARY) if record else LIBRARY,
        channel=taken["channel"],
        destination=taken["destination"],
        content=content_of_sandbox(taken["content"], files),
        status=record.status if record else statuses.from_dict(taken["status"]),
        at=taken["takenAt"],
    )


def _quoted(filename: str) -> str:
    return quote(filename.replace("/", "_").replace("\\", "_"), safe="")
