"""Files in what is asked of a vendor: read through the transport, and as base64."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from messaging_channels._model.errors import InvalidMessage
from messaging_channels.messages import Message
from messaging_channels.plugins.exchange import BlockingCall, Flow, ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from messaging_channels.messages import Attachment, ListUnsubscribe

MessageT = TypeVar("MessageT", bound=Message)


def read_attachments(message: MessageT) -> Flow[MessageT]:
    """Return the message with every attachment held as bytes: those that are files or streams are read, by a `BlockingCall` each.

    `HttpProvider` does so before `build_request`, in which `attachment.content` is then bytes.

    Raises:
        InvalidMessage: one of them cannot be read.
    """
    given: tuple[Attachment, ...] = getattr(message, "attachments", ())
    if all(isinstance(one.content, bytes) for one in given):
        return message
    held: list[Attachment] = []
    for one in given:
        held.append(one if isinstance(one.content, bytes) else (yield from _read(one)))  # noqa: PERF401  no comprehension may yield
    return cast("MessageT", replace(cast("Any", message), attachments=tuple(held)))


def _read(attachment: Attachment) -> Flow[Attachment]:
    try:
        content = yield from ask(BlockingCall(attachment.read, may_send=False))
    except OSError as error:
        raise InvalidMessage(
            f"has a file that cannot be read ({error.strerror or type(error).__name__})",
            field="Email.attachments",
            hint="check that the file exists and is readable",
        ) from error
    return replace(attachment, content=content)


def base64_text(content: bytes | Attachment) -> str:
    """Return bytes, or the content of an attachment, in base64 without line ends (RFC 4648, section 4), as vendors want files in JSON.

    Raises:
        InvalidMessage: the attachment is a file or a stream. Read it first, with `read_attachments`.
    """
    held = content if isinstance(content, bytes) else content.content
    if not isinstance(held, bytes):
        raise InvalidMessage(
            "is a file or a stream that was not read",
            field="Email.attachments",
            hint="yield from read_attachments(message) before the request is built",
        )
    return b64encode(held).decode()


def unsubscribe_headers(leave: ListUnsubscribe | None) -> Mapping[str, str]:
    """Return the headers for leaving a list, none for None: `List-Unsubscribe` (RFC 2369) and, with a URL, `List-Unsubscribe-Post` (RFC 8058)."""
    if leave is None:
        return {}
    ways = {"List-Unsubscribe": ", ".join(f"<{uri}>" for uri in leave.uris)}
    return ways | ({"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"} if leave.url else {})
