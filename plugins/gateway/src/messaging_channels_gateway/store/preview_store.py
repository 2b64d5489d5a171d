"""What was sent in development, with its content, in memory: for the page that shows it. Not made anywhere else."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from messaging_channels import QueuedReceipt, Receipt
from messaging_channels.messages import Email, Message, Mms, WhatsAppTemplate
from messaging_channels.plugins import Status

_MAX_MESSAGES = 200


@dataclass(frozen=True, slots=True)
class PreviewMessage:
    """One message as the page shows it."""

    id: str
    tenant: str
    channel: str
    destination: str = field(repr=False)
    content: dict[str, str] = field(repr=False)
    status: Status
    """At first."""


class PreviewStore:
    """The last messages."""

    def __init__(self) -> None:
        self._messages: deque[PreviewMessage] = deque(maxlen=_MAX_MESSAGES)

    def add(self, tenant: str, message: Message, receipt: Receipt | QueuedReceipt) -> None:
        """Show a message, unless it is the answer to a repetition."""
        if not receipt.replayed:
            content = _content(message)
            self._messages.append(
                PreviewMessage(
                    receipt.id, tenant, receipt.channel, receipt.destination.plain, content, receipt.status
                )
            )

    def messages(self) -> Sequence[PreviewMessage]:
        """Return them, the newest first."""
        return list(reversed(self._messages))


def _content(message: Message) -> dict[str, str]:
    """Return what a person would see."""
    if isinstance(message, Email):
        parts: dict[str, Any] = {"subject": message.subject, "text": message.text, "html": message.html}
    elif isinstance(message, WhatsAppTemplate):
        gaps = message.parameters.values() if isinstance(message.parameters, Mapping) else message.parameters
        parts = {"text": "", "template": message.name, "parameters": ", ".join(map(str, gaps))}
    else:
        words = getattr(message, "text", None) or getattr(message, "caption", None) or ""
        parts = {"text": words, "media": _media(message)}
    return {name: str(part) for name, part in parts.items() if part is not None}


def _media(message: Message) -> str | None:
    media: Any = getattr(message, "media", None)
    url: Any = media[0] if isinstance(message, Mms) else getattr(media, "url", None)
    return url if isinstance(url, str) else None
