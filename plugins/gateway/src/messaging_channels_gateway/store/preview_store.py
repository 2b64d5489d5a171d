"""What was sent lately, with its content, in memory: for the page of the development, and for operators who want it. Not made otherwise."""

from __future__ import annotations

import base64
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from messaging_channels import Attachment, Email, QueuedReceipt, Receipt, WhatsAppTemplate
from messaging_channels.messages import Message, Mms
from messaging_channels.plugins import Status

_MAX_MESSAGES = 200
_MAX_SHOWN_FILE = 5 * 1024 * 1024
_PICTURE = re.compile(r"image/(png|jpeg|gif|webp|avif|bmp|svg\+xml)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PreviewFile:
    """A file of a mail."""

    filename: str
    content_type: str
    content_id: str
    """Empty for one that the text does not show."""
    content: bytes | None = field(repr=False)
    """None if it was too large to keep, or cannot be read."""

    @property
    def is_shown_in_html(self) -> bool:
        """Whether the mail's html may show it."""
        return bool(self.content_id and self.content and _PICTURE.fullmatch(self.content_type))


@dataclass(frozen=True, slots=True)
class PreviewContent:
    """What a message said."""

    parts: dict[str, str] = field(repr=False)
    """`text`, `subject`, `html`, `media`, `template`, `parameters`, and the further fields of a mail, as far as it has them."""
    files: Sequence[PreviewFile] = field(default=(), repr=False)

    @property
    def html(self) -> str | None:
        """The html of a mail, with its inline pictures in it."""
        html = self.parts.get("html")
        for file in self.files if html is not None else ():
            if file.is_shown_in_html and file.content is not None:
                data = base64.b64encode(file.content).decode()
                html = (
                    html.replace(f"cid:{file.content_id}", f"data:{file.content_type};base64,{data}")
                    if html
                    else html
                )
        return html


@dataclass(frozen=True, slots=True)
class PreviewMessage:
    """One message as a page shows it."""

    id: str
    tenant: str
    channel: str
    destination: str = field(repr=False)
    content: PreviewContent = field(repr=False)
    status: Status
    """At first."""
    at: float
    """When it was sent: seconds since the epoch, UTC."""


class PreviewStore:
    """The last messages."""

    def __init__(self) -> None:
        self._messages: OrderedDict[str, PreviewMessage] = OrderedDict()

    def add(self, tenant: str, message: Message, receipt: Receipt | QueuedReceipt, at: float) -> None:
        """Show a message, unless it is the answer to a repetition."""
        if receipt.replayed:
            return
        shown = PreviewMessage(
            receipt.id,
            tenant,
            receipt.channel,
            receipt.destination.plain,
            content_of(message),
            receipt.status,
            at,
        )
        self._messages[receipt.id] = shown
        while len(self._messages) > _MAX_MESSAGES:
            self._messages.popitem(last=False)

    def messages(self) -> Sequence[PreviewMessage]:
        """Return them, the newest first."""
        return list(reversed(self._messages.values()))

    def erase(self, addresses: Sequence[str]) -> int:
        """Forget the messages to any of these addresses, and those that name one of them; return how many."""
        about = [key for key, one in self._messages.items() if _names(one, addresses)]
        for key in about:
            del self._messages[key]
        return len(about)

    def find(self, message_id: str) -> PreviewMessage | None:
        """Return one of them."""
        return self._messages.get(message_id)


def _names(shown: PreviewMessage, addresses: Sequence[str]) -> bool:
    return any(
        one == shown.destination or any(one in part for part in shown.content.parts.values())
        for one in addresses
    )


def content_of(message: Message) -> PreviewContent:
    """Return what a person would see."""
    if isinstance(message, Email):
        return _mail(message)
    if isinstance(message, WhatsAppTemplate):
        gaps = message.parameters.values() if isinstance(message.parameters, Mapping) else message.parameters
        return PreviewContent({"text": "", "template": message.name, "parameters": ", ".join(map(str, gaps))})
    words = (
        getattr(message, "text", None) or getattr(message, "caption", None) or getattr(message, "body", None)
    )
    parts = {"text": words or "", "media": _media(message)}
    return PreviewContent({name: str(part) for name, part in parts.items() if part is not None})


def content_of_sandbox(kept: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> PreviewContent:
    """Return what a message said that the sandbox took, from the sandbox's own words."""
    names = ("subject", "text", "html", "sender", "name", "caption", "body")
    parts = {name: str(kept[name]) for name in names if isinstance(kept.get(name), str)}
    if "name" in parts:
        parts = {"text": "", "template": parts["name"], "parameters": _joined(kept.get("parameters"))}
    parts.setdefault("text", parts.pop("caption", parts.pop("body", "")))
    if "subject" in parts and not parts["text"]:
        del parts["text"]
    parts |= {name: _joined(kept[name]) for name in ("cc", "bcc", "reply_to") if kept.get(name)}
    return PreviewContent(parts, [PreviewFile(**file) for file in files])


def _mail(mail: Email) -> PreviewContent:
    parts: dict[str, Any] = {"subject": mail.subject, "text": mail.text, "html": mail.html}
    parts |= {name: str(getattr(mail, name)) for name in ("sender",) if getattr(mail, name)}
    parts |= {name: _joined(getattr(mail, name)) for name in ("cc", "bcc", "reply_to") if getattr(mail, name)}
    told = {name: str(part) for name, part in parts.items() if part is not None}
    return PreviewContent(told, [_file(one) for one in mail.attachments])


def _file(file: Attachment) -> PreviewFile:
    try:
        content = file.read()
    except OSError:
        content = None
    kept = content if content is not None and len(content) <= _MAX_SHOWN_FILE else None
    return PreviewFile(file.filename, file.media_type.name, file.content_id or "", kept)


def _joined(values: Any) -> str:  # noqa: ANN401  addresses, or what fills gaps
    if isinstance(values, Mapping):
        values = values.values()  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return values if isinstance(values, str) else ", ".join(map(str, values or ()))


def _media(message: Message) -> str | None:
    media: Any = getattr(message, "media", None)
    url: Any = media[0] if isinstance(message, Mms) else getattr(media, "url", None)
    return url if isinstance(url, str) else None
